package store

import (
	"context"
	"fmt"
	"time"
)

// Resource returns the id at the platform of an input, output or codec
// configuration of an account, known by the hash of its content, or
// [job.ErrNotFound].
func (s *Store) Resource(ctx context.Context, accountID, kind, hash string) (remoteID string, err error) {
	const query = `SELECT remote_id FROM resources WHERE account = $1 AND kind = $2 AND hash = $3`
	remoteID, err = one(ctx, s.reader, scalar[string], query, accountID, kind, hash)
	if err != nil {
		return "", fmt.Errorf("%s of account %s: %w", kind, accountID, err)
	}
	return remoteID, nil
}

// SaveResource remembers the id of a resource, in place of an earlier one.
func (s *Store) SaveResource(ctx context.Context, accountID, kind, hash, remoteID string, now time.Time) error {
	const save = `INSERT OR REPLACE INTO resources (account, kind, hash, remote_id, update_time) VALUES ($1, $2, $3, $4, $5)`
	return s.exec(ctx, "save resource", save, accountID, kind, hash, remoteID, ms(now))
}

// DeleteResource forgets a resource, which may be unknown.
func (s *Store) DeleteResource(ctx context.Context, accountID, kind, hash string) error {
	const remove = `DELETE FROM resources WHERE account = $1 AND kind = $2 AND hash = $3`
	return s.exec(ctx, "delete resource", remove, accountID, kind, hash)
}

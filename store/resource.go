package store

import (
	"context"
	"fmt"
	"time"
)

// Resource returns the id at the platform of an input, output or codec
// configuration of an account, known by the hash of its content, and when it was
// saved, or [job.ErrNotFound].
func (s *Store) Resource(ctx context.Context, accountID, kind, hash string) (remoteID string, saved time.Time, err error) {
	const query = `SELECT remote_id, update_time FROM resources WHERE account = $1 AND kind = $2 AND hash = $3`
	var at stamp
	scan := func(r row) (id string, err error) {
		err = r.Scan(&id, &at)
		return id, err
	}
	remoteID, err = one(ctx, s.reader, scan, query, accountID, kind, hash)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("%s of account %s: %w", kind, accountID, err)
	}
	return remoteID, at.time(), nil
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

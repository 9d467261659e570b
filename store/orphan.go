package store

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
)

const orphansOf = `SELECT account, encoding_id, create_time FROM orphans WHERE account = $1 ORDER BY create_time, encoding_id LIMIT $2 + 0`

// Orphans returns orphans of an account, at most limit, the oldest first.
func (s *Store) Orphans(ctx context.Context, accountID string, limit int) ([]job.Orphan, error) {
	scan := func(r row) (o job.Orphan, err error) {
		var at stamp
		err = r.Scan(&o.AccountID, &o.EncodingID, &at)
		o.CreateTime = at.time()
		return o, err
	}
	list, err := all(ctx, s.reader, scan, orphansOf, accountID, limit)
	if err != nil {
		return nil, fmt.Errorf("orphans of account %s: %w", accountID, err)
	}
	return list, nil
}

// AddOrphan notes an orphan. One that is known already stays as it is.
func (s *Store) AddOrphan(ctx context.Context, o job.Orphan) error {
	_, err := write(ctx, s, "add orphan", func(t *tx) (struct{}, error) { return struct{}{}, t.addOrphan(o) })
	return err
}

func (t *tx) addOrphan(o job.Orphan) error {
	const insert = `INSERT INTO orphans (account, encoding_id, create_time) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	_, err := t.exec(insert, o.AccountID, o.EncodingID, ms(o.CreateTime))
	return err
}

// DeleteOrphan forgets an orphan, which may be unknown.
func (s *Store) DeleteOrphan(ctx context.Context, accountID, encodingID string) error {
	const remove = `DELETE FROM orphans WHERE account = $1 AND encoding_id = $2`
	return s.exec(ctx, "delete orphan", remove, accountID, encodingID)
}

// exec is a write of one statement.
func (s *Store) exec(ctx context.Context, what, text string, args ...any) error {
	_, err := write(ctx, s, what, func(t *tx) (int64, error) { return t.exec(text, args...) })
	return err
}

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stokerd/stoker/job"
)

// AccountSettings returns what was saved for an account, the zero value if
// nothing was.
func (s *Store) AccountSettings(ctx context.Context, id string) (job.AccountSettings, error) {
	const query = `SELECT paused, paused_reason, paused_time, queue_target FROM accounts WHERE id = $1`
	scan := func(r row) (a job.AccountSettings, err error) {
		var since stamp
		err = r.Scan(&a.Paused, &a.PausedReason, &since, &a.QueueTarget)
		a.PausedReason, a.PausedSince = job.Shorten(a.PausedReason, job.MaxReason), since.time()
		return a, err
	}
	a, err := one(ctx, s.reader, scan, query, id)
	if err != nil && !errors.Is(err, job.ErrNotFound) {
		return job.AccountSettings{}, fmt.Errorf("settings of account %s: %w", id, err)
	}
	return a, nil
}

// SaveAccountSettings replaces what was saved for an account.
func (s *Store) SaveAccountSettings(ctx context.Context, id string, a job.AccountSettings, now time.Time) error {
	const save = `INSERT OR REPLACE INTO accounts (id, paused, paused_reason, paused_time, queue_target, update_time) VALUES ($1, $2, $3, $4, $5, $6)`
	return s.exec(ctx, "save settings of account "+id, save, id, a.Paused, a.PausedReason, ms(a.PausedSince), a.QueueTarget, ms(now))
}

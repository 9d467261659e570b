package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stokerd/stoker/job"
)

const selectSettings = `SELECT paused, paused_reason, paused_time, queue_target FROM accounts WHERE id = $1`

func scanSettings(r row) (a job.AccountSettings, err error) {
	var since stamp
	err = r.Scan(&a.Paused, &a.PausedReason, &since, &a.QueueTarget)
	a.PausedReason, a.PausedSince = job.Shorten(a.PausedReason, job.MaxReason), since.time()
	return a, err
}

// AccountSettings returns what was saved for an account, the zero value if
// nothing was.
func (s *Store) AccountSettings(ctx context.Context, id string) (job.AccountSettings, error) {
	a, err := one(ctx, s.reader, scanSettings, selectSettings, id)
	if err != nil && !errors.Is(err, job.ErrNotFound) {
		return job.AccountSettings{}, fmt.Errorf("settings of account %s: %w", id, err)
	}
	return a, nil
}

// UpdateAccountSettings changes what is saved for an account, in one transaction, and wakes
// whoever works on the account. An error of f changes nothing and is returned.
func (s *Store) UpdateAccountSettings(ctx context.Context, id string, now time.Time, f func(*job.AccountSettings) error) (job.AccountSettings, error) {
	a, err := write(ctx, s, "save settings of account "+id, func(t *tx) (job.AccountSettings, error) {
		a, err := one(ctx, t, scanSettings, selectSettings, id)
		if err != nil && !errors.Is(err, job.ErrNotFound) {
			return a, err
		}
		if err := f(&a); err != nil {
			return a, err
		}
		const save = `INSERT OR REPLACE INTO accounts (id, paused, paused_reason, paused_time, queue_target, update_time) VALUES ($1, $2, $3, $4, $5, $6)`
		_, err = t.exec(save, id, a.Paused, a.PausedReason, ms(a.PausedSince), a.QueueTarget, ms(now))
		return a, err
	})
	if err != nil {
		return job.AccountSettings{}, err
	}
	s.board.mu.Lock()
	s.board.settings[id] = a
	s.board.mu.Unlock()
	s.notify([]job.Change{{AccountID: id, Dispatch: true}})
	return a, nil
}

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/stokerd/stoker/job"
)

// AccountSettings returns what was saved for an account, the zero value if
// nothing was.
func (s *Store) AccountSettings(ctx context.Context, id string) (job.AccountSettings, error) {
	a, err := ignoreMissing(s.engine.AccountSettings(ctx, id))
	if err != nil {
		return job.AccountSettings{}, fmt.Errorf("settings of account %s: %w", id, err)
	}
	return a, nil
}

// UpdateAccountSettings changes what is saved for an account, in one transaction, and wakes
// the account's loop. An error of f changes nothing and is returned. f may be called twice and
// must do nothing else.
func (s *Store) UpdateAccountSettings(ctx context.Context, id string, now time.Time, f func(*job.AccountSettings) error) (job.AccountSettings, error) {
	o := op{what: "save settings of account " + id, readsTable: true}
	a, err := write(ctx, s, o, func(u *unit) (job.AccountSettings, error) {
		a, err := ignoreMissing(u.tx.AccountSettings(u.ctx, id))
		if err != nil {
			return a, err
		}
		if err := f(&a); err != nil {
			return a, err
		}
		u.rows.Settings = append(u.rows.Settings, SettingsRow{AccountID: id, Settings: a, UpdateTime: now})
		u.settings[id] = a
		return a, nil
	})
	if err != nil {
		return job.AccountSettings{}, err
	}
	s.notify([]job.Change{{AccountID: id, Dispatch: true}})
	return a, nil
}

// DailyStarts returns how many starts an account has made on the day of now.
func (s *Store) DailyStarts(ctx context.Context, accountID string, now time.Time) (job.DailyStarts, error) {
	d, err := ignoreMissing(s.engine.DailyStarts(ctx, accountID))
	if err != nil {
		return job.DailyStarts{}, fmt.Errorf("starts of account %s: %w", accountID, err)
	}
	return onDay(d, now), nil
}

// PrincipalStarts returns how many starts there were on the day of now of the batches that a principal has
// submitted, on whichever account.
func (s *Store) PrincipalStarts(ctx context.Context, principal string, now time.Time) (job.DailyStarts, error) {
	d, err := ignoreMissing(s.engine.PrincipalStarts(ctx, principal))
	if err != nil {
		return job.DailyStarts{}, fmt.Errorf("starts of %s: %w", principal, err)
	}
	return onDay(d, now), nil
}

// onDay is the stored count as that of the day of now. If the clock was set back, it is of a later day: then it is
// the stricter count.
func onDay(d job.DailyStarts, now time.Time) job.DailyStarts {
	if today := job.Day(now); d.Day.Before(today) {
		return job.DailyStarts{Day: today}
	}
	return d
}

// ForgiveStarts lets an account make as many starts as its ceiling allows once more, on the
// day of now, and wakes the account's loop.
func (s *Store) ForgiveStarts(ctx context.Context, accountID string, now time.Time) error {
	o := op{what: "forgive the starts of account " + accountID}
	err := writeOnly(ctx, s, o, func(u *unit) error {
		if err := u.reserveStarts(accountID); err != nil {
			return err
		}
		u.rows.ForgivenStarts = append(u.rows.ForgivenStarts, ForgivenStarts{AccountID: accountID, Day: job.Day(now)})
		return nil
	})
	if err != nil {
		return err
	}
	s.forgive(accountID)
	s.notify([]job.Change{{AccountID: accountID, Dispatch: true}})
	return nil
}

// ReconcileSince returns since when the platform may hold encodings of an account that the
// job table does not know of: when a batch of it, or one of its jobs, was last changed in
// a way that watchers see, before this process changed anything. If an earlier process
// did not get as far as [Store.MarkReconciled], it is the time before that one changed anything.
// It is the zero time if there is nothing to compare.
func (s *Store) ReconcileSince(ctx context.Context, accountID string) (time.Time, error) {
	since, err := write(ctx, s, op{what: "last change", readsTable: true}, func(u *unit) (time.Time, error) {
		return u.tx.ReconcileSince(u.ctx, accountID)
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("account %s: %w", accountID, err)
	}
	return since, nil
}

// MarkReconciled notes that the job table knows all that the platform holds of an account.
func (s *Store) MarkReconciled(ctx context.Context, accountID string) error {
	o := op{what: "note that account " + accountID + " is reconciled"}
	return writeOnly(ctx, s, o, func(u *unit) error {
		if err := u.reserveRow("reconciled", accountID, ""); err != nil {
			return err
		}
		u.rows.ReconciledAccounts = append(u.rows.ReconciledAccounts, accountID)
		return nil
	})
}

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stokerd/stoker/job"
)

// DailyStarts returns how many starts an account has made on the day of now.
func (s *Store) DailyStarts(ctx context.Context, accountID string, now time.Time) (job.DailyStarts, error) {
	const query = `SELECT day, made, forgiven FROM daily_starts WHERE account = $1`
	scan := func(r row) (d job.DailyStarts, err error) {
		var day stamp
		err = r.Scan(&day, &d.Made, &d.Forgiven)
		d.Day = day.time()
		return d, err
	}
	d, err := one(ctx, s.reader, scan, query, accountID)
	if err != nil && !errors.Is(err, job.ErrNotFound) {
		return job.DailyStarts{}, fmt.Errorf("starts of account %s: %w", accountID, err)
	}
	if today := job.Day(now); d.Day.Before(today) {
		return job.DailyStarts{Day: today}, nil
	}
	return d, nil // of a later day, if the clock was set back: it is the stricter count
}

// ForgiveStarts lets an account make as many starts as its ceiling allows once more, on the
// day of now, and wakes whoever works on it.
func (s *Store) ForgiveStarts(ctx context.Context, accountID string, now time.Time) error {
	const forgive = `UPDATE daily_starts SET forgiven = made WHERE account = $1 AND day >= $2`
	if err := s.exec(ctx, "forgive the starts of account "+accountID, forgive, accountID, ms(job.Day(now))); err != nil {
		return err
	}
	s.board.forgive(accountID)
	s.notify([]job.Change{{AccountID: accountID, Dispatch: true}})
	return nil
}

// countStarts counts n starts of an account; n is less than 0 if some are given back. A start
// of yesterday that is given back today lowers nothing.
func (t *tx) countStarts(accountID string, n int, now time.Time) error {
	const count = `
INSERT INTO daily_starts (account, day, made, forgiven) VALUES ($1, $2, max($3, 0), 0)
ON CONFLICT (account) DO UPDATE
   SET made     = CASE WHEN excluded.day > day THEN excluded.made ELSE max(made + $3, 0) END,
       forgiven = CASE WHEN excluded.day > day THEN 0 ELSE min(forgiven, max(made + $3, 0)) END,
       day      = max(day, excluded.day)`
	_, err := t.exec(count, accountID, ms(job.Day(now)), n)
	return err
}

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stokerd/stoker/job"
)

// A job table may be older than what happened at the platform: somebody has put back a
// backup. Nothing in it says so. But whatever it does not know was created after the last
// change it knows; so that is what a process has to remember, before it changes anything
// itself, until the account has been compared with the platform.
const rememberLastChange = `
INSERT INTO unreconciled (account, since)
SELECT account, max(update_time)
  FROM (SELECT account, update_time FROM batches INDEXED BY batches_live WHERE finish_time = 0
         UNION ALL
        SELECT account, update_time FROM batches INDEXED BY batches_ended WHERE finish_time <> 0)
 WHERE true
 GROUP BY account
    ON CONFLICT DO NOTHING`

// ReconcileSince returns since when the platform may hold encodings of an account that the
// job table does not know of: when a batch of it, or one of its jobs, was last changed in
// a way that watchers see, before this process changed anything. If an earlier process
// did not get as far as [Store.MarkReconciled], it is what that would have been told. It is
// the zero time if there is nothing to compare.
func (s *Store) ReconcileSince(ctx context.Context, accountID string) (time.Time, error) {
	const query = `SELECT since FROM unreconciled WHERE account = $1`
	at, err := write(ctx, s, "last change", func(t *tx) (int64, error) {
		// The first write of a process has done so, but there may have been a
		// Reconciled since.
		if _, err := t.exec(rememberLastChange); err != nil {
			return 0, err
		}
		at, err := one(t.ctx, t, scalar[int64], query, accountID)
		if errors.Is(err, job.ErrNotFound) {
			return 0, nil
		}
		return at, err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("account %s: %w", accountID, err)
	}
	return stamp(at).time(), nil
}

// MarkReconciled notes that the job table knows all that the platform holds of an account.
func (s *Store) MarkReconciled(ctx context.Context, accountID string) error {
	const remove = `DELETE FROM unreconciled WHERE account = $1`
	return s.exec(ctx, "note that account "+accountID+" is reconciled", remove, accountID)
}

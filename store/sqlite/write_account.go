package sqlite

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

func (t *transaction) writeStarts(ctx context.Context, rows *store.Rows) error {
	const count = `
INSERT INTO daily_starts (account, day, made, forgiven) VALUES ($1, $2, max($3, 0), 0)
ON CONFLICT (account) DO UPDATE
   SET made     = CASE WHEN excluded.day > day THEN excluded.made ELSE max(made + $3, 0) END,
       forgiven = CASE WHEN excluded.day > day THEN 0 ELSE min(forgiven, max(made + $3, 0)) END,
       day      = max(day, excluded.day)`
	for _, s := range rows.Starts {
		if _, err := t.exec(ctx, count, s.Of, ms(s.Day), s.Change); err != nil {
			return err
		}
	}
	const countOfPrincipal = `
INSERT INTO principal_starts (principal, day, made) VALUES ($1, $2, max($3, 0))
ON CONFLICT (principal) DO UPDATE
   SET made = CASE WHEN excluded.day > day THEN excluded.made ELSE max(made + $3, 0) END,
       day  = max(day, excluded.day)`
	for _, s := range rows.PrincipalStarts {
		if _, err := t.exec(ctx, countOfPrincipal, s.Of, ms(s.Day), s.Change); err != nil {
			return err
		}
	}
	const forgive = `UPDATE daily_starts SET forgiven = made WHERE account = $1 AND day >= $2`
	for _, s := range rows.ForgivenStarts {
		if _, err := t.exec(ctx, forgive, s.AccountID, ms(s.Day)); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) writeAccounts(ctx context.Context, rows *store.Rows) error {
	const save = `INSERT OR REPLACE INTO accounts (id, paused, paused_reason, paused_time, queue_target, auto_target, update_time) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	for _, r := range rows.Settings {
		s := r.Settings
		if _, err := t.exec(ctx, save, r.AccountID, s.Paused, s.PausedReason, ms(s.PausedSince), s.Target.Number, s.Target.Auto, ms(r.UpdateTime)); err != nil {
			return err
		}
	}
	for _, id := range rows.ReconciledAccounts {
		if _, err := t.exec(ctx, `DELETE FROM unreconciled WHERE account = $1`, id); err != nil {
			return err
		}
	}
	return nil
}

// writePlatform writes what is kept of things at the platform.
func (t *transaction) writePlatform(ctx context.Context, rows *store.Rows) error {
	if !rows.Probe.IsZero() {
		const probe = `INSERT INTO meta (name, value) VALUES ('probed', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`
		if _, err := t.exec(ctx, probe, strconv.FormatInt(rows.Probe.UnixMilli(), 10)); err != nil {
			return err
		}
	}
	const addOrphan = `INSERT INTO orphans (account, encoding_id, create_time) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	for _, o := range rows.Orphans {
		if _, err := t.exec(ctx, addOrphan, o.AccountID, o.EncodingID, ms(o.CreateTime)); err != nil {
			return err
		}
	}
	for _, o := range rows.DeletedOrphans {
		if _, err := t.exec(ctx, `DELETE FROM orphans WHERE account = $1 AND encoding_id = $2`, o.AccountID, o.EncodingID); err != nil {
			return err
		}
	}
	const saveResource = `INSERT OR REPLACE INTO resources (account, kind, hash, remote_id, update_time) VALUES ($1, $2, $3, $4, $5)`
	for _, r := range rows.Resources {
		if _, err := t.exec(ctx, saveResource, r.AccountID, r.Kind, r.Hash, r.RemoteID, ms(r.Time)); err != nil {
			return err
		}
	}
	for _, r := range rows.DeletedResources {
		if _, err := t.exec(ctx, `DELETE FROM resources WHERE account = $1 AND kind = $2 AND hash = $3`, r.AccountID, r.Kind, r.Hash); err != nil {
			return err
		}
	}
	const saveParameter = `INSERT OR REPLACE INTO list_parameters (account, name, fault, time) VALUES ($1, $2, $3, $4)`
	for _, r := range rows.ListParameters {
		p := r.Parameter
		if _, err := t.exec(ctx, saveParameter, r.AccountID, p.Name, string(p.Fault), ms(p.Time)); err != nil {
			return err
		}
	}
	for _, r := range rows.DeletedListParameters {
		if _, err := t.exec(ctx, `DELETE FROM list_parameters WHERE account = $1 AND name = $2`, r.AccountID, r.Parameter.Name); err != nil {
			return err
		}
	}
	return nil
}

// noteLastChange notes for each account when it was last changed, unless that is noted already.
//
// A job table that was restored from a backup does not know the latest encodings at the platform,
// and nothing in it says that it was restored. But the encodings that it does not know were
// created after the last change that it knows. So a process notes that time before it changes
// anything itself. The time stays noted until the account has been compared with the platform.
const noteLastChange = `
INSERT INTO unreconciled (account, since)
SELECT account, max(update_time)
  FROM (SELECT account, update_time FROM batches INDEXED BY batches_live WHERE finish_time = 0
         UNION ALL
        SELECT account, update_time FROM batches INDEXED BY batches_ended WHERE finish_time <> 0
         UNION ALL
        SELECT account, time FROM last_changes)
 WHERE true
 GROUP BY account
    ON CONFLICT DO NOTHING`

// ReconcileSince notes the last changes once more: the process has done so in its first
// transaction, but an account may have been reconciled since.
func (t *transaction) ReconcileSince(ctx context.Context, accountID string) (time.Time, error) {
	if _, err := t.exec(ctx, noteLastChange); err != nil {
		return time.Time{}, err
	}
	const query = `SELECT since FROM unreconciled WHERE account = $1`
	since, err := one(ctx, t, scalar[stamp], query, accountID)
	if errors.Is(err, job.ErrNotFound) {
		return time.Time{}, nil
	}
	return since.time(), err
}

package postgres

import (
	"strconv"

	"github.com/stokerd/stoker/store"
)

func writeStarts(w *writes, rows *store.Rows) {
	const count = `
INSERT INTO daily_starts AS d (account, day, made, forgiven) VALUES ($1, $2, greatest($3::bigint, 0), 0)
    ON CONFLICT (account) DO UPDATE
   SET made     = CASE WHEN excluded.day > d.day THEN excluded.made ELSE greatest(d.made + $3::bigint, 0) END,
       forgiven = CASE WHEN excluded.day > d.day THEN 0 ELSE least(d.forgiven, greatest(d.made + $3::bigint, 0)) END,
       day      = greatest(d.day, excluded.day)`
	for _, s := range rows.Starts {
		w.any(count, s.Of, ms(s.Day), int64(s.Change))
	}
	const countOfPrincipal = `
INSERT INTO principal_starts AS p (principal, day, made) VALUES ($1, $2, greatest($3::bigint, 0))
    ON CONFLICT (principal) DO UPDATE
   SET made = CASE WHEN excluded.day > p.day THEN excluded.made ELSE greatest(p.made + $3::bigint, 0) END,
       day  = greatest(p.day, excluded.day)`
	for _, s := range rows.PrincipalStarts {
		w.any(countOfPrincipal, storable(s.Of), ms(s.Day), int64(s.Change))
	}
	for _, s := range rows.ForgivenStarts {
		w.any(`UPDATE daily_starts SET forgiven = made WHERE account = $1 AND day >= $2`, s.AccountID, ms(s.Day))
	}
}

func writeAccounts(w *writes, rows *store.Rows) {
	const save = `
INSERT INTO accounts (id, paused, paused_reason, paused_time, queue_target, auto_target, update_time) VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (id) DO UPDATE
   SET paused = excluded.paused, paused_reason = excluded.paused_reason, paused_time = excluded.paused_time,
       queue_target = excluded.queue_target, auto_target = excluded.auto_target, update_time = excluded.update_time`
	for _, r := range rows.Settings {
		s := r.Settings
		w.any(save, r.AccountID, s.Paused, storable(s.PausedReason), ms(s.PausedSince), s.Target.Number, s.Target.Auto, ms(r.UpdateTime))
	}
	if !rows.Probe.IsZero() {
		w.any(`INSERT INTO meta (name, value) VALUES ('probed', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, strconv.FormatInt(ms(rows.Probe), 10))
	}
	for _, id := range rows.ReconciledAccounts {
		w.any(`DELETE FROM unreconciled WHERE account = $1`, id)
	}
}

// writePlatform writes what is kept of things at the platform.
func writePlatform(w *writes, rows *store.Rows) {
	for _, o := range rows.Orphans {
		w.any(`INSERT INTO orphans (account, encoding_id, create_time) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, o.AccountID, storable(o.EncodingID), ms(o.CreateTime))
	}
	for _, o := range rows.DeletedOrphans {
		w.any(`DELETE FROM orphans WHERE account = $1 AND encoding_id = $2`, o.AccountID, storable(o.EncodingID))
	}
	const saveResource = `
INSERT INTO resources (account, kind, hash, remote_id, update_time) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (account, kind, hash) DO UPDATE SET remote_id = excluded.remote_id, update_time = excluded.update_time`
	for _, r := range rows.Resources {
		w.any(saveResource, r.AccountID, r.Kind, r.Hash, storable(r.RemoteID), ms(r.Time))
	}
	for _, r := range rows.DeletedResources {
		w.any(`DELETE FROM resources WHERE account = $1 AND kind = $2 AND hash = $3`, r.AccountID, r.Kind, r.Hash)
	}
	const saveParameter = `
INSERT INTO list_parameters (account, name, fault, time) VALUES ($1, $2, $3, $4)
    ON CONFLICT (account, name) DO UPDATE SET fault = excluded.fault, time = excluded.time`
	for _, r := range rows.ListParameters {
		w.any(saveParameter, r.AccountID, r.Parameter.Name, string(r.Parameter.Fault), ms(r.Parameter.Time))
	}
	for _, r := range rows.DeletedListParameters {
		w.any(`DELETE FROM list_parameters WHERE account = $1 AND name = $2`, r.AccountID, r.Parameter.Name)
	}
}

// writeAccess writes tokens and entries of the audit log. Changes of tokens become visible in their order, because
// one transaction at a time makes them.
func writeAccess(w *writes, rows *store.Rows) {
	const saveToken = `
INSERT INTO tokens (id, change, name, hash, role, accounts, created_by, create_time, expire_time, revoke_time, last_use_time)
VALUES ($1, (SELECT coalesce(max(change), 0) + 1 FROM tokens), $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (id) DO UPDATE SET change = excluded.change, revoke_time = excluded.revoke_time`
	if len(rows.Tokens) > 0 {
		w.any(`LOCK TABLE tokens IN SHARE ROW EXCLUSIVE MODE`)
	}
	for _, k := range rows.Tokens {
		w.any(saveToken, k.ID, storable(k.Name), k.Hash[:], k.Role.String(), encodeSlice(k.Accounts), storable(k.CreatedBy),
			ms(k.CreateTime), ms(k.ExpireTime), ms(k.RevokeTime), ms(k.LastUseTime))
	}
	for _, u := range rows.TokenUses {
		w.any(`UPDATE tokens SET last_use_time = greatest(last_use_time, $2) WHERE id = $1`, u.ID, ms(u.Time))
	}
	const saveEntry = `
INSERT INTO audit (id, time, principal, kind, address, method, target, outcome, detail, call_id, refused)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (id) DO UPDATE
   SET target = excluded.target, outcome = excluded.outcome, detail = excluded.detail, refused = excluded.refused`
	for _, e := range rows.Entries {
		w.any(saveEntry, e.ID, ms(e.Time), storable(e.Principal), string(e.Kind), storable(e.Address), e.Method, storable(e.Target), e.Outcome, storable(e.Detail), storable(e.CallID), e.Refused)
	}
}

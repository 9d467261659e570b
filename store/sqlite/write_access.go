package sqlite

import (
	"context"
	"time"

	"github.com/stokerd/stoker/store"
)

// writeAccess writes tokens and entries of the audit log.
func (t *transaction) writeAccess(ctx context.Context, rows *store.Rows) error {
	const saveToken = `
INSERT INTO tokens (id, change, name, hash, role, accounts, created_by, create_time, expire_time, revoke_time, last_use_time)
VALUES ($1, (SELECT coalesce(max(change), 0) + 1 FROM tokens), $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (id) DO UPDATE SET change = excluded.change, revoke_time = excluded.revoke_time`
	for _, k := range rows.Tokens {
		if _, err := t.exec(ctx, saveToken, k.ID, k.Name, k.Hash[:], k.Role.String(), encodeSlice(k.Accounts), k.CreatedBy,
			ms(k.CreateTime), ms(k.ExpireTime), ms(k.RevokeTime), ms(k.LastUseTime)); err != nil {
			return err
		}
	}
	for _, u := range rows.TokenUses {
		if _, err := t.exec(ctx, `UPDATE tokens SET last_use_time = max(last_use_time, $2) WHERE id = $1`, u.ID, ms(u.Time)); err != nil {
			return err
		}
	}
	// Parameters without numbers: the driver looks up the name of each one that has a number, and there is an entry
	// for every change.
	const saveEntry = `
INSERT INTO audit (id, time, principal, kind, address, method, target, outcome, detail, call_id, refused)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE
   SET target = excluded.target, outcome = excluded.outcome, detail = excluded.detail, refused = excluded.refused`
	for _, e := range rows.Entries {
		if _, err := t.exec(ctx, saveEntry, e.ID, ms(e.Time), e.Principal, string(e.Kind), e.Address, e.Method, e.Target, e.Outcome, e.Detail, e.CallID, e.Refused); err != nil {
			return err
		}
	}
	return nil
}

// ReapEntries removes entries from the beginning of the audit log.
func (t *transaction) ReapEntries(ctx context.Context, before time.Time, limit int) (int64, error) {
	const reap = `DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE time < $1 ORDER BY id LIMIT $2 + 0)`
	return t.exec(ctx, reap, ms(before), limit)
}

package postgres

import (
	"context"
	"fmt"
	"math"

	"github.com/stokerd/stoker/internal/access"
)

// accessQueries answers what can be asked about tokens and the audit log.
type accessQueries struct{ q querier }

const tokenColumns = `id, change, name, hash, role, accounts, created_by, create_time, expire_time, revoke_time, last_use_time`

func scanToken(r row) (t access.Token, err error) {
	var hash []byte
	var role, accounts string
	var create, expire, revoke, use stamp
	if err := r.Scan(&t.ID, &t.Change, &t.Name, &hash, &role, &accounts, &t.CreatedBy, (*int64)(&create), (*int64)(&expire), (*int64)(&revoke), (*int64)(&use)); err != nil {
		return t, err
	}
	copy(t.Hash[:], hash)
	t.CreateTime, t.ExpireTime, t.RevokeTime, t.LastUseTime = create.time(), expire.time(), revoke.time(), use.time()
	if t.Role, err = access.ParseRole(role); err != nil {
		return t, fmt.Errorf("role of token %s: %w", t.ID, err)
	}
	return t, decode(accounts, &t.Accounts)
}

func (r accessQueries) Tokens(ctx context.Context, after int64) ([]access.Token, error) {
	const query = `SELECT ` + tokenColumns + ` FROM tokens WHERE change > $1 ORDER BY change`
	return all(ctx, r.q, scanToken, query, after)
}

func (r accessQueries) Token(ctx context.Context, id string) (access.Token, error) {
	const query = `SELECT ` + tokenColumns + ` FROM tokens WHERE id = $1`
	return one(ctx, r.q, scanToken, query, storable(id))
}

// The lists of entries share their parameters: $1 and $2 the ids between which they are, $3 and $4 the same as
// times, $5 principal, $6 methods, $7 outcomes, $8 call id, $9 limit, $10 target.
const (
	entryColumns = `id, time, principal, kind, address, method, target, outcome, detail, call_id, refused`
	entryFilter  = `
   AND id > $1 AND id < $2 AND time >= $3 AND time < $4
   AND ($6::text[] IS NULL OR method = ANY ($6::text[]) OR substr(method, strpos(method, '/') + 1) = ANY ($6::text[]))
   AND ($7::text[] IS NULL OR outcome = ANY ($7::text[]))
   AND ($8 = '' OR call_id = $8)`
	newestFirst = ` ORDER BY id DESC LIMIT $9`

	allEntries = `SELECT ` + entryColumns + ` FROM audit WHERE ($5 = '' OR principal = $5)` + entryFilter + newestFirst
	// '0' is the character after '/': the jobs of a batch have its id, a slash and a number.
	entriesByTarget = `
SELECT ` + entryColumns + ` FROM audit
 WHERE (target = $10 OR target > $10::text || '/' AND target < $10::text || '0') AND target <> ''
   AND ($5 = '' OR principal = $5)` + entryFilter + newestFirst
)

func scanEntry(r row) (e access.Entry, err error) {
	var at stamp
	err = r.Scan(&e.ID, (*int64)(&at), &e.Principal, (*string)(&e.Kind), &e.Address, &e.Method, &e.Target, &e.Outcome, &e.Detail, &e.CallID, &e.Refused)
	e.Time = at.time()
	return e, err
}

func (r accessQueries) Entries(ctx context.Context, f access.EntryFilter) ([]access.Entry, error) {
	after, before := f.IDs()
	since, until := int64(0), int64(math.MaxInt64)
	if !f.Since.IsZero() {
		since = ms(f.Since)
	}
	if !f.Until.IsZero() {
		until = ms(f.Until)
	}
	args := []any{after, before, since, until, storable(f.Principal), array(f.Methods), array(f.Outcomes), storable(f.CallID), limit(f.Limit)}
	if f.Target != "" {
		return all(ctx, r.q, scanEntry, entriesByTarget, append(args, storable(f.Target))...)
	}
	return all(ctx, r.q, scanEntry, allEntries, args...)
}

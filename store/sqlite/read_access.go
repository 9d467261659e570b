package sqlite

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
	var role string
	var accounts text
	var create, expire, revoke, use stamp
	if err := r.Scan(&t.ID, &t.Change, &t.Name, &hash, &role, &accounts, &t.CreatedBy, &create, &expire, &revoke, &use); err != nil {
		return t, err
	}
	copy(t.Hash[:], hash)
	t.CreateTime, t.ExpireTime, t.RevokeTime, t.LastUseTime = create.time(), expire.time(), revoke.time(), use.time()
	if t.Role, err = access.ParseRole(role); err != nil {
		return t, fmt.Errorf("role of token %s: %w", t.ID, err)
	}
	return t, accounts.decode(&t.Accounts)
}

const tokensAfter = `SELECT ` + tokenColumns + ` FROM tokens WHERE change > $1 ORDER BY change`

func (r accessQueries) Tokens(ctx context.Context, after int64) ([]access.Token, error) {
	return all(ctx, r.q, scanToken, tokensAfter, after)
}

func (r accessQueries) Token(ctx context.Context, id string) (access.Token, error) {
	const query = `SELECT ` + tokenColumns + ` FROM tokens WHERE id = $1`
	return one(ctx, r.q, scanToken, query, id)
}

// $1 and $2 are the ids between which entries are, $3 and $4 the same as times, $5 principal, $6 methods, $7 outcomes,
// $8 call id, $9 target, $10 limit. '0' is the character after '/': the jobs of a batch have its id, a slash and a number.
// There is no index but the id, and the conditions that leave out most come first: half of the time is spent on them.
const entriesBefore = `
SELECT id, time, principal, kind, address, method, target, outcome, detail, call_id, refused
  FROM audit
 WHERE id > $1 AND id < $2
   AND ($9 = '' OR target = $9 OR target > $9 || '/' AND target < $9 || '0')
   AND ($5 = '' OR principal = $5)
   AND ($8 = '' OR call_id = $8)
   AND time >= $3 AND time < $4
   AND ($6 IS NULL OR method IN (SELECT value FROM json_each($6)) OR substr(method, instr(method, '/') + 1) IN (SELECT value FROM json_each($6)))
   AND ($7 IS NULL OR outcome IN (SELECT value FROM json_each($7)))
 ORDER BY id DESC LIMIT $10 + 0`

func scanEntry(r row) (e access.Entry, err error) {
	var at stamp
	err = r.Scan(&e.ID, &at, &e.Principal, (*string)(&e.Kind), &e.Address, &e.Method, &e.Target, &e.Outcome, &e.Detail, &e.CallID, &e.Refused)
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
	return all(ctx, r.q, scanEntry, entriesBefore,
		after, before, since, until, f.Principal, encodeList(f.Methods), encodeList(f.Outcomes), f.CallID, f.Target, limit(f.Limit))
}

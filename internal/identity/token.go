package identity

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"maps"
	"sync/atomic"
	"time"

	"github.com/stokerd/stoker/internal/access"
)

// tokenTable is what is known of the tokens of the service.
type tokenTable struct {
	source  Tokens
	byHash  atomic.Pointer[map[[sha256.Size]byte]*knownToken] // never written to
	revoked atomic.Pointer[map[string]bool]                   // ids; never written to

	reading chan struct{} // taken while the table is read anew
	latest  access.Token  // of those that were read, the one that was changed last
}

type knownToken struct {
	access.Token
	principal access.Principal
	usedHour  *atomic.Int64 // of the latest use, in hours since 1970
	keptHour  *atomic.Int64 // of the latest use that the job table has
}

func newTokenTable(source Tokens) *tokenTable {
	t := &tokenTable{source: source, reading: make(chan struct{}, 1)}
	t.byHash.Store(&map[[sha256.Size]byte]*knownToken{})
	t.revoked.Store(&map[string]bool{})
	return t
}

// identify returns the principal of a secret. Secrets that are mistyped, unknown, revoked and expired take the
// same way through it.
func (t *tokenTable) identify(secret string, now time.Time) (*access.Principal, error) {
	hash := access.HashSecret(secret)
	known, ok := (*t.byHash.Load())[hash]
	if !ok {
		known = &noToken
	}
	same := subtle.ConstantTimeCompare(known.Hash[:], hash[:]) == 1
	valid := known.Valid(now)
	switch {
	case same && valid:
		if hour := now.Unix() / 3600; known.usedHour.Load() < hour {
			known.usedHour.Store(hour)
		}
		return &known.principal, nil
	case same && !known.RevokeTime.IsZero():
		return nil, refuse("token " + known.ID + " is revoked")
	case same:
		return nil, refuse("token " + known.ID + " has expired")
	case !access.IsSecret(secret):
		return nil, refuse("token is mistyped")
	}
	return nil, refuse("token is not known")
}

var noToken knownToken

// refresh reads what has changed, and returns the ids of the tokens that were revoked.
func (t *tokenTable) refresh(ctx context.Context) (revoked []string, err error) {
	select {
	case t.reading <- struct{}{}:
		defer func() { <-t.reading }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	list, whole, err := t.readChanges(ctx)
	if err != nil || len(list) == 0 && !whole {
		return nil, err
	}
	before := *t.byHash.Load()
	table, gone := maps.Clone(before), maps.Clone(*t.revoked.Load())
	if whole {
		table, gone, t.latest = map[[sha256.Size]byte]*knownToken{}, map[string]bool{}, access.Token{}
	}
	for _, token := range list {
		known := &knownToken{Token: token, principal: token.Prove(), usedHour: new(atomic.Int64), keptHour: new(atomic.Int64)}
		if same, ok := before[token.Hash]; ok {
			known.usedHour, known.keptHour = same.usedHour, same.keptHour
		} else if !token.LastUseTime.IsZero() {
			known.usedHour.Store(token.LastUseTime.Unix() / 3600)
			known.keptHour.Store(token.LastUseTime.Unix() / 3600)
		}
		table[token.Hash] = known
		if !token.RevokeTime.IsZero() {
			revoked = append(revoked, token.ID)
			gone[token.ID] = true
		}
		if token.Change > t.latest.Change {
			t.latest = token
		}
	}
	for hash, known := range before {
		if table[hash] == nil { // it was lost
			revoked = append(revoked, known.ID)
			gone[known.ID] = true
		}
	}
	t.byHash.Store(&table)
	t.revoked.Store(&gone)
	return revoked, nil
}

// readChanges reads the tokens that were changed since the latest change that is known. If that change is not there any
// more, it reads the whole table: another change may have its number, after a failover of the database to a standby that
// lacked the latest ones.
func (t *tokenTable) readChanges(ctx context.Context) (list []access.Token, whole bool, err error) {
	list, err = t.source.Tokens(ctx, t.latest.Change-1)
	switch {
	case err != nil, t.latest.Change == 0:
		return list, false, err
	case len(list) > 0 && list[0].Change == t.latest.Change && list[0].ID == t.latest.ID && list[0].RevokeTime.Equal(t.latest.RevokeTime):
		return list[1:], false, nil
	}
	list, err = t.source.Tokens(ctx, 0)
	return list, true, err
}

// anyValid reports whether a token counts.
func (t *tokenTable) anyValid(now time.Time) bool {
	for _, known := range *t.byHash.Load() {
		if known.Valid(now) {
			return true
		}
	}
	return false
}

// keepUses keeps the uses that the job table does not have yet: one an hour at most for each token.
func (t *tokenTable) keepUses(ctx context.Context) error {
	uses := map[string]time.Time{}
	table := *t.byHash.Load()
	for _, known := range table {
		if hour := known.usedHour.Load(); hour > known.keptHour.Load() {
			uses[known.ID] = time.Unix(hour*3600, 0)
		}
	}
	if err := t.source.NoteTokenUses(ctx, uses); err != nil {
		return err
	}
	for _, known := range table {
		if at, ok := uses[known.ID]; ok {
			known.keptHour.Store(at.Unix() / 3600)
		}
	}
	return nil
}

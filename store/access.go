package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/stokerd/stoker/internal/access"
)

// AccessTable keeps the tokens and the audit log, in the job table. Its methods may be called
// concurrently.
//
// A write of [Store] whose context has a [access.Record] writes the entry of that record in the same
// transaction: a change without its entry is as impossible as an entry of a change that was not made.
type AccessTable struct{ s *Store }

// NewAccessTable returns what a job table keeps of access.
func NewAccessTable(s *Store) AccessTable { return AccessTable{s} }

// CreateToken stores a token.
func (t AccessTable) CreateToken(ctx context.Context, token access.Token) error {
	return writeOnly(ctx, t.s, op{what: "store a token"}, func(u *unit) error {
		if err := u.reserveRow("token", "", token.ID); err != nil {
			return err
		}
		u.rows.Tokens = append(u.rows.Tokens, token)
		return nil
	})
}

// RevokeToken revokes a token, unless it is revoked already, and returns it. If there is none of this id
// the answer is [job.ErrNotFound].
func (t AccessTable) RevokeToken(ctx context.Context, id string, now time.Time) (access.Token, error) {
	round(&now)
	return write(ctx, t.s, op{what: "revoke token", readsTable: true}, func(u *unit) (access.Token, error) {
		token, err := u.tx.Token(u.ctx, id)
		if err != nil {
			return access.Token{}, fmt.Errorf("token %q: %w", id, err)
		}
		if !token.RevokeTime.IsZero() {
			return token, nil
		}
		token.RevokeTime = now
		if err := u.reserveRow("token", "", id); err != nil {
			return access.Token{}, err
		}
		u.rows.Tokens = append(u.rows.Tokens, token)
		return token, nil
	})
}

// Tokens returns the tokens that were made or revoked after a change, in the order of their latest
// changes. After 0 it returns all.
func (t AccessTable) Tokens(ctx context.Context, after int64) ([]access.Token, error) {
	list, err := t.s.engine.Tokens(ctx, after)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	return list, nil
}

// NoteTokenUses keeps when tokens were last used, by id.
func (t AccessTable) NoteTokenUses(ctx context.Context, uses map[string]time.Time) error {
	if len(uses) == 0 {
		return nil
	}
	return writeOnly(ctx, t.s, op{what: "note the use of tokens"}, func(u *unit) error {
		for id, at := range uses {
			if err := u.reserveRow("token use", "", id); err != nil {
				return err
			}
			u.rows.TokenUses = append(u.rows.TokenUses, TokenUse{ID: id, Time: at})
		}
		return nil
	})
}

// WriteEntry stores an entry of the audit log, or replaces it.
func (t AccessTable) WriteEntry(ctx context.Context, e access.Entry) error {
	return writeOnly(ctx, t.s, op{what: "write the audit log"}, func(u *unit) error {
		if err := u.reserveRow("entry", "", strconv.FormatInt(e.ID, 10)); err != nil {
			return err
		}
		u.rows.Entries = append(u.rows.Entries, e)
		return nil
	})
}

// Entries returns the entries of the audit log that f chooses, the newest first.
func (t AccessTable) Entries(ctx context.Context, f access.EntryFilter) ([]access.Entry, error) {
	list, err := t.s.engine.Entries(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return list, nil
}

// reapEntries is how many entries are removed in one write, a millisecond's work.
const reapEntries = 100

// DeleteEntries removes all entries of the audit log from before a time, slowly: between two parts of it others have
// the table.
func (t AccessTable) DeleteEntries(ctx context.Context, before time.Time) (removed int64, err error) {
	err = repeat(ctx, t.s, func(ctx context.Context) (more bool, err error) {
		n, err := write(ctx, t.s, op{what: "shorten the audit log", readsTable: true, background: true}, func(u *unit) (int64, error) {
			return u.tx.ReapEntries(u.ctx, before, reapEntries)
		})
		removed += n
		return n >= reapEntries, err
	})
	return removed, err
}

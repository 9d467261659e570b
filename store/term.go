package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/stokerd/stoker/job"
)

// Housekeeping is what one process at a time does for the whole table: it removes what is kept no longer, counts
// again, cancels the jobs of batches, and delivers notifications. [Store.Campaign] takes its name like that of an
// account, and no account has it.
const Housekeeping = "*housekeeping"

// ErrDeposed says that a term has ended. Nothing that was being written is stored.
var ErrDeposed = fmt.Errorf("%w: another Stoker drives the account now", job.ErrUnavailable)

// ErrReleased is why a term ends that is given back.
var ErrReleased = errors.New("the term was given back")

// errNoTerm says that a call that costs money was about to be made without a term.
var errNoTerm = fmt.Errorf("%w: this Stoker does not drive the account", job.ErrUnavailable)

// Lease is what an [Engine] has of a term.
type Lease interface {
	// Context ends with the lease; its cause matches [ErrDeposed], or is [ErrReleased].
	Context() context.Context
	// Trusted returns nil while no other process can have taken the lease over. It asks nobody.
	Trusted() error
	// Release gives the lease back.
	Release()
}

// Term is the right to drive some accounts: to make calls to the platform for them. One process at a time has it.
type Term struct{ lease Lease }

// Campaign waits until no other process drives the accounts, and returns the term in which this one does. Accounts that
// share an API key belong into one call. It returns an error only if ctx ends or the table is closed.
//
// The transaction that gains the term notes since when the platform may have encodings that the table does not know:
// see [Store.ReconcileSince].
func (s *Store) Campaign(ctx context.Context, accounts []string) (*Term, error) {
	lease, err := s.engine.Campaign(ctx, accounts)
	if err != nil {
		return nil, err
	}
	if s.exchange != nil {
		s.exchange.noteGained(accounts, lease)
	}
	return &Term{lease}, nil
}

// Context ends with the term. The cause matches [ErrDeposed], or is [ErrReleased].
func (t *Term) Context() context.Context { return t.lease.Context() }

// Trusted returns nil while a call that costs money may be sent: no other process can have taken over. It asks nobody.
func (t *Term) Trusted() error { return t.lease.Trusted() }

// Release gives the term back: another process need not wait until it ends.
func (t *Term) Release() { t.lease.Release() }

// As returns the table as the holder of a term sees it. Its writes fail with [ErrDeposed] once another process has
// taken over: the database refuses them, however late they come. Close closes the whole table.
func (s *Store) As(t *Term) *Store { return &Store{table: s.table, term: t} }

// Trusted returns nil while no other process can be driving the accounts of the view's term; see [Store.As]. A call
// that costs money must not be made otherwise: the other process may make it too. It asks nobody, and costs nothing. A
// table on which no other process works needs no term.
func (s *Store) Trusted() error {
	switch {
	case s.term != nil:
		return s.term.Trusted()
	case s.shared != nil:
		return errNoTerm
	}
	return nil
}

// lease is what fences the writes of a view; nil if nothing does.
func (s *Store) lease() Lease {
	if s.term == nil {
		return nil
	}
	return s.term.lease
}

// UnendingLease is the lease of a table on which no other process works. It lasts until it is released.
func UnendingLease() Lease {
	ctx, end := context.WithCancelCause(context.Background())
	return &unendingLease{ctx, end}
}

type unendingLease struct {
	ctx context.Context //nolint:containedctx // it is what the lease is
	end context.CancelCauseFunc
}

func (l *unendingLease) Context() context.Context { return l.ctx }

func (l *unendingLease) Trusted() error { return context.Cause(l.ctx) }

func (l *unendingLease) Release() { l.end(ErrReleased) }

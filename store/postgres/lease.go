package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// leaseTimes are the times of leases.
type leaseTimes struct {
	length time.Duration // from a renewal to the end
	renew  time.Duration // from a renewal to the next one
	retry  time.Duration // from one attempt to gain a lease to the next
	margin time.Duration // before the end, in which nothing is begun any more
	give   time.Duration // after a renewal at which a term ends although nobody is known to have taken over
}

// defaultLease has a lease be free three seconds after its holder died.
var defaultLease = leaseTimes{
	length: 3 * time.Second, renew: 750 * time.Millisecond, retry: 500 * time.Millisecond, margin: 500 * time.Millisecond, give: 10 * time.Second,
}

// lease is the right of this process to drive some accounts. The database's clock alone decides when it ends, and a
// lease that has ended is still this process's until another one takes it over.
type lease struct {
	keeper *keeper
	ctx    context.Context //nolint:containedctx // it is what the lease is
	end    context.CancelCauseFunc

	names  []string // in order
	epochs []int64  // of the names

	mu      sync.Mutex
	renewed time.Time // when the latest renewal that succeeded began
}

var _ store.Lease = (*lease)(nil)

// Context ends with the lease.
func (l *lease) Context() context.Context { return l.ctx }

// note notes that a renewal has succeeded.
func (l *lease) note(began time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed = began
}

// errUntrusted says that the lease may be another one's.
var errUntrusted = fmt.Errorf("%w: it is not certain that no other Stoker has taken over", job.ErrUnavailable)

// Trusted returns nil while nobody else can have the lease.
func (l *lease) Trusted() error {
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	if l.age() > l.keeper.times.length-l.keeper.times.margin {
		return errUntrusted
	}
	return nil
}

// age is how long ago the lease was renewed. It asks two clocks: one stands still while a virtual machine is paused, and
// the other may be set.
func (l *lease) age() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	return max(now.Sub(l.renewed), now.Round(0).Sub(l.renewed.Round(0)))
}

// Release gives the lease back, so that the next process need not wait until it ends.
func (l *lease) Release() {
	if l.ctx.Err() != nil {
		return
	}
	l.end(store.ErrReleased)
	l.keeper.release(l)
}

// epochOf is the epoch of one of the names.
func (l *lease) epochOf(name string) int64 {
	if i := slices.Index(l.names, name); i >= 0 {
		return l.epochs[i]
	}
	return -1
}

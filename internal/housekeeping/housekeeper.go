package housekeeping

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stokerd/stoker/store"
)

// Keeper is the part of the job table that a [Housekeeper] uses. [store.Keeper] implements it.
type Keeper interface {
	// Retain deletes the batches that r keeps no longer.
	Retain(ctx context.Context, r store.Retention, now time.Time) (store.Retained, error)
	// ForgetRequests and ForgetResults remove what is remembered of deleted batches and kept no longer. They may take
	// hours.
	ForgetRequests(ctx context.Context, now time.Time) error
	ForgetResults(ctx context.Context, r store.Retention, now time.Time) error
	ReadSpace(ctx context.Context) (store.Space, error)
}

// Config is what a [Housekeeper] works on.
type Config struct {
	Keeper    Keeper
	Retention store.Retention
	// Backups are made if the plan has a directory and an interval.
	Backups Plan
	// Logger gets what was done and what went wrong. Default: nobody is told.
	Logger *slog.Logger
}

// Housekeeper keeps a job table in order.
type Housekeeper struct {
	keeper    Keeper
	retention store.Retention
	plan      Plan
	log       *slog.Logger

	diskLow bool // as it was logged last

	mu    sync.Mutex
	state State
}

// State says what has been done since the process began.
type State struct {
	Deleted         store.Retained // by retention
	RetentionFailed bool           // the last time that retention was tried
	Backups         Backups
}

// Backups say how scheduled backups stand.
type Backups struct {
	Every    time.Duration // 0: none are scheduled
	Since    time.Time     // when the service began to wait for the first one
	Last     time.Time     // when the latest complete one was begun, also by an earlier process; zero: there is none
	Size     int64         // of that, in bytes
	Failures int64         // how many could not be made
	Failed   bool          // the last one that was tried
}

// Age is how old the latest backup is. Where there is none yet, it is how long the service has waited for the first
// one. It is 0 if none are scheduled.
func (b Backups) Age(now time.Time) time.Duration {
	if b.Every == 0 {
		return 0
	}
	since := b.Last
	if since.IsZero() {
		since = b.Since
	}
	return max(now.Sub(since), 0)
}

// New returns a housekeeper, which does nothing before [Housekeeper.Run].
func New(c Config) *Housekeeper {
	return &Housekeeper{keeper: c.Keeper, retention: c.Retention, plan: c.Backups, log: cmp.Or(c.Logger, slog.New(slog.DiscardHandler))}
}

// ReadState returns what has been done so far.
func (h *Housekeeper) ReadState() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}

// RunAs is [Housekeeper.Run] with another view of the job table, such as that of a term. Only one of them may run at a
// time.
func (h *Housekeeper) RunAs(ctx context.Context, k Keeper) error {
	h.keeper = k
	return h.Run(ctx)
}

// Run works until ctx ends. Its error is always nil: a failure is logged, and what failed is tried again.
func (h *Housekeeper) Run(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error { h.retain(ctx); return nil })
	group.Go(func() error { h.forget(ctx); return nil })
	if h.plan.scheduled() {
		group.Go(func() error { h.backUp(ctx); return nil })
	}
	return group.Wait()
}

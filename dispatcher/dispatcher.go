package dispatcher

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// The defaults of a [Config] and an [Account].
const (
	DefaultQueueTarget  = 3
	DefaultAutoTarget   = 50
	DefaultPollInterval = 10 * time.Second
	DefaultGrace        = 20 * time.Second
)

// settleMargin is by how much the settle time exceeds the time-out of a call. A call that a
// killed process has sent can take effect as long as the process would have waited for the
// answer, and a little longer, while the platform carries it out.
const settleMargin = 15 * time.Second

// Config is what a [Dispatcher] works with.
type Config struct {
	Store Store
	// Campaign waits for the right to drive some accounts. Default: no other process can drive them.
	Campaign func(ctx context.Context, accounts []string) (Term, error)
	Logger   *slog.Logger // default: discard
	Accounts []Account
	Sources
	// MaxStartsOf returns how many starts a day (UTC) may have for the batches that a principal has submitted,
	// on all accounts together; 0: any number. It is asked again and again, and its answers may change with a
	// [Dispatcher.Reconfigure]. Default: there is no limit.
	MaxStartsOf func(principal string) int
	// PollInterval is the usual time between two lists of the running encodings, and between two
	// counts of the platform's queue. A single encoding is polled when it is expected to change.
	// Default [DefaultPollInterval].
	PollInterval time.Duration
	// Settle is the settle time: how long a start without an answer is looked up before it is
	// repeated. Default: 15 s more than the client's time-out. [New] refuses less than the
	// time-out.
	Settle time.Duration
	// OnFilled is told how long a place in the queue of an account was free until a start filled it, of the
	// places that became free while jobs waited. It must not block. Default: nobody is told.
	OnFilled func(accountID string, free time.Duration)
	// OnDuplicate is told of each encoding that was started although its attempt has another one: see worker_duplicate.go.
	// It must not block. Default: nobody is told.
	OnDuplicate func(accountID string)
	duplicates  *duplicateAttempts
	// Tracer follows what is done for jobs. Default: nobody does.
	Tracer Tracer
	// Clock tells the time. Default: the system's clock. With any other clock the dispatcher
	// cannot run, but only be simulated; see [Dispatcher.Simulate].
	Clock clock.Clock
	// Grace is how long a shutdown waits for calls under way. Default [DefaultGrace].
	Grace time.Duration
}

// Account is one Bitmovin account whose queue is kept full.
type Account struct {
	ID          string
	Client      *bitmovin.Client
	QueueTarget int // default [DefaultQueueTarget]; with AutoTarget the largest it may choose, default MaxAutoTarget
	// AutoTarget chooses the queue target by how fast the queue drains, unless the account's
	// settings in the job table have one.
	AutoTarget bool
	// MaxAutoTarget is the largest queue target that is chosen if the account settings in the job
	// table ask for an automatic one. Default [DefaultAutoTarget].
	MaxAutoTarget int
	// MaxStartsPerDay is how many starts the account makes in a day (UTC) before it pauses,
	// until the next day or until it is resumed; 0: no limit.
	MaxStartsPerDay int
}

// Storage is an input or output at the platform, with the base path of all paths on it.
type Storage = provision.Storage

// Sources are the storages, by the name that batches use, and the secrets that configured templates may name.
type Sources = provision.Sources

// Dispatcher keeps the queues of its accounts filled with the jobs of the job table.
type Dispatcher struct {
	config    Config
	canceller wakeup // there may be jobs of batches to cancel

	mu       sync.RWMutex
	loops    map[string]*accountLoop // by account; those of accounts that others drive do not run
	accounts map[string]Account      // as they are configured now

	prepareLoop func(*accountLoop) // called with each loop that is made for a term; nil except in tests
}

// New returns a dispatcher that does nothing until it runs. It returns an error if two accounts
// have the same id, if one has none, or if c.Settle is less than the time-out of a client.
func New(c Config) (*Dispatcher, error) {
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.PollInterval = cmp.Or(c.PollInterval, DefaultPollInterval)
	c.Grace = cmp.Or(c.Grace, DefaultGrace)
	c.Clock = clock.Or(c.Clock)
	c.duplicates = newDuplicateAttempts(c.OnDuplicate)
	d := &Dispatcher{config: c, canceller: newWakeup(), loops: map[string]*accountLoop{}, accounts: map[string]Account{}}
	for _, a := range c.Accounts {
		if _, taken := d.loops[a.ID]; taken || a.ID == "" {
			return nil, fmt.Errorf("account %q: every account needs an id of its own", a.ID)
		}
		a = a.withDefaults()
		if timeout := a.Client.Timeout(); c.Settle != 0 && c.Settle < timeout {
			return nil, fmt.Errorf("account %q: the settle time of %v is less than the time-out of a call, %v", a.ID, c.Settle, timeout)
		}
		d.loops[a.ID], d.accounts[a.ID] = newAccountLoop(c, a), a
	}
	return d, nil
}

// findLoop returns the loop of an account; nil if there is no such account.
func (d *Dispatcher) findLoop(account string) *accountLoop {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.loops[account]
}

// listLoops returns all loops.
func (d *Dispatcher) listLoops() []*accountLoop {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Collect(maps.Values(d.loops))
}

// Run works until ctx ends. Then it begins nothing new, finishes the calls under way, and
// returns nil. It returns an error only if the job table cannot be read at the start.
//
// With Config.Campaign it works for the accounts whose terms it has. What one process at a time does for all accounts
// is left to [Dispatcher.KeepBatches].
func (d *Dispatcher) Run(ctx context.Context) error {
	if d.config.Campaign != nil {
		return d.runTerms(ctx)
	}
	for _, l := range d.loops {
		if err := l.load(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("account %s: %w", l.accountID, err)
		}
	}
	var group errgroup.Group
	for _, l := range d.loops {
		group.Go(func() error { return l.run(ctx) })
		group.Go(func() error {
			l.publisher.run(ctx)
			return nil
		})
	}
	group.Go(func() error {
		d.KeepBatches(ctx, d.config.Store)
		return nil
	})
	return group.Wait()
}

// KeepBatches cancels the jobs of batches that are being cancelled, and checks the counts of batches, until ctx ends.
func (d *Dispatcher) KeepBatches(ctx context.Context, s Store) {
	canceller := batchCanceller{store: s, log: d.config.Logger, wakeup: d.canceller}
	recounts := housekeeping{store: s, log: d.config.Logger}
	var work sync.WaitGroup
	work.Go(func() { canceller.run(ctx) })
	work.Go(func() { recounts.run(ctx) })
	work.Wait()
}

// AwaitTurns returns when each account loop has come to its next turn. A loop that is stuck, in the job table for
// example, never does. A slow platform keeps no loop from it, since tasks make the calls. If ctx ends before, the
// error names an account and has the cause. No loop takes a turn before the dispatcher runs.
func (d *Dispatcher) AwaitTurns(ctx context.Context) error {
	for _, l := range d.listLoops() {
		if d.config.Campaign != nil && !l.running.Load() {
			continue // somebody else drives the account
		}
		select {
		case l.turns <- struct{}{}:
		case <-l.stopped:
		case <-ctx.Done():
			return fmt.Errorf("the loop of account %s is stuck: %w", l.accountID, context.Cause(ctx))
		}
	}
	return nil
}

// Changed wakes the account loops that have to react to changes of the job table, and gives them
// the hints among the changes. It never blocks.
func (d *Dispatcher) Changed(changes []job.Change) {
	for _, c := range changes {
		if c.Dispatch {
			d.canceller.notify()
		}
		if c.AccountID == "" && c.Everything {
			for _, l := range d.listLoops() {
				l.changes.add(c)
			}
		}
		l := d.findLoop(c.AccountID)
		if l == nil {
			continue
		}
		if c.EncodingID != "" {
			l.hints.add(c.EncodingID)
		}
		if c.Dispatch {
			l.changes.add(c)
		}
	}
}

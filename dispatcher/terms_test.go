package dispatcher

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// errDeposed says that a term is over.
var errDeposed = fmt.Errorf("%w: another process drives the account", job.ErrUnavailable)

// Times of the court's leases: those of the real ones.
const leaseLength, leaseMargin, leaseRetry = 3 * time.Second, 500 * time.Millisecond, 500 * time.Millisecond

// court gives terms to processes, as a database does: a process that is dead or stands still does not renew its lease.
type court struct {
	mu     sync.RWMutex // held for reading during a commit that is fenced
	holder *courtTerm   // nil: nobody
	terms  int
	writes int // that were refused
}

// courtTerm is a term of a process.
type courtTerm struct {
	court   *court
	process *mortal
	ctx     context.Context //nolint:containedctx // it is what the term is
	end     context.CancelCauseFunc
	store   mortalStore
	stopped time.Time // since when the lease is not renewed; zero: it is
}

func (t *courtTerm) Context() context.Context { return t.ctx }

func (t *courtTerm) Store() Store { return t.store }

func (t *courtTerm) Release() {
	t.court.mu.Lock()
	defer t.court.mu.Unlock()
	if t.court.holder == t {
		t.court.holder = nil
	}
	t.end(nil)
}

// Trusted is the gate of calls that cost money.
func (s mortalStore) Trusted() error {
	if s.term == nil {
		return s.Store.Trusted()
	}
	s.term.court.mu.RLock()
	defer s.term.court.mu.RUnlock()
	if s.term.court.holder != s.term || s.term.age() > leaseLength-leaseMargin {
		return errDeposed
	}
	return nil
}

// fenced makes a commit unless the term is over.
func fenced[T any](t *courtTerm, commit func() (T, error)) (T, error) {
	if t == nil {
		return commit()
	}
	t.court.mu.RLock()
	if t.court.holder != t {
		t.court.mu.RUnlock()
		t.court.mu.Lock()
		defer t.court.mu.Unlock()
		t.court.writes++
		var zero T
		t.end(errDeposed)
		return zero, errDeposed
	}
	defer t.court.mu.RUnlock()
	return commit()
}

// age is for how long the lease has not been renewed. The caller holds court.mu.
func (t *courtTerm) age() time.Duration {
	if t.stopped.IsZero() {
		return 0
	}
	return time.Since(t.stopped)
}

// observe notes since when the holder does not renew its lease, or that it does again. The caller holds mu.
func (c *court) observe() {
	t := c.holder
	if t == nil {
		return
	}
	still := time.Now().Before(t.process.thaws())
	select {
	case <-t.process.dead:
		still = true
	default:
	}
	switch {
	case !still:
		t.stopped = time.Time{}
	case t.stopped.IsZero():
		t.stopped = time.Now()
	}
}

// campaignFor is what a process campaigns with.
func (c *court) campaignFor(table Store, process *mortal) func(context.Context, []string) (Term, error) {
	if c == nil {
		return nil
	}
	return func(ctx context.Context, _ []string) (Term, error) {
		for ctx.Err() == nil {
			if t := c.take(table, process); t != nil {
				return t, nil
			}
			time.Sleep(leaseRetry)
		}
		return nil, context.Cause(ctx)
	}
}

// take takes the accounts over if their lease has ended. A process that is dead or stands still takes nothing.
func (c *court) take(table Store, process *mortal) *courtTerm {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observe()
	if c.holder != nil && c.holder.age() < leaseLength || time.Now().Before(process.thaws()) {
		return nil
	}
	select {
	case <-process.dead:
		return nil
	default:
	}
	t := &courtTerm{court: c, process: process}
	t.ctx, t.end = context.WithCancelCause(context.Background())
	t.store = mortalStore{Store: table, mortal: process, term: t}
	if of, ok := table.(mortalStore); ok { // as the process has it without a term
		t.store.Store = of.Store
	}
	if deposed := c.holder; deposed != nil {
		// One that stands still finds out when it goes on and renews.
		time.AfterFunc(max(time.Until(deposed.process.thaws()), 0)+750*time.Millisecond, func() { deposed.end(errDeposed) })
	}
	c.holder = t
	c.terms++
	return t
}

// gained is how many terms there have been.
func (c *court) gained() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.terms
}

// watch observes the holder until the test ends.
func (c *court) watch(ctx context.Context) {
	for ctx.Err() == nil {
		c.mu.Lock()
		c.observe()
		c.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
	}
}

// standBy has a second process stand by, once the first one has the term.
func (w *world) standBy() *world {
	w.t.Helper()
	time.Sleep(2 * leaseRetry)
	second := *w
	second.mortal, second.governor = newMortal(0), bitmovin.NewGovernor(nil)
	second.run()
	w.store.SetOnChange(func(changes []job.Change) {
		w.disp.Changed(changes)
		second.disp.Changed(changes)
	})
	return &second
}

// driveBeside has two processes drive one account by turns: the first one dies or stands still at a point, and the
// second one takes over. It returns how many points the first one passes if nothing happens to it.
func driveBeside(t *testing.T, sim *simulator.Simulator, at int, frozen time.Duration, edit func(*job.Batch)) (points int) {
	t.Helper()
	inWorld(t, sim, func(w *world) {
		first := newMortal(at)
		first.frozen = frozen
		w.court, w.mortal = &court{}, first
		watching, stop := context.WithCancelCause(w.ctx)
		var court sync.WaitGroup
		court.Go(func() { w.court.watch(watching) })
		defer court.Wait()
		defer stop(nil)
		w.run()
		second := w.standBy()
		defer second.halt()
		b := w.submit(7, func(b *job.Batch) {
			b.Retry = job.RetryPolicy{MaxRetries: 1, InitialBackoff: 2 * time.Second, RetryTransferErrors: true}
			edit(b)
		})
		go w.cancelWhenOnPlatform(job.ID{Batch: b.ID, Number: 5})
		go w.cancelWhenPrepared(job.ID{Batch: b.ID, Number: 7})
		b = w.awaitEnd(b.ID, time.Hour)
		points = first.passed()
		time.Sleep(time.Minute) // orphans are deleted
		if frozen > 0 {
			time.Sleep(time.Hour) // by a sweep, those that a driver has created after its term
		}
		w.audit(b.ID)
		w.checkCrashOutcome(b)
		if at > 0 && frozen != 2*time.Second && first.passed() >= at && w.court.gained() != 2 {
			t.Errorf("%d terms, want 2", w.court.gained())
		}
	})
	return points
}

// crashRecipe is the simulator and the batch of [crashScenario].
func crashRecipe() (*simulator.Simulator, func(*job.Batch)) {
	sim := &simulator.Simulator{
		Seed: 1, Encoders: 2, Duration: 20 * time.Second, Outcome: crashOutcomes,
		Latency: 20 * time.Millisecond, StopDelay: time.Second, TakeAnyStart: true,
	}
	return sim, inTwoRegions
}

// takeovers has the driver die, or stand still for a while, at points of a scenario. Nothing is lost or paid twice.
func takeovers(t *testing.T, scenario func(t *testing.T, at int, frozen time.Duration) (points int)) {
	t.Helper()
	points := scenario(t, 0, 0)
	t.Logf("%d points", points)
	if points < 100 {
		t.Errorf("only %d points: the scenario does not pass through all states", points)
	}
	every := 23
	switch {
	case exhaustive:
		every = 1
	case testing.Short():
		every = 59
	}
	for _, fault := range []struct {
		name   string
		frozen time.Duration
	}{{"dies", 0}, {"stands still for 2s", 2 * time.Second}, {"stands still for 40s", 40 * time.Second}} {
		for n := 1; n <= points; n++ {
			if n%every != sampleStart%every {
				continue
			}
			t.Run(fmt.Sprintf("%s at point %d of %d", fault.name, n, points), func(t *testing.T) {
				t.Parallel()
				scenario(t, n, fault.frozen)
			})
		}
	}
}

// TestTakeovers has one of two processes die or stand still while it drives jobs with a recipe.
func TestTakeovers(t *testing.T) {
	takeovers(t, func(t *testing.T, at int, frozen time.Duration) int {
		t.Helper()
		sim, edit := crashRecipe()
		return driveBeside(t, sim, at, frozen, edit)
	})
}

// TestTemplateTakeovers does so with a template. A process that stands still between its last look at its term and the
// call starts late; the settle time of the next driver is longer than that.
func TestTemplateTakeovers(t *testing.T) {
	takeovers(t, func(t *testing.T, at int, frozen time.Duration) int {
		t.Helper()
		sim, _ := crashRecipe()
		sim.TakeAnyStart, sim.TemplateDelay = false, 3*time.Second
		sim.Outcome = templateOutcomes
		return driveBeside(t, sim, at, frozen, ladder(t))
	})
}

// TestReleasedTerm has a process stop while the other one stands by: it goes on within a second.
func TestReleasedTerm(t *testing.T) {
	sim, edit := crashRecipe()
	inWorld(t, sim, func(w *world) {
		w.court, w.mortal = &court{}, newMortal(0)
		w.run()
		second := w.standBy()
		defer second.halt()
		b := w.submit(7, edit)
		w.await(b.ID, time.Hour, "a start", func(b job.Batch) bool { return b.Counts.Queued+b.Counts.Running > 0 })
		w.halt()
		stopped := time.Now()
		for w.court.gained() < 2 {
			time.Sleep(10 * time.Millisecond)
		}
		if gap := time.Since(stopped); gap > time.Second {
			t.Errorf("nobody drove the account for %v", gap)
		}
		w.awaitEnd(b.ID, time.Hour)
		w.audit(b.ID)
	})
}

// TestLoopsOfOthersStandStill holds that a dispatcher without a term makes no call, and that its loops count as turning.
func TestLoopsOfOthersStandStill(t *testing.T) {
	sim, _ := crashRecipe()
	inWorld(t, sim, func(w *world) {
		w.court, w.mortal = &court{holder: &courtTerm{process: newMortal(0)}}, newMortal(0)
		w.run()
		b := w.submit(3, nil)
		time.Sleep(time.Minute)
		if err := w.disp.AwaitTurns(t.Context()); err != nil {
			t.Error(err)
		}
		if calls := len(sim.Ledger()); calls > 0 {
			t.Errorf("%d calls without a term", calls)
		}
		if got := w.jobs(b.ID); got[0].Version != 1 {
			t.Errorf("job %+v", got[0])
		}
	})
}

// A process stops while the platform leaves a call of it without an answer. The other one does not wait for that call.
func TestReleasedTermWithCallUnderWay(t *testing.T) {
	sim, edit := crashRecipe()
	inWorld(t, sim, func(w *world) {
		w.court, w.mortal = &court{}, newMortal(0)
		var hangs atomic.Bool
		hanging := make(chan struct{}, 1000)
		w.network = func(r *http.Request) (*http.Response, error) {
			if hangs.Load() && r.Method == http.MethodGet {
				hanging <- struct{}{}
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return sim.Client().Transport.RoundTrip(r)
		}
		w.run()
		network := w.network
		w.network = nil
		second := w.standBy()
		defer second.halt()
		w.network = network
		b := w.submit(7, edit)
		w.await(b.ID, time.Hour, "a start", func(b job.Batch) bool { return b.Counts.Queued+b.Counts.Running > 0 })
		hangs.Store(true)
		<-hanging
		stopped := time.Now()
		halted := make(chan struct{})
		go func() {
			defer close(halted)
			w.halt()
		}()
		for w.court.gained() < 2 {
			time.Sleep(10 * time.Millisecond)
		}
		if gap := time.Since(stopped); gap > 2*time.Second {
			t.Errorf("nobody drove the account for %v", gap)
		}
		<-halted
		w.awaitEnd(b.ID, time.Hour)
		w.audit(b.ID)
	})
}

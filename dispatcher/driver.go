package dispatcher

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/job"
)

// errStopped is why calls under way end when a shutdown has waited long enough.
var errStopped = errors.New("the dispatcher stopped")

// driver keeps one account's queue filled. One goroutine, the loop, owns all of
// its state and decides; tasks do the calls side by side and hand what came of
// them back to the loop.
type driver struct {
	account  Account
	store    Store
	log      *slog.Logger
	poll     time.Duration
	clock    clock.Clock
	settle   time.Duration
	grace    time.Duration
	resource *resources
	storages map[string]map[string]Storage // by kind and name

	bell    bell
	rings   *rings
	results chan func()
	tasks   sync.WaitGroup
	// beside has calls made while the loop goes on. What work returns is for the loop
	// to do with their outcome.
	beside func(work func() (apply func()))
	status atomic.Pointer[job.AccountStatus]
	saving sync.Mutex // serialises changes of the settings
	making sync.Map   // ids of encodings that are being configured: no job has them yet

	// What follows belongs to the loop.
	begun     time.Time // when it was made
	countedAt time.Time // when the platform's queue was counted last
	live      map[job.ID]*entry
	window    []job.Job
	nextDue   time.Time // when there may be more to see in the window than was read
	orphans   map[string]*orphanEntry
	batches   map[string]*batch
	queue     queue
	limit     limit
	auto      autopilot
	breaker   breaker
	paused    job.AccountSettings
	problem   trouble             // of the whole account
	problems  map[string]*trouble // by batch
	pace      pace
	listDue   time.Time // when to list what runs
	sweepDue  time.Time
	// swept says that the platform has been compared with the job table, reconciles how
	// often that was tried.
	swept      bool
	reconciles int
	stopping   bool // results are still taken, but nothing new begins
	busy       [taskKinds]int
	stale      stale
	heard      map[string]bool // encodings to look at again when their tasks have ended
	told       told            // which reason for waiting the log has
}

// stale says what has to be read from the job table again.
type stale struct{ live, window, orphans, settings bool }

// entry is a job the driver has something to do with: it is at the platform,
// prepared, or has a task under way.
type entry struct {
	job       job.Job
	batch     *batch // as it was when the latest task began
	task      taskKind
	since     time.Time // when the task began
	look      time.Time // when to look at it next
	looked    time.Time // when it was looked at last
	notBefore time.Time // after trouble that is not the job's
	problem   error     // the latest trouble of that kind
	priority  int       // what the platform was told, or unknownPriority
	failures  int       // troubles of that kind in a row
	forbidden int       // 403s for this very job in a row
	goneSince time.Time // when the platform first said that it has no such encoding
}

// queue is the platform's queue as last counted.
type queue struct {
	total   int // encodings QUEUED, everybody's
	foreign int // of these, not ours
	time    time.Time
	due     time.Time
}

func newDriver(c Config, a Account) *driver {
	log := c.Logger.With("account", a.ID)
	d := &driver{
		account: a, store: c.Store, log: log,
		clock: c.Clock, poll: c.PollInterval, settle: c.Settle, grace: c.Grace,
		storages: map[string]map[string]Storage{kindInput: c.Inputs, kindOutput: c.Outputs},
		resource: newResources(c.Store, a, c.Clock),
		bell:     newBell(), rings: newRings(), heard: map[string]bool{}, results: make(chan func()),
		live: map[job.ID]*entry{}, orphans: map[string]*orphanEntry{}, batches: map[string]*batch{},
		problems: map[string]*trouble{}, breaker: newBreaker(),
	}
	d.beside = func(work func() (apply func())) {
		d.tasks.Go(func() { d.results <- work() })
	}
	d.limit.aim(a.QueueTarget)
	d.begun = d.now()
	d.publish(nil)
	return d
}

// now is the present by the dispatcher's clock.
func (d *driver) now() time.Time { return d.clock.Now() }

// load reads what a predecessor left behind.
func (d *driver) load(ctx context.Context) error {
	now := d.now()
	if err := d.readSettings(ctx); err != nil {
		return err
	}
	if err := d.readLive(ctx, now); err != nil {
		return err
	}
	for id, e := range d.live {
		var pickUp func(*job.Update) error
		switch e.job.Step {
		case job.StepCreate:
			// Nobody knows how far the predecessor came: whatever it created is found
			// by the sweep, and the job starts afresh.
			pickUp = func(u *job.Update) error { return u.CreateAbandoned("", now) }
		case job.StepStart:
			// Its call may have waited for its turn, and gone out just now.
			pickUp = func(u *job.Update) error { return u.StartUnknown(now) }
		default:
			continue
		}
		j, err := d.store.UpdateJob(ctx, id, now, pickUp)
		if err != nil {
			return err
		}
		d.adopt(j, now)
	}
	d.stale = stale{window: true, orphans: true}
	d.queue.due, d.sweepDue = now, now
	return nil
}

// run decides and acts until ctx ends, then waits for the tasks under way.
func (d *driver) run(ctx context.Context) error {
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			continue
		case <-d.bell:
			d.stale = stale{live: true, window: true, orphans: true, settings: true}
			clear(d.batches)
		case <-d.rings.bell:
		case apply := <-d.results:
			apply()
		case <-timer.C:
		}
		d.drain()
		wake, err := d.step(work)
		if err != nil {
			d.log.Error("cannot read the job table", "err", err)
			wake = d.now().Add(time.Second)
		}
		timer.Reset(wake.Sub(d.now()))
	}
	d.finish(stop)
	return nil
}

// drain applies the results that are there already, so that one decision serves them all.
func (d *driver) drain() {
	for {
		select {
		case apply := <-d.results:
			apply()
		default:
			return
		}
	}
}

// finish waits for the tasks under way, cutting them off after the grace period.
// A call that is cut off is recorded as one whose answer is unknown.
func (d *driver) finish(stop context.CancelCauseFunc) {
	d.stopping = true
	done := make(chan struct{})
	go func() {
		d.tasks.Wait()
		close(done)
	}()
	grace := time.AfterFunc(d.grace, func() { stop(errStopped) })
	defer grace.Stop()
	for {
		select {
		case apply := <-d.results:
			apply()
		case <-done:
			d.publish(nil)
			return
		}
	}
}

// step reads what is out of date, decides, acts, and returns when to do so again.
func (d *driver) step(work context.Context) (wake time.Time, err error) {
	now := d.now()
	if err := d.read(work, now); err != nil {
		return now, err
	}
	d.hear(now)
	d.attend(now)
	v := d.view(now)
	p := decide(v)
	d.act(work, p, now)
	d.publish(&v)
	return earlier(p.wake, d.nextDue), nil
}

// act carries out a plan.
func (d *driver) act(ctx context.Context, p plan, now time.Time) {
	if p.probe {
		d.spawnProbe(ctx)
	}
	for _, id := range p.stops {
		d.spawn(ctx, taskStop, id, now, d.stop)
	}
	for _, id := range p.reprioritize {
		d.spawn(ctx, taskReprioritize, id, now, d.reprioritize)
	}
	for _, id := range p.start {
		d.spawn(ctx, taskStart, id, now, d.start)
	}
	for _, id := range p.looks {
		d.spawn(ctx, taskLook, id, now, d.look)
	}
	if p.count {
		d.spawnCount(ctx)
	}
	for _, id := range p.prepares {
		d.spawn(ctx, taskPrepare, id, now, d.prepare)
	}
	for _, encoding := range p.deletes {
		d.spawnDelete(ctx, encoding)
	}
	if p.sweep {
		d.spawnSweep(ctx)
	}
	if p.list {
		d.spawnList(ctx)
	}
}

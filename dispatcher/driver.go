package dispatcher

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
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
	account Account
	store   Store
	log     *slog.Logger
	poll    time.Duration
	clock   clock.Clock
	settle  time.Duration
	grace   time.Duration

	worker *worker

	bell    bell
	rings   *rings
	results chan func()
	tasks   sync.WaitGroup
	// beside has calls made while the loop goes on. What work returns is for the loop
	// to do with their outcome.
	beside     func(work func() (apply func()))
	publishing sync.Mutex // keeps what is published in order; guards status
	status     job.AccountStatus
	// What follows belongs to the loop.
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
	starts    job.DailyStarts     // of the account; zero if it has no ceiling
	problem   trouble             // of the whole account
	problems  map[string]*trouble // by batch
	pace      pace
	listDue   time.Time // when to list what runs
	sweepDue  time.Time
	walks     walk // the latest of the whole list
	walkDue   time.Time
	endWalk   context.CancelCauseFunc // of the walk under way, which may take long
	defineDue time.Time               // when to see whether definitions of errors are out of date
	// swept says that the platform has been compared with the job table, reconciles how
	// often that was tried.
	swept      bool
	reconciles int
	comparing  error     // why the latest try came to nothing
	loaded     time.Time // when this process began
	turnedBack bool      // the job table may have changes from after that: somebody has set the clock back
	sweptFrom  time.Time // what was created before has been swept
	// confirmed is what the platform was asked of jobs that wait, before swept.
	confirmed map[job.ID]confirmation
	stopping  bool // results are still taken, but nothing new begins
	busy      [taskKinds]int
	again     repeats
	stale     stale
	heard     map[string]bool // encodings to look at again when their tasks have ended
	told      told            // which reason for waiting the log has
}

// stale says what has to be read from the job table again.
type stale struct{ live, window, orphans, settings, starts bool }

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
	priority  int       // what the platform was told, or unknownPriority
	queued    bool      // the last count of the platform's queue had its encoding
	failures  int       // troubles of that kind in a row
	failing   taskKind  // what met the latest of them
	err       error     // the latest of them
	troubled  time.Time // since the first of them
	forbidden int       // 403s for this very job in a row
	uncounted time.Time // when the platform's queue was counted last, if that should have shown it and did not
	goneSince time.Time // when the platform first said that it has no such encoding
	list      evidence  // what the list as a whole said of it when the task began
	listed    string    // the encoding of its name there, if it knows none
	left      bool      // it cannot be looked at, and the platform's queue does not have it
	waits     int       // looks in a row that were to see something soon, and did not
	overdue   int       // looks in a row at an encoding that should have ended
	unlisted  int       // lists in a row that lacked it for no reason
	elsewhere bool      // it could be read, though not its status
	stops     int       // how often the platform was asked to stop it
	setbacks  int       // how often in a row its batch was in trouble when the task began
}

// queue is the platform's queue as last counted.
type queue struct {
	total   int // encodings QUEUED, everybody's
	foreign int // of these, not ours
	time    time.Time
	due     time.Time
	doubts  int // counts in a row that did not show what is queued
}

func newDriver(c Config, a Account) *driver {
	log := c.Logger.With("account", a.ID)
	d := &driver{
		account: a, store: c.Store, log: log,
		clock: c.Clock, poll: c.PollInterval, settle: cmp.Or(c.Settle, a.Client.Timeout()+settleMargin), grace: c.Grace,
		worker: newWorker(c, a, log),
		bell:   newBell(), rings: newRings(), heard: map[string]bool{}, results: make(chan func()),
		live: map[job.ID]*entry{}, confirmed: map[job.ID]confirmation{}, orphans: map[string]*orphanEntry{}, batches: map[string]*batch{},
		problems: map[string]*trouble{}, breaker: newBreaker(),
	}
	d.beside = func(work func() (apply func())) {
		d.tasks.Go(func() { d.results <- work() })
	}
	d.limit.aim(a.QueueTarget)
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
	if err := d.readStarts(ctx, now); err != nil {
		return err
	}
	if err := d.worker.listing.load(ctx, d.store.InstanceID()); err != nil {
		return err
	}
	d.loaded = now
	changed, err := d.store.ReconcileSince(ctx, d.account.ID)
	d.turnedBack = err != nil || changed.After(now) // the first sweep meets the error again
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
	d.worker.defines = true
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			continue
		case <-d.bell:
			d.stale = stale{live: true, window: true, orphans: true, settings: true, starts: true}
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
	if d.busy[taskWalk] > 0 {
		d.endWalk(errStopped)
	}
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
	d.spawnDefine(work, now)
	d.publish(&v)
	wake = earlier(p.wake, d.nextDue)
	if d.ceilingReached() {
		wake = earlier(wake, d.dayEnds())
	}
	return wake, nil
}

// act carries out a plan.
func (d *driver) act(ctx context.Context, p plan, now time.Time) {
	if p.probe {
		d.spawnProbe(ctx)
	}
	if p.ping {
		d.spawnPing(ctx)
	}
	for _, id := range p.stops {
		d.spawn(ctx, taskStop, id, now, d.worker.stop)
	}
	for _, id := range p.reprioritize {
		d.spawn(ctx, taskReprioritize, id, now, d.worker.reprioritize)
	}
	for _, id := range p.start {
		d.spawn(ctx, taskStart, id, now, d.worker.start)
	}
	for _, id := range p.confirms {
		d.spawnConfirm(ctx, id, now)
	}
	for _, id := range p.looks {
		d.spawn(ctx, taskLook, id, now, d.worker.look)
	}
	if p.count {
		d.spawnCount(ctx)
	}
	for _, id := range p.prepares {
		d.spawn(ctx, taskPrepare, id, now, d.worker.prepare)
	}
	for _, encoding := range p.deletes {
		d.spawnDelete(ctx, encoding)
	}
	if p.walk {
		d.spawnWalk(ctx, now)
	}
	if p.sweep {
		d.spawnSweep(ctx)
	}
	if p.list {
		d.spawnList(ctx)
	}
}

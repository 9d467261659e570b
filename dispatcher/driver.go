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

// accountLoop keeps one account's queue filled. One goroutine, the loop, owns all of
// its state and decides; tasks do the calls side by side and hand what came of
// them back to the loop.
type accountLoop struct {
	account      Account
	store        Store
	log          *slog.Logger
	pollInterval time.Duration
	clock        clock.Clock
	settle       time.Duration
	grace        time.Duration

	worker *worker

	wakeup  wakeup
	hints   *hintQueue
	results chan func()
	tasks   sync.WaitGroup
	// runTask has calls made while the loop goes on. What work returns is for the loop
	// to do with their outcome.
	runTask    func(work func() (apply func()))
	publishing sync.Mutex // keeps what is published in order; guards status
	status     job.AccountStatus
	// What follows belongs to the loop.
	lastCountTime  time.Time // when the platform's queue was counted last
	tracked        map[job.ID]*trackedJob
	nextJobs       []job.Job
	nextDueTime    time.Time // when there may be more to see in the window than was read
	orphans        map[string]*orphanDeletion
	batches        map[string]*batch
	queue          queueCount
	limit          queueLimit
	auto           autoTarget
	breaker        breaker
	settings       job.AccountSettings
	dailyStarts    job.DailyStarts            // of the account; zero if it has no ceiling
	accountBackoff failureBackoff             // of the whole account
	batchBackoffs  map[string]*failureBackoff // by batch
	drain          drainRate
	listDue        time.Time // when to list what runs
	sweepDue       time.Time
	lastWalk       listWalk // the latest of the whole list
	walkDue        time.Time
	cancelWalk     context.CancelCauseFunc // of the walk under way, which may take long
	definitionsDue time.Time               // when to see whether definitions of errors are out of date
	// reconciled says that the platform has been compared with the job table, reconciles how
	// often that was tried.
	reconciled      bool
	reconcileTries  int
	reconcileErr    error     // why the latest try came to nothing
	loadTime        time.Time // when this process began
	clockTurnedBack bool      // the job table may have changes from after that: somebody has set the clock back
	sweepFrom       time.Time // what was created before has been swept
	// confirmations is what the platform was asked of jobs that wait, before swept.
	confirmations map[job.ID]confirmation
	stopping      bool // results are still taken, but nothing new begins
	busy          [taskKinds]int
	retries       retryCounts
	outdated      outdated
	pendingHints  map[string]bool // encodings to look at again when their tasks have ended
	waitLog       waitLog         // which reason for waiting the log has
}

// outdated says what has to be read from the job table again.
type outdated struct{ inFlight, nextJobs, orphans, settings, dailyStarts bool }

// trackedJob is a job the driver has something to do with: it is at the platform,
// prepared, or has a task under way.
type trackedJob struct {
	job              job.Job
	batch            *batch // as it was when the latest task began
	task             taskKind
	taskSince        time.Time // when the task began
	nextPoll         time.Time // when to look at it next
	lastPoll         time.Time // when it was looked at last
	notBefore        time.Time // after trouble that is not the job's
	platformPriority int       // what the platform was told, or unknownPriority
	inLastCount      bool      // the last count of the platform's queue had its encoding
	failures         int       // troubles of that kind in a row
	failingTask      taskKind  // what met the latest of them
	lastErr          error     // the latest of them
	failingSince     time.Time // since the first of them
	forbiddenCount   int       // 403s for this very job in a row
	missedCountTime  time.Time // when the platform's queue was counted last, if that should have shown it and did not
	missingSince     time.Time // when the platform first said that it has no such encoding
	listEvidence     evidence  // what the list as a whole said of it when the task began
	listedID         string    // the encoding of its name there, if it knows none
	leftQueue        bool      // it cannot be looked at, and the platform's queue does not have it
	unchangedPolls   int       // looks in a row that were to see something soon, and did not
	overduePolls     int       // looks in a row at an encoding that should have ended
	unlistedCount    int       // lists in a row that lacked it for no reason
	readsEncoding    bool      // it could be read, though not its status
	stopRequests     int       // how often the platform was asked to stop it
	batchFailures    int       // how often in a row its batch was in trouble when the task began
}

// queueCount is the platform's queue as last counted.
type queueCount struct {
	total          int // encodings QUEUED, everybody's
	foreign        int // of these, not ours
	time           time.Time
	nextTime       time.Time
	contradictions int // counts in a row that did not show what is queued
}

func newAccountLoop(c Config, a Account) *accountLoop {
	log := c.Logger.With("account", a.ID)
	d := &accountLoop{
		account: a, store: c.Store, log: log,
		clock: c.Clock, pollInterval: c.PollInterval, settle: cmp.Or(c.Settle, a.Client.Timeout()+settleMargin), grace: c.Grace,
		worker: newWorker(c, a, log),
		wakeup: newWakeup(), hints: newHintQueue(), pendingHints: map[string]bool{}, results: make(chan func()),
		tracked: map[job.ID]*trackedJob{}, confirmations: map[job.ID]confirmation{}, orphans: map[string]*orphanDeletion{}, batches: map[string]*batch{},
		batchBackoffs: map[string]*failureBackoff{}, breaker: newBreaker(),
	}
	d.runTask = func(work func() (apply func())) {
		d.tasks.Go(func() { d.results <- work() })
	}
	d.limit.setTarget(a.QueueTarget)
	d.publish(nil)
	return d
}

// now is the present by the dispatcher's clock.
func (d *accountLoop) now() time.Time { return d.clock.Now() }

// load reads what a predecessor left behind.
func (d *accountLoop) load(ctx context.Context) error {
	now := d.now()
	if err := d.readSettings(ctx); err != nil {
		return err
	}
	if err := d.readDailyStarts(ctx, now); err != nil {
		return err
	}
	if err := d.worker.encodings.load(ctx, d.store.InstanceID()); err != nil {
		return err
	}
	d.loadTime = now
	changed, err := d.store.ReconcileSince(ctx, d.account.ID)
	d.clockTurnedBack = err != nil || changed.After(now) // the first sweep meets the error again
	if err := d.readInFlight(ctx, now); err != nil {
		return err
	}
	for id, e := range d.tracked {
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
		d.track(j, now)
	}
	d.outdated = outdated{nextJobs: true, orphans: true}
	d.queue.nextTime, d.sweepDue = now, now
	return nil
}

// run decides and acts until ctx ends, then waits for the tasks under way.
func (d *accountLoop) run(ctx context.Context) error {
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	d.worker.loadsDefinitions = true
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			continue
		case <-d.wakeup:
			d.outdated = outdated{inFlight: true, nextJobs: true, orphans: true, settings: true, dailyStarts: true}
			clear(d.batches)
		case <-d.hints.wakeup:
		case apply := <-d.results:
			apply()
		case <-timer.C:
		}
		d.applyResults()
		wake, err := d.decideOnce(work)
		if err != nil {
			d.log.Error("cannot read the job table", "err", err)
			wake = d.now().Add(time.Second)
		}
		timer.Reset(wake.Sub(d.now()))
	}
	d.shutDown(stop)
	return nil
}

// applyResults applies the results that are there already, so that one decision serves them all.
func (d *accountLoop) applyResults() {
	for {
		select {
		case apply := <-d.results:
			apply()
		default:
			return
		}
	}
}

// shutDown waits for the tasks under way, cutting them off after the grace period.
// A call that is cut off is recorded as one whose answer is unknown.
func (d *accountLoop) shutDown(stop context.CancelCauseFunc) {
	d.stopping = true
	if d.busy[taskWalk] > 0 {
		d.cancelWalk(errStopped)
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

// decideOnce reads what is out of date, decides, acts, and returns when to do so again.
func (d *accountLoop) decideOnce(work context.Context) (wake time.Time, err error) {
	now := d.now()
	if err := d.read(work, now); err != nil {
		return now, err
	}
	d.pollHinted(now)
	d.prepareDecision(now)
	v := d.collectView(now)
	p := decide(v)
	d.carryOut(work, p, now)
	d.spawnDefinitions(work, now)
	d.publish(&v)
	wake = earlier(p.wake, d.nextDueTime)
	if d.dailyStartsUsedUp() {
		wake = earlier(wake, d.dayEnd())
	}
	return wake, nil
}

// carryOut carries out a plan.
func (d *accountLoop) carryOut(ctx context.Context, p plan, now time.Time) {
	if p.probe {
		d.spawnProbe(ctx)
	}
	if p.ping {
		d.spawnPing(ctx)
	}
	for _, id := range p.stops {
		d.spawnJobTask(ctx, taskStop, id, now, d.worker.requestStop)
	}
	for _, id := range p.reprioritizes {
		d.spawnJobTask(ctx, taskReprioritize, id, now, d.worker.reprioritize)
	}
	for _, id := range p.starts {
		d.spawnJobTask(ctx, taskStart, id, now, d.worker.start)
	}
	for _, id := range p.confirms {
		d.spawnConfirm(ctx, id, now)
	}
	for _, id := range p.polls {
		d.spawnJobTask(ctx, taskPoll, id, now, d.worker.pollStatus)
	}
	if p.count {
		d.spawnCount(ctx)
	}
	for _, id := range p.prepares {
		d.spawnJobTask(ctx, taskPrepare, id, now, d.worker.prepare)
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

package dispatcher

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/job"
)

// errStopped is the cause with which calls are cut off when a shutdown has waited for the grace
// period, and walks at its beginning.
var errStopped = errors.New("the dispatcher stopped")

// readRetryPause is how long the loop waits when the job table cannot be read.
const readRetryPause = time.Second

// accountLoop keeps one account's queue filled. One goroutine, the loop, owns all of its state
// and decides. It makes no call to the platform, and does not have the client: the worker's
// tasks make the calls, side by side, and bring their results back to the loop.
type accountLoop struct {
	accountID    string
	configured   job.TargetSetting // of the queue target
	maxTarget    int               // the largest automatic queue target
	store        Store
	log          *slog.Logger
	clock        clock.Clock
	pollInterval time.Duration
	grace        time.Duration
	worker       *worker

	turns     chan struct{} // takes a value at each turn; see [Dispatcher.AwaitTurns]
	running   atomic.Bool
	stopped   chan struct{} // closed when run has returned
	changes   *changeQueue
	hints     *hintQueue
	tasks     *taskRunner
	publisher *statusPublisher
	// reconfigured is what the configuration has changed to since the last decision; nil: nothing.
	reconfigured atomic.Pointer[Account]
	clockMoved   atomic.Bool // since the last decision

	// From the job table.
	outdated    outdated
	refreshTime time.Time // when line and settings were read in case a wakeup was lost
	settings    job.AccountSettings
	dailyStarts dailyStarts
	principals  *principalStarts
	jobs        *jobTracker
	line        line
	candidates  []candidate // of the latest decision, kept for their memory
	lateBatches []string    // whose jobs are left out of the line; see findLateBatches
	nextDueTime time.Time   // when there may be more next jobs; zero: not known
	orphans     map[string]*orphanDeletion
	moreOrphans bool // there may be others

	// What was learnt from the platform's answers.
	polls          *pollSchedule
	pendingHints   map[string]bool // encodings to poll when their tasks have ended
	queue          queueCount
	lastCountTime  time.Time // when the queue was counted last, however long ago
	limit          queueLimit
	auto           autoTarget
	peak           peak
	advice         targetAdvisor
	breaker        breaker
	accountBackoff failureBackoff
	batchBackoffs  batchBackoffs
	provenBatches  provenBatches
	retries        retryCounts
	reconciliation reconciliation
	walks          listWalks
	listDue        time.Time // list the running encodings
	definitionsDue time.Time
	waitLog        waitLog
	problemLog     problemLog
	supply         supply

	decided func() // called after each decision; nil except in tests
}

func newAccountLoop(c Config, a Account) *accountLoop {
	log := c.Logger.With("account", a.ID)
	w := newWorker(c, a, log)
	jobs := newJobTracker(c.Clock.Now())
	l := &accountLoop{
		accountID: a.ID, configured: configuredTarget(a), maxTarget: a.MaxAutoTarget, store: c.Store, log: log, clock: c.Clock, pollInterval: c.PollInterval, grace: c.Grace, worker: w,
		turns: make(chan struct{}), stopped: make(chan struct{}), changes: newChangeQueue(), hints: newHintQueue(), tasks: newTaskRunner(), outdated: nothingOutdated(),
		publisher:   newStatusPublisher(c.Store, a.Client),
		dailyStarts: dailyStarts{max: a.MaxStartsPerDay}, principals: newPrincipalStarts(c.MaxStartsOf, log), jobs: jobs, orphans: map[string]*orphanDeletion{},
		polls:        &pollSchedule{jobs: jobs, settle: w.settle, pollInterval: c.PollInterval},
		pendingHints: map[string]bool{}, breaker: newBreaker(), batchBackoffs: batchBackoffs{}, provenBatches: provenBatches{},
		reconciliation: reconciliation{inherited: map[string]bool{}, confirmations: map[job.ID]confirmation{}},
	}
	l.limit.setTarget(cmp.Or(l.configured.Number, l.maxTarget))
	if c.OnFilled != nil {
		l.supply.onFilled = func(wait time.Duration) { c.OnFilled(a.ID, wait) }
	}
	l.publishStatus(nil)
	return l
}

// now is the present by the dispatcher's clock.
func (l *accountLoop) now() time.Time { return l.clock.Now() }

// run decides and acts until ctx ends, then waits for the tasks under way.
func (l *accountLoop) run(ctx context.Context) error {
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	l.running.Store(true)
	defer close(l.stopped)
	l.worker.loadsDefinitions = true
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			continue
		case <-l.turns:
			continue // nothing has changed
		case <-l.changes.wakeup:
		case <-l.hints.wakeup:
		case apply := <-l.tasks.results:
			apply()
		case <-timer.C:
		}
		l.tasks.applyReady()
		wake, err := l.decideOnce(work)
		if err != nil {
			l.log.Error("cannot read the job table", "err", err)
			wake = l.now().Add(readRetryPause)
		}
		timer.Reset(wake.Sub(l.now()))
	}
	l.shutDown(stop)
	return nil
}

// shutDown waits for the tasks under way and cuts them off after the grace period. A call that
// is cut off is recorded as one without an answer.
func (l *accountLoop) shutDown(stop context.CancelCauseFunc) {
	l.tasks.stopping = true
	if l.tasks.underWay[taskWalk] > 0 {
		l.walks.cancel(errStopped)
	}
	l.tasks.finish(l.grace, func() { stop(errStopped) })
	l.publishStatus(nil)
}

// decideOnce reads what is out of date, decides, acts, and returns when to do so again.
func (l *accountLoop) decideOnce(work context.Context) (wake time.Time, err error) {
	now := l.now()
	takeReconfiguration(l)
	l.outdated.note(l.changes.take(), l.jobs)
	if err := l.read(work, now); err != nil {
		return now, err
	}
	l.hints.moveTo(l.pendingHints)
	l.pendingHints = l.polls.pollHinted(l.pendingHints, now)
	l.prepareDecision(now)
	v := l.collectView(now)
	p := decide(v)
	l.supply.note(&v, max(l.queue.foreign, 0)+l.jobs.index.counts.queued, now)
	l.carryOut(work, p, now)
	l.spawnDefinitions(work, now)
	l.publishStatus(&v)
	if l.decided != nil {
		l.decided()
	}
	_, late := findLateBatches(l, now) // of the tasks that have just begun, too
	wake = earlier(earlier(p.wake, l.nextDueTime), late)
	if l.dailyStarts.usedUp() {
		wake = earlier(wake, l.dailyStarts.dayEnd())
	}
	return wake, nil
}

// carryOut begins the tasks of a plan.
func (l *accountLoop) carryOut(ctx context.Context, p plan, now time.Time) {
	l.worker.urgent.Store(&p.urgent)
	if p.probe {
		l.spawnProbe(ctx)
	}
	if p.ping {
		l.spawnPing(ctx)
	}
	for _, id := range p.stops {
		l.spawnJobTask(ctx, taskStop, id, now, l.worker.requestStop)
	}
	for _, id := range p.reprioritizes {
		l.spawnJobTask(ctx, taskReprioritize, id, now, l.worker.reprioritize)
	}
	for _, id := range p.starts {
		l.spawnJobTask(ctx, taskStart, id, now, l.worker.start)
	}
	for _, id := range p.confirms {
		l.spawnConfirm(ctx, id, now)
	}
	for _, id := range p.polls {
		l.spawnJobTask(ctx, taskPoll, id, now, l.worker.pollStatus)
	}
	if p.count {
		l.spawnCount(ctx)
	}
	for _, id := range p.prepares {
		l.spawnJobTask(ctx, taskPrepare, id, now, l.worker.prepare)
	}
	for _, encoding := range p.deletes {
		l.spawnDelete(ctx, encoding)
	}
	if p.walk {
		l.spawnWalk(ctx, now)
	}
	switch {
	case p.sweep && l.reconciliation.done:
		l.spawnSweep(ctx)
	case p.sweep:
		l.spawnReconcile(ctx)
	}
	if p.list {
		l.spawnList(ctx)
	}
	if p.listTaken {
		l.spawnListChanges(ctx, taskListTaken, now)
	}
	if p.listEnded {
		l.spawnListChanges(ctx, taskListEnded, now)
	}
}

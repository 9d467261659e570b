package dispatcher

import (
	"cmp"
	"slices"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// How many tasks of a kind may be under way side by side on one account.
const (
	maxStarts        = 64
	maxPrepares      = 64
	maxPolls         = 64
	maxEarlyPolls    = 8 // until the platform has been compared with the job table: that takes polls as well
	maxNoStatusPolls = 8 // of these, of encodings about which the platform gives no answer
	maxStops         = 8
	maxReprioritizes = 4
	maxDeletes       = 2
)

// minStartPatience is how long a start is waited for at least before others begin beyond those that
// are to be under way side by side.
const minStartPatience = time.Second

// budgetPatience is how long a job keeps those of a lower priority from being started while it
// waits for the budget of its calls.
const budgetPatience = time.Second

// unsentPause is when to look again whether a start of higher priority has been sent.
const unsentPause = 20 * time.Millisecond

// configuringHold is how long a job that is being configured keeps its place in the dispatch
// order. Then the jobs behind it that are ready are started first.
const configuringHold = 2 * time.Second

// view is everything on which a decision depends: the state of the account, the next jobs in
// dispatch order, and the jobs in flight.
type view struct {
	now time.Time

	breakerClosed bool
	probeDue      time.Time // while the breaker is open
	wantsPing     bool      // so many calls fail that a ping has to tell whether there is an outage
	pingDue       time.Time
	accountPaused bool            // nothing is configured or started
	target        int             // how many encodings should be queued
	fullUntil     time.Time       // no start before: the platform's queue was full
	startsAhead   int             // how many starts should be under way side by side
	startPatience time.Duration   // how long a start is waited for
	startsToday   int             // how many more may begin today
	startsLeft    map[string]int  // how many more of a principal's; a principal without a limit is missing
	startBudget   bitmovin.Budget // of the calls that start what is prepared
	createBudget  bitmovin.Budget // of the calls that create encodings, from templates or to configure them
	countFresh    bool            // the platform's queue has been counted recently
	foreign       int             // other people's encodings in the queue
	places        int             // places in the queue that are ours, or may be
	running       bool            // any of our encodings runs, as far as their statuses are known
	countDue      time.Time
	listDue       time.Time // list the running encodings
	listsChanges  bool      // changes of encodings are listed; see change_lists.go
	listTakenDue  time.Time
	listEndedDue  time.Time
	sweepDue      time.Time // sweep, or reconcile if that has not been done yet
	wantsWalk     bool      // an encoding is missing, and the list has not been walked since
	walkDue       time.Time
	// reconciled says that the platform has been compared with the job table. Before that, a job
	// is started only if it certainly has not been started already. reconcileSlow says that the
	// comparison takes so long that the platform is asked about single jobs meanwhile.
	reconciled, reconcileSlow bool

	candidates    []candidate // waiting jobs in dispatch order
	prepareTarget int         // how many candidates to have prepared, or in preparation
	// prepareAfter is when to configure again after a failure that concerns the whole account;
	// zero: at once.
	prepareAfter time.Time
	// inFlight are the jobs in flight that are being started or polled, and those that are due, as
	// far as there is room for more tasks, or due next.
	inFlight []inFlightJob
	orphans  []orphan

	busy [taskKinds]int // tasks under way
}

// candidate is a waiting job.
type candidate struct {
	id         job.ID
	prepared   bool
	principal  string // who submitted its batch
	template   bool   // it has a template, and needs no configuring
	priority   int
	notStarted bool // it certainly has not been started in a way that the job table does not know
	confirmed  bool // the platform was asked whether it has been started; notStarted is the answer
	task       taskKind
	taskSince  time.Time
	notBefore  time.Time // no task before, after a failure that is not the job's
	// trial says that its batch has failed, or has not been tried: only one job of the batch at a
	// time is configured, or started from a template, to see whether it passes.
	trial bool
}

// inFlightJob is a job that has an encoding at the platform, or may have one.
type inFlightJob struct {
	id            job.ID
	state         job.State
	starting      bool      // its start has not been answered yet
	unsent        bool      // the call of its start has not left yet
	startBegan    time.Time // when that task began
	priority      int       // of its batch, when that task began
	template      bool
	lacksStatus   bool // the platform gave no answer about it when it was polled last
	stopRequested bool // it was stopped a short time ago, or cannot be stopped yet
	wrongPriority bool // its encoding is queued under another priority than the batch has now
	task          taskKind
	pollDue       time.Time
}

// orphan is an encoding that belongs to no job and is to be deleted.
type orphan struct {
	encoding  string
	task      taskKind
	notBefore time.Time
}

// plan is what to do now, and when to decide again at the latest.
type plan struct {
	starts []job.ID // in dispatch order
	// urgent is the highest priority of a job that waits to be started: no start of a lower
	// one may be sent any more.
	urgent   urgency
	confirms []job.ID // jobs to ask the platform about: have they been started? At most one
	prepares []job.ID
	polls    []job.ID
	stops    []job.ID
	// reprioritizes are queued jobs whose batch has another priority than the platform was told.
	reprioritizes []job.ID
	deletes       []string
	count         bool
	list          bool
	listTaken     bool // list the encodings that encoders have taken
	listEnded     bool
	sweep         bool // sweep, or reconcile if that has not been done yet
	walk          bool
	probe         bool
	ping          bool
	wake          time.Time
}

// decide is the whole policy of the dispatcher, without any effect. A plan is carried out in
// this order: stop, start, poll, count, configure. No plan starts more encodings than the queue
// has free places.
func decide(v view) plan {
	p := plan{wake: v.now.Add(time.Minute), urgent: noUrgency}
	if !v.breakerClosed {
		if v.busy[taskProbe] == 0 {
			p.probe = p.due(v.now, v.probeDue)
		}
		return p
	}
	if v.wantsPing && v.busy[taskProbe] == 0 {
		p.ping = p.due(v.now, v.pingDue)
	}
	if v.busy[taskCount] == 0 {
		p.count = p.due(v.now, v.countDue)
	}
	if (v.reconciled || v.reconcileSlow) && v.busy[taskList] == 0 && v.running {
		p.list = p.due(v.now, v.listDue)
	}
	if v.listsChanges {
		p.listTaken = v.busy[taskListTaken] == 0 && p.due(v.now, v.listTakenDue)
		p.listEnded = v.busy[taskListEnded] == 0 && p.due(v.now, v.listEndedDue)
	}
	if v.wantsWalk && v.busy[taskWalk] == 0 {
		p.walk = p.due(v.now, v.walkDue)
	}
	if v.busy[taskSweep] == 0 && v.busy[taskReconcile] == 0 {
		p.sweep = p.due(v.now, v.sweepDue)
	}
	p.pollAndStop(v)
	p.deleteOrphans(v)
	if !v.accountPaused {
		p.startNext(v)
		p.prepareAhead(v)
	}
	return p
}

// compareIDs orders jobs by batch and number.
func compareIDs(a, b job.ID) int {
	return cmp.Or(cmp.Compare(a.Batch, b.Batch), cmp.Compare(a.Number, b.Number))
}

// due reports whether t has come, and otherwise makes the loop wake when it comes.
func (p *plan) due(now, t time.Time) bool {
	if !t.After(now) {
		return true
	}
	if t.Before(p.wake) {
		p.wake = t
	}
	return false
}

// pollAndStop polls the jobs in flight, stops those that are being cancelled, and corrects
// priorities.
func (p *plan) pollAndStop(v view) {
	polls, stops := maxPolls-v.busy[taskPoll], maxStops-v.busy[taskStop]
	if !v.reconciled && !v.reconcileSlow {
		polls = maxEarlyPolls - v.busy[taskPoll] // nothing that waits may be started before
	}
	reprioritizes := maxReprioritizes - v.busy[taskReprioritize]
	noStatusPolls := maxNoStatusPolls - v.countNoStatusPolls()
	for _, s := range v.inFlight {
		if s.task != taskNone {
			continue
		}
		if s.state == job.Cancelling && !s.starting && !s.stopRequested && stops > 0 {
			p.stops = append(p.stops, s.id)
			stops--
			continue
		}
		if s.wrongPriority && reprioritizes > 0 {
			p.reprioritizes = append(p.reprioritizes, s.id)
			reprioritizes--
			continue
		}
		if polls > 0 && (noStatusPolls > 0 || !s.lacksStatus) && p.due(v.now, s.pollDue) {
			p.polls = append(p.polls, s.id)
			polls--
			if s.lacksStatus {
				noStatusPolls--
			}
		}
	}
}

// countNoStatusPolls counts the polls under way that will probably have no answer: they may take
// as long as a call can, and must not keep other encodings from being polled.
func (v view) countNoStatusPolls() (n int) {
	for _, s := range v.inFlight {
		if s.task == taskPoll && s.lacksStatus {
			n++
		}
	}
	return n
}

// deleteOrphans deletes encodings that belong to no job.
func (p *plan) deleteOrphans(v view) {
	deletes := maxDeletes - v.busy[taskDelete]
	for _, o := range v.orphans {
		if deletes > 0 && o.task == taskNone && p.due(v.now, o.notBefore) {
			p.deletes = append(p.deletes, o.encoding)
			deletes--
		}
	}
}

// freePlaces is how many encodings may be started before the queue reaches its target.
func (v view) freePlaces() int { return v.target - v.foreign - v.places }

// prepareAhead configures encodings before there is a place for them, so that filling a free
// place takes one call.
func (p *plan) prepareAhead(v view) {
	if !p.due(v.now, v.prepareAfter) {
		return
	}
	prepares, ahead := min(maxPrepares-v.busy[taskPrepare], v.createBudget.Free-p.templateStarts(v)), 0
	tried := v.findTriedBatches()
	for _, c := range v.candidates {
		if ahead >= v.prepareTarget {
			return
		}
		if prepares <= 0 {
			p.due(v.now, v.nextCall(true))
			return
		}
		switch {
		case c.prepared || c.template || c.task != taskNone:
			ahead++
		case c.trial && tried.has(c.id.Batch):
		case !v.reconciled && !c.notStarted && !v.reconcileSlow:
		case p.due(v.now, c.notBefore): // a job that waits out a failure does not hold up the others
			p.prepares = append(p.prepares, c.id)
			tried[c.id.Batch] = v.now
			prepares--
			ahead++
		}
	}
}

// templateStarts is how many of the plan's starts use the budget of what creates encodings.
func (p *plan) templateStarts(v view) (n int) {
	for _, c := range v.candidates {
		if c.template && slices.Contains(p.starts, c.id) {
			n++
		}
	}
	return n
}

// triedBatches are batches that have a job being configured, or started from a template, with the
// time since when.
type triedBatches map[string]time.Time

func (t triedBatches) has(batchID string) bool {
	_, has := t[batchID]
	return has
}

func (v view) findTriedBatches() triedBatches {
	tried := triedBatches{}
	for _, s := range v.inFlight {
		if s.task == taskStart && s.template {
			tried[s.id.Batch] = s.startBegan
		}
	}
	for _, c := range v.candidates {
		if c.task == taskPrepare {
			tried[c.id.Batch] = c.taskSince
		}
	}
	return tried
}

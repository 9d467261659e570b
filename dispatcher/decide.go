package dispatcher

import (
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// How much may be under way side by side on one account.
const (
	maxPrepares      = 8
	maxPolls         = 16
	maxNoStatusPolls = 8 // of these, at encodings that the platform gives no answer about
	maxStops         = 8
	maxReprioritizes = 4
	maxDeletes       = 2
)

// startSpacing is how long a start has the line for itself, so that the platform sees
// starts in dispatch order. One that takes longer is not waited for.
const startSpacing = time.Second

// configuringHold is how long a job that is being configured keeps its place in the
// order against jobs behind it that are ready.
const configuringHold = 2 * time.Second

// view is everything a decision depends on: how the account stands, the next
// jobs in dispatch order, and what is on the platform.
type view struct {
	now time.Time

	breakerClosed bool // the breaker is closed
	probeDue      time.Time
	wantsPing     bool // so many calls fail that a ping has to tell whether the platform is out
	pingDue       time.Time
	paused        bool // by somebody: nothing is prepared or started
	target        int  // how many encodings should be queued
	fullUntil     time.Time
	startBegan    time.Time // when the latest start that is under way began; zero if none is
	countFresh    bool      // the platform's queue has been counted lately
	foreign       int       // other people's encodings in it
	countDue      time.Time
	listDue       time.Time // what runs
	sweepDue      time.Time
	wantsWalk     bool // some encoding of ours is missing, and the list has not been walked since
	walkDue       time.Time
	// reconciled says that the platform has been compared with the job table. Before that only
	// jobs that are certain are started; slow says that it takes long, so that it is worth
	// while to ask about single ones.
	reconciled, reconcileSlow bool

	candidates    []candidate // jobs that wait, in dispatch order
	prepareTarget int         // how many jobs to have prepared, or in preparation, ahead
	// prepareAfter is when to configure again after something that all jobs share
	// could not be used; zero: at once.
	prepareAfter time.Time
	inFlight     []inFlightJob // jobs at the platform
	orphans      []orphan

	busy [taskKinds]int // tasks under way
}

// candidate is a job that waits.
type candidate struct {
	id         job.ID
	prepared   bool
	template   bool // it needs no preparing, but what all jobs share
	notStarted bool // it has not been started without the job table knowing
	asked      bool // the platform has been asked whether it has, and could not say no
	task       taskKind
	taskSince  time.Time // when the task began
	notBefore  time.Time // after trouble that is not the job's
	// trial says that its batch was in trouble: one of its jobs is configured at a time, to
	// see whether that is over.
	trial bool
}

// inFlightJob is a job that is, or may be, on the platform.
type inFlightJob struct {
	id            job.ID
	state         job.State
	starting      bool // its start is not answered yet
	ran           bool // an encoder took it, so that it holds no place in the queue
	unknownStatus bool // its encoding shows a status that nobody knows
	mayBeQueued   bool // the platform counts that encoding as queued, or may do so
	leftQueue     bool // it cannot be looked at, and the platform's queue does not have it
	lacksStatus   bool // the platform gave no answer about it when it was looked at last
	stopRequested bool // a stop has been asked for lately, or could not be asked for
	wrongPriority bool // the platform knows another priority than the batch has
	task          taskKind
	pollDue       time.Time // when to look at it next
}

// orphan is an encoding to delete.
type orphan struct {
	encoding  string
	task      taskKind
	notBefore time.Time
}

// plan is what to do now, and when to decide again at the latest.
type plan struct {
	starts   []job.ID // at most one
	confirms []job.ID // see whether it has been started; at most one
	prepares []job.ID
	polls    []job.ID
	stops    []job.ID
	// reprioritizes are queued jobs whose batch has another priority than when they
	// were started.
	reprioritizes []job.ID
	deletes       []string
	count         bool
	list          bool
	sweep         bool
	walk          bool
	probe         bool
	ping          bool
	wake          time.Time
}

// decide is the whole policy of the dispatcher, without any effect: cancel
// before start before look before count before prepare, and never more starts
// than the queue has free places.
func decide(v view) plan {
	p := plan{wake: v.now.Add(time.Minute)}
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
	if (v.reconciled || v.reconcileSlow) && v.busy[taskList] == 0 && v.anyRunning() {
		p.list = p.due(v.now, v.listDue)
	}
	if v.wantsWalk && v.busy[taskWalk] == 0 {
		p.walk = p.due(v.now, v.walkDue)
	}
	if v.busy[taskSweep] == 0 {
		p.sweep = p.due(v.now, v.sweepDue)
	}
	p.pollAndStop(v)
	p.deleteOrphans(v)
	if !v.paused {
		p.startNext(v)
		p.prepareAhead(v)
	}
	return p
}

// due reports whether t has come, and makes sure to be awake when it does.
func (p *plan) due(now, t time.Time) bool {
	if !t.After(now) {
		return true
	}
	if t.Before(p.wake) {
		p.wake = t
	}
	return false
}

// pollAndStop looks at the jobs on the platform and stops those to be cancelled.
func (p *plan) pollAndStop(v view) {
	looks, stops := maxPolls-v.busy[taskPoll], maxStops-v.busy[taskStop]
	moves := maxReprioritizes - v.busy[taskReprioritize]
	unseen := maxNoStatusPolls - v.countNoStatusPolls()
	for _, s := range v.inFlight {
		if s.task != taskNone {
			continue
		}
		if s.state == job.Cancelling && !s.starting && !s.stopRequested {
			if stops > 0 {
				p.stops = append(p.stops, s.id)
				stops--
			}
			continue
		}
		if s.wrongPriority && moves > 0 {
			p.reprioritizes = append(p.reprioritizes, s.id)
			moves--
			continue
		}
		if looks > 0 && (unseen > 0 || !s.lacksStatus) && p.due(v.now, s.pollDue) {
			p.polls = append(p.polls, s.id)
			looks--
			if s.lacksStatus {
				unseen--
			}
		}
	}
}

// countNoStatusPolls is how many looks are under way that will probably have no answer: they may
// take as long as a call can, and must not keep others from being looked at.
func (v view) countNoStatusPolls() (n int) {
	for _, s := range v.inFlight {
		if s.task == taskPoll && s.lacksStatus {
			n++
		}
	}
	return n
}

// deleteOrphans deletes encodings nobody needs.
func (p *plan) deleteOrphans(v view) {
	deletes := maxDeletes - v.busy[taskDelete]
	for _, o := range v.orphans {
		if deletes > 0 && o.task == taskNone && p.due(v.now, o.notBefore) {
			p.deletes = append(p.deletes, o.encoding)
			deletes--
		}
	}
}

// anyRunning reports whether any of our encodings runs.
func (v view) anyRunning() bool {
	return slices.ContainsFunc(v.inFlight, func(s inFlightJob) bool { return s.state == job.Running && !s.unknownStatus })
}

// holdsPlace reports whether the job holds a place in the platform's queue, or may hold one. Where
// nobody knows what its status means, the platform's own count decides.
func (s inFlightJob) holdsPlace() bool {
	if s.unknownStatus {
		return s.mayBeQueued && !s.leftQueue
	}
	return !s.leftQueue && (s.starting || s.state == job.Queued || (s.state == job.Cancelling && !s.ran))
}

// freePlaces is how many encodings may be started without the queue growing beyond
// its target by our own doing: whatever might hold a place counts as holding it.
func (v view) freePlaces() int {
	held := v.foreign
	for _, s := range v.inFlight {
		if s.holdsPlace() {
			held++
		}
	}
	return v.target - held
}

// startNext starts the next job in dispatch order. A job that is being configured keeps
// its place for a while; then the ones behind it go first.
func (p *plan) startNext(v view) {
	free := v.freePlaces()
	if free <= 0 || !v.countFresh || !p.due(v.now, v.fullUntil) {
		return
	}
	if !v.startBegan.IsZero() && !p.due(v.now, v.startBegan.Add(startSpacing)) {
		return
	}
	for _, c := range v.candidates {
		switch {
		case free <= 0:
			return
		case c.task == taskPrepare && !p.due(v.now, c.taskSince.Add(configuringHold)):
			free--
		case c.template && !p.due(v.now, v.prepareAfter):
		case !v.reconciled && !c.notStarted:
			if v.reconcileSlow && (c.prepared || c.template) && !c.asked && c.task == taskNone && v.busy[taskConfirm] == 0 && len(p.confirms) == 0 && p.due(v.now, c.notBefore) {
				p.confirms = append(p.confirms, c.id)
			}
		case c.task == taskNone && (c.prepared || c.template) && p.due(v.now, c.notBefore):
			p.starts = append(p.starts, c.id)
			return
		}
	}
}

// prepareAhead configures encodings before there is a place for them, so that a free
// place costs one call.
func (p *plan) prepareAhead(v view) {
	if !p.due(v.now, v.prepareAfter) {
		return
	}
	prepares, ahead := maxPrepares-v.busy[taskPrepare], 0
	trials := v.batchesOnTrial()
	for _, c := range v.candidates {
		if ahead >= v.prepareTarget || prepares <= 0 {
			return
		}
		switch {
		case c.prepared || c.template || c.task != taskNone:
			ahead++
		case c.trial && trials[c.id.Batch]:
		case !v.reconciled && !c.notStarted && !v.reconcileSlow:
		case p.due(v.now, c.notBefore): // those in trouble do not keep others from it
			p.prepares = append(p.prepares, c.id)
			trials[c.id.Batch] = true
			prepares--
			ahead++
		}
	}
}

// batchesOnTrial are the batches of which a job is being configured.
func (v view) batchesOnTrial() map[string]bool {
	trials := map[string]bool{}
	for _, c := range v.candidates {
		if c.task == taskPrepare {
			trials[c.id.Batch] = true
		}
	}
	return trials
}

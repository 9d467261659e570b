package dispatcher

import (
	"maps"
	"time"

	"github.com/stokerd/stoker/bitmovin"
)

// startNext starts the next jobs in dispatch order, side by side: as many as there are free places,
// as their calls may leave at once, and as the way to the platform needs. A job that is being
// configured keeps its place for a while; then the jobs behind it go first.
//
// No start of a lower priority begins before those of a higher one have been sent. Starts of one
// priority may overtake each other by the time of one call.
func (p *plan) startNext(v view) {
	underWay := v.countStarts(p)
	p.urgent.raise(underWay.urgent)
	free := v.freePlaces()
	if free <= 0 || !v.countFresh || !p.due(v.now, v.fullUntil) {
		p.noteUrgent(v)
		return
	}
	begin := min(max(v.startsAhead-underWay.late, 1)-underWay.count, maxStarts-v.busy[taskStart], v.startsToday-v.busy[taskStart])
	tried, left := v.findTriedBatches(), maps.Clone(v.startsLeft)
	calls := map[bool]int{true: v.createBudget.Free - underWay.unsentTemplates, false: v.startBudget.Free - underWay.unsentStarts}
	for _, c := range v.candidates {
		if free <= 0 {
			return
		}
		n, limited := left[c.principal]
		switch {
		case limited && n <= 0: // the jobs of others go on
		case c.task == taskPrepare && !p.due(v.now, c.taskSince.Add(configuringHold)):
			free--
		case c.template && !p.due(v.now, v.prepareAfter):
		case c.template && c.trial && tried.has(c.id.Batch):
			if !p.due(v.now, tried[c.id.Batch].Add(v.startPatience)) {
				p.urgent.raise(c.priority) // it goes on in a moment, before jobs of a lower priority
			}
		case !v.reconciled && !c.notStarted:
			if v.reconcileSlow && c.isReady() && !c.confirmed && v.busy[taskConfirm] == 0 && len(p.confirms) == 0 && p.due(v.now, c.notBefore) {
				p.confirms = append(p.confirms, c.id)
			}
		case c.isReady() && p.due(v.now, c.notBefore):
			if calls[c.template] <= 0 {
				p.due(v.now, v.nextCall(c.template))
			}
			if v.waitsLong(c) {
				p.urgent.raiseClass(c)
				continue
			}
			if c.priority < p.urgent.above(c.template) { // those of higher priority have not been sent yet
				p.due(v.now, v.now.Add(unsentPause))
				return
			}
			p.urgent.raise(c.priority)
			if begin <= 0 || calls[c.template] <= 0 {
				return
			}
			if limited {
				left[c.principal]--
			}
			p.starts = append(p.starts, c.id)
			tried[c.id.Batch] = v.now
			free--
			begin--
			calls[c.template]--
		}
	}
}

// waitsLong reports whether the calls that start a job are throttled for so long that jobs of a lower
// priority, whose calls are others, do not wait for it.
func (v view) waitsLong(c candidate) bool {
	return v.budgetOf(c.template).Next.Sub(v.now) > budgetPatience
}

// budgetOf is the budget of the calls that start a job.
func (v view) budgetOf(template bool) bitmovin.Budget {
	if template {
		return v.createBudget
	}
	return v.startBudget
}

// nextCall is when another call may leave that starts a job, if none may now.
func (v view) nextCall(template bool) time.Time {
	b := v.budgetOf(template)
	if b.Next.After(v.now) {
		return b.Next
	}
	return v.now.Add(time.Minute / time.Duration(max(b.PerMinute, 1))) // what is free is used right now
}

// noteUrgent notes the priority of the job that would be started if there were a place.
func (p *plan) noteUrgent(v view) {
	for _, c := range v.candidates {
		if c.isReady() && (v.reconciled || c.notStarted) && !c.notBefore.After(v.now) && (!c.template || !v.prepareAfter.After(v.now)) {
			if v.waitsLong(c) {
				p.urgent.raiseClass(c)
				continue
			}
			p.urgent.raise(c.priority)
			return
		}
	}
}

// isReady reports whether the job can be started with one call.
func (c candidate) isReady() bool { return c.task == taskNone && (c.prepared || c.template) }

// urgency is the highest priority that waits to be started, for the starts of what is prepared and
// for those from templates: their calls wait for different budgets. -1 if none waits.
type urgency struct{ starts, templates int }

// noUrgency is the urgency if no job waits.
var noUrgency = urgency{-1, -1}

// above is the priority below which no start may be made.
func (u urgency) above(template bool) int {
	if template {
		return u.templates
	}
	return u.starts
}

// raise takes a waiting job into account.
func (u *urgency) raise(priority int) {
	u.starts, u.templates = max(u.starts, priority), max(u.templates, priority)
}

// raiseClass takes a waiting job into account whose calls are throttled: the others do not wait for
// it.
func (u *urgency) raiseClass(c candidate) {
	if c.template {
		u.templates = max(u.templates, c.priority)
	} else {
		u.starts = max(u.starts, c.priority)
	}
}

// startsUnderWay are the starts that have begun and not ended.
type startsUnderWay struct {
	count                         int // without those that are late
	late                          int // they take too long to be waited for
	unsentStarts, unsentTemplates int // their calls have not left
	urgent                        int // the highest priority of those; -1 if there is none
}

// countStarts counts the starts under way.
func (v view) countStarts(p *plan) startsUnderWay {
	n := startsUnderWay{urgent: -1}
	for _, s := range v.inFlight {
		if s.task != taskStart {
			continue
		}
		if s.unsent {
			n.urgent = max(n.urgent, s.priority)
			if s.template {
				n.unsentTemplates++
			} else {
				n.unsentStarts++
			}
		}
		if p.due(v.now, s.startBegan.Add(v.startPatience)) {
			n.late++
		} else {
			n.count++
		}
	}
	return n
}

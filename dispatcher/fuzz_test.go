package dispatcher

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// FuzzDecide decides about random views, possible or not. Each plan keeps the target and the limits
// of tasks side by side, does nothing that breaker, pause or reconciling forbid, begins one task
// at most for a job or encoding and none where one is under way, and is the same when it is made
// again.
func FuzzDecide(f *testing.F) {
	for seed := range byte(16) {
		throws := make([]byte, 400)
		_, _ = rand.NewChaCha8([32]byte{seed}).Read(throws) // Read never fails
		f.Add(throws)
	}
	f.Fuzz(func(t *testing.T, throws []byte) {
		d := dice(throws)
		v := anyView(&d)
		p := decide(v)
		if diff := cmp.Diff(p, decide(v), cmp.AllowUnexported(plan{}, urgency{})); diff != "" {
			t.Fatalf("decided otherwise the second time:\n%s", diff)
		}
		checkPlan(t, v, p)
	})
}

// dice are the fuzzer's bytes. Each random value takes one byte, so that small changes of the
// fuzzer are small changes of the view. When no byte is left, the value is 0.
type dice []byte

// upTo returns a random number from 0 to n.
func (d *dice) upTo(n int) int {
	if len(*d) == 0 {
		return 0
	}
	throw := int((*d)[0]) % (n + 1)
	*d = (*d)[1:]
	return throw
}

func (d *dice) yes() bool { return d.upTo(1) == 1 }

func (d *dice) moment() time.Time { return now.Add(time.Duration(d.upTo(180)-90) * time.Second) }

func (d *dice) task() taskKind {
	return []taskKind{taskNone, taskNone, taskPrepare, taskPoll, taskStop}[d.upTo(4)]
}

func anyView(d *dice) view {
	v := view{
		now: now, breakerClosed: d.yes(), probeDue: d.moment(), accountPaused: d.yes(),
		target: d.upTo(30), fullUntil: d.moment(), countFresh: d.yes(),
		foreign: d.upTo(30), places: d.upTo(30), running: d.yes(), countDue: d.moment(), listDue: d.moment(), sweepDue: d.moment(),
		reconciled: d.yes(), reconcileSlow: d.yes(), prepareTarget: d.upTo(40), prepareAfter: d.moment(),
		wantsPing: d.yes(), pingDue: d.moment(), wantsWalk: d.yes(), walkDue: d.moment(),
	}
	v.startPatience = time.Duration(d.upTo(90)) * time.Second
	v.startsAhead, v.startsToday = d.upTo(20), d.upTo(20)
	v.startBudget = bitmovin.Budget{PerMinute: 600, Free: d.upTo(20), Next: d.moment()}
	v.createBudget = bitmovin.Budget{PerMinute: 600, Free: d.upTo(20), Next: d.moment()}
	for kind := range v.busy {
		v.busy[kind] = d.upTo(20)
	}
	for n := range d.upTo(30) {
		v.candidates = append(v.candidates, candidate{
			id: id(int64(n + 100)), prepared: d.yes(), template: d.yes(), notStarted: d.yes(), confirmed: d.yes(),
			task: d.task(), taskSince: d.moment(), notBefore: d.moment(), trial: d.yes(),
			priority: 50 - n/10,
		})
	}
	onPlatform := []job.State{job.Starting, job.Queued, job.Running, job.Cancelling}
	for n := range d.upTo(30) {
		v.inFlight = append(v.inFlight, inFlightJob{
			id: id(int64(n + 1)), state: onPlatform[d.upTo(3)], starting: d.yes(), lacksStatus: d.yes(),
			stopRequested: d.yes(), wrongPriority: d.yes(), task: d.task(), pollDue: d.moment(),
		})
	}
	for n := range d.upTo(5) {
		v.orphans = append(v.orphans, orphan{encoding: string(rune('a' + n)), task: d.task(), notBefore: d.moment()})
	}
	return v
}

func checkPlan(t *testing.T, v view, p plan) {
	t.Helper()
	if len(p.starts) > 0 && (!v.breakerClosed || v.accountPaused || !v.countFresh || v.now.Before(v.fullUntil) || v.foreign+v.places+len(p.starts) > v.target) {
		t.Fatalf("starts %v with a target of %d and %d places taken", p.starts, v.target, v.foreign+v.places)
	}
	if len(p.prepares) > 0 && (!v.breakerClosed || v.accountPaused || v.now.Before(v.prepareAfter)) {
		t.Fatalf("prepares %v", p.prepares)
	}
	for _, c := range v.candidates {
		if !v.reconciled && !c.notStarted && (slices.Contains(p.starts, c.id) || !v.reconcileSlow && slices.Contains(p.prepares, c.id)) {
			t.Fatalf("%v may have been started", c.id)
		}
	}
	for _, bound := range []struct {
		kind        taskKind
		chosen, max int
	}{
		{taskStart, len(p.starts), min(maxStarts, max(v.startsAhead, 1), v.startBudget.Free+v.createBudget.Free)},
		{taskPrepare, len(p.prepares), maxPrepares},
		{taskPoll, len(p.polls), maxPolls},
		{taskStop, len(p.stops), maxStops},
		{taskConfirm, len(p.confirms), 1},
		{taskReprioritize, len(p.reprioritizes), maxReprioritizes},
		{taskDelete, len(p.deletes), maxDeletes},
	} {
		busy := v.busy[bound.kind]
		if bound.kind == taskStart {
			busy = 0 // startSpacing limits starts under way, and not their number
		}
		if bound.chosen > max(0, bound.max-busy) {
			t.Fatalf("%d tasks of kind %v beside %d, want at most %d", bound.chosen, bound.kind, busy, bound.max)
		}
	}
	if !v.breakerClosed && (len(p.polls)+len(p.stops)+len(p.reprioritizes)+len(p.deletes) > 0 || p.count || p.list || p.sweep || p.walk || p.ping) {
		t.Fatalf("works although the breaker is open: %+v", p)
	}
	checkChosen(t, v, p)
	if p.wake.After(v.now.Add(time.Minute)) || !p.wake.After(v.now) {
		t.Fatalf("wakes %v from now", p.wake.Sub(v.now))
	}
}

// checkChosen checks that every job and encoding is chosen once at most, and only if no task for
// it is under way.
func checkChosen(t *testing.T, v view, p plan) {
	t.Helper()
	idle := map[job.ID]bool{}
	for _, c := range v.candidates {
		idle[c.id] = c.task == taskNone
	}
	for _, s := range v.inFlight {
		idle[s.id] = s.task == taskNone
	}
	for _, list := range [][]job.ID{p.starts, p.prepares, p.polls, p.stops, p.reprioritizes} {
		for _, id := range list {
			if !idle[id] {
				t.Fatalf("%s is chosen twice, or is being worked on", id)
			}
			idle[id] = false
		}
	}
	for _, s := range v.inFlight {
		if s.starting && slices.Contains(p.stops, s.id) {
			t.Fatalf("%s is stopped before its start is answered", s.id)
		}
	}
	free := map[string]bool{}
	for _, o := range v.orphans {
		free[o.encoding] = o.task == taskNone
	}
	for _, encoding := range p.deletes {
		if !free[encoding] {
			t.Fatalf("encoding %s is deleted twice", encoding)
		}
		free[encoding] = false
	}
}

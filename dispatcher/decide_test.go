package dispatcher

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func id(n int64) job.ID { return job.ID{Batch: "b", Number: n} }

// ready is a view in which nothing keeps jobs from being started.
func ready() view {
	return view{
		now: now, breakerClosed: true, target: 3, countFresh: true, reconciled: true, prepareTarget: 6,
		countDue: now.Add(time.Hour), sweepDue: now.Add(time.Hour),
		startsAhead: 1, startPatience: time.Second, startsToday: 100,
		startBudget:  bitmovin.Budget{PerMinute: 600, Free: 100, Next: now},
		createBudget: bitmovin.Budget{PerMinute: 600, Free: 100, Next: now},
	}
}

func waits(numbers ...int64) []candidate {
	var list []candidate
	for _, n := range numbers {
		list = append(list, candidate{id: id(n), prepared: true, priority: 50})
	}
	return list
}

func numbers(ids []job.ID) []int64 {
	var list []int64
	for _, id := range ids {
		list = append(list, id.Number)
	}
	return list
}

func TestDecideStarts(t *testing.T) {
	starting := func(n int64, priority int, ago time.Duration) inFlightJob {
		return inFlightJob{id: id(n), state: job.Starting, task: taskStart, starting: true, startBegan: now.Add(-ago), priority: priority, pollDue: now.Add(time.Hour)}
	}
	for _, tt := range []struct {
		name string
		edit func(*view)
		want []int64
	}{
		{"starts the next in dispatch order", func(v *view) { v.candidates = waits(7, 3, 9, 1) }, []int64{7}},
		{"one after the other", func(v *view) {
			v.candidates, v.inFlight = waits(3), []inFlightJob{starting(1, 50, time.Second/2)}
		}, nil},
		{"but does not wait for one that hangs", func(v *view) {
			v.candidates, v.inFlight = waits(3), []inFlightJob{starting(1, 50, time.Second)}
		}, []int64{3}},
		{"side by side, as many as the way needs", func(v *view) {
			v.target, v.startsAhead, v.candidates, v.inFlight = 9, 3, waits(2, 3, 4, 5), []inFlightJob{starting(1, 50, 0)}
		}, []int64{2, 3}},
		{"as many as may leave at once", func(v *view) {
			v.target, v.startsAhead, v.candidates, v.startBudget.Free = 9, 9, waits(2, 3, 4, 5), 2
		}, []int64{2, 3}},
		{"no more in a day than it may", func(v *view) {
			v.target, v.startsAhead, v.candidates, v.startsToday = 9, 9, waits(2, 3, 4, 5), 1
		}, []int64{2}},
		{"no lower priority beside a higher one", func(v *view) {
			v.target, v.startsAhead, v.candidates = 9, 9, append(waits(2, 3), waits(4)...)
			v.candidates[2].priority = 30
		}, []int64{2, 3}},
		{"no lower priority before a higher one was sent", func(v *view) {
			v.target, v.startsAhead, v.candidates, v.inFlight = 9, 9, waits(4), []inFlightJob{starting(1, 80, 0)}
			v.inFlight[0].unsent = true
		}, nil},
		{"but then", func(v *view) {
			v.target, v.startsAhead, v.candidates, v.inFlight = 9, 9, waits(4), []inFlightJob{starting(1, 80, 0)}
		}, []int64{4}},
		{"a lower priority if the calls of a higher one are throttled", func(v *view) {
			v.target, v.startsAhead, v.candidates = 9, 9, append([]candidate{{id: id(1), template: true, priority: 80}}, waits(2)...)
			v.createBudget = bitmovin.Budget{PerMinute: 600, Next: now.Add(time.Minute)}
		}, []int64{2}},
		{"under a small limit", func(v *view) {
			v.candidates, v.startBudget = waits(2), bitmovin.Budget{PerMinute: 6, Free: 1, Next: now}
		}, []int64{2}},
		{"but not if they only wait for their turn", func(v *view) {
			v.target, v.startsAhead, v.candidates = 9, 9, append([]candidate{{id: id(1), template: true, priority: 80}}, waits(2)...)
			v.createBudget = bitmovin.Budget{PerMinute: 600, Next: now.Add(100 * time.Millisecond)}
		}, nil},
		{"a higher priority before a lower one was sent", func(v *view) {
			v.target, v.startsAhead, v.candidates, v.inFlight = 9, 9, waits(4), []inFlightJob{starting(1, 30, 0)}
			v.inFlight[0].unsent = true
		}, []int64{4}},
		{"leaves other people's places alone", func(v *view) { v.candidates, v.foreign = waits(1, 2, 3), 2 }, []int64{1}},
		{"never exceeds the target", func(v *view) { v.candidates, v.foreign = waits(1), 9 }, nil},
		{"counts its own places", func(v *view) { v.candidates, v.places = waits(4, 5, 6), 2 }, []int64{4}},
		{"nothing while all places are its own", func(v *view) { v.candidates, v.places = waits(4), 3 }, nil},
		{"waits for the count", func(v *view) { v.candidates, v.countFresh = waits(1), false }, nil},
		{"waits while the platform's queue is full", func(v *view) {
			v.candidates, v.fullUntil = waits(1), now.Add(time.Second)
		}, nil},
		{"a paused account starts nothing", func(v *view) { v.candidates, v.accountPaused = waits(1), true }, nil},
		{"an open breaker starts nothing", func(v *view) { v.candidates, v.breakerClosed = waits(1), false }, nil},
		{"a job being configured keeps its place for a while", func(v *view) {
			v.target = 1
			v.candidates = append([]candidate{{id: id(1), task: taskPrepare, taskSince: now.Add(-time.Second)}}, waits(2, 3)...)
		}, nil},
		{"and loses it then", func(v *view) {
			v.target = 1
			v.candidates = append([]candidate{{id: id(1), task: taskPrepare, taskSince: now.Add(-configuringHold)}}, waits(2, 3)...)
		}, []int64{2}},
		{"and does not keep the other places", func(v *view) {
			v.target = 2
			v.candidates = append([]candidate{{id: id(1), task: taskPrepare, taskSince: now}}, waits(2, 3)...)
		}, []int64{2}},
		{"a job that waits after a failure is passed over", func(v *view) {
			v.target = 1
			v.candidates = append([]candidate{{id: id(1), prepared: true, notBefore: now.Add(time.Second)}}, waits(2)...)
		}, []int64{2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := ready()
			tt.edit(&v)
			if diff := cmp.Diff(tt.want, numbers(decide(v).starts)); diff != "" {
				t.Errorf("starts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecidePrepares(t *testing.T) {
	waiting := func(n int) []candidate {
		var list []candidate
		for i := range n {
			list = append(list, candidate{id: id(int64(i + 1))})
		}
		return list
	}
	for _, tt := range []struct {
		name string
		edit func(*view)
		want []int64
	}{
		{"as many as are wanted ahead", func(v *view) { v.candidates = waiting(10) }, []int64{1, 2, 3, 4, 5, 6}},
		{"side by side, bounded", func(v *view) {
			v.candidates, v.prepareTarget = waiting(20), 20
			v.busy[taskPrepare] = maxPrepares - 2
		}, []int64{1, 2}},
		{"before reconciling, only jobs that certainly were not started", func(v *view) {
			v.candidates, v.reconciled = waiting(3), false
			v.candidates[1].notStarted = true
		}, []int64{2}},
		{"before a slow reconciling has ended", func(v *view) { v.candidates, v.reconciled, v.reconcileSlow = waiting(3), false, true }, []int64{1, 2, 3}},
		{"not before reconciling", func(v *view) { v.candidates, v.reconciled = waiting(3), false }, nil},
		{"not while the whole account waits after a failure", func(v *view) {
			v.candidates, v.prepareAfter = waiting(3), now.Add(time.Second)
		}, nil},
		{"one of a batch on trial", func(v *view) {
			v.candidates = waiting(3)
			for n := range v.candidates {
				v.candidates[n].trial = true
			}
		}, []int64{1}},
		{"none of a batch on trial while another of its jobs is configured", func(v *view) {
			v.candidates = waiting(3)
			for n := range v.candidates {
				v.candidates[n].trial = true
			}
			v.candidates[1].task = taskPrepare
		}, nil},
		{"not while paused", func(v *view) { v.candidates, v.accountPaused = waiting(3), true }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := ready()
			tt.edit(&v)
			if diff := cmp.Diff(tt.want, numbers(decide(v).prepares)); diff != "" {
				t.Errorf("prepares (-want +got):\n%s", diff)
			}
		})
	}
}

// Jobs in flight are polled and stopped when they are due, also on a paused account.
func TestDecidePollsAndStops(t *testing.T) {
	v := ready()
	v.accountPaused = true
	v.inFlight = []inFlightJob{
		{id: id(1), state: job.Running, pollDue: now},
		{id: id(2), state: job.Running, pollDue: now.Add(time.Minute / 2)},
		{id: id(3), state: job.Running, pollDue: now, task: taskPoll},
		{id: id(4), state: job.Cancelling},
		{id: id(5), state: job.Cancelling, starting: true, pollDue: now},
		{id: id(6), state: job.Cancelling, stopRequested: true, pollDue: now},
	}
	p := decide(v)
	if diff := cmp.Diff([]int64{1, 5, 6}, numbers(p.polls)); diff != "" {
		t.Errorf("polls (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int64{4}, numbers(p.stops)); diff != "" {
		t.Errorf("stops (-want +got):\n%s", diff)
	}
	if want := now.Add(time.Minute / 2); !p.wake.Equal(want) {
		t.Errorf("wakes at %v, want %v", p.wake, want)
	}
}

// A ping and a walk begin when they are due, unless one is under way.
func TestDecidePingsAndWalks(t *testing.T) {
	for _, tt := range []struct {
		name       string
		edit       func(*view)
		ping, walk bool
	}{
		{"nothing", func(*view) {}, false, false},
		{"a ping, if there may be an outage", func(v *view) { v.wantsPing = true }, true, false},
		{"no ping before it is due", func(v *view) { v.wantsPing, v.pingDue = true, now.Add(time.Second) }, false, false},
		{"no ping beside another", func(v *view) { v.wantsPing, v.busy[taskProbe] = true, 1 }, false, false},
		{"a walk, if an encoding is missing", func(v *view) { v.wantsWalk = true }, false, true},
		{"no walk before it is due", func(v *view) { v.wantsWalk, v.walkDue = true, now.Add(time.Second) }, false, false},
		{"no walk beside another", func(v *view) { v.wantsWalk, v.busy[taskWalk] = true, 1 }, false, false},
		{"nothing while the breaker is open", func(v *view) {
			v.wantsPing, v.wantsWalk, v.breakerClosed, v.probeDue = true, true, false, now.Add(time.Second)
		}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := ready()
			tt.edit(&v)
			if p := decide(v); p.ping != tt.ping || p.walk != tt.walk {
				t.Errorf("ping %v, walk %v, want %v, %v", p.ping, p.walk, tt.ping, tt.walk)
			}
		})
	}
}

// However many encodings have no answer, some polls go to the others.
func TestDecidePollsOthers(t *testing.T) {
	v := ready()
	for n := range int64(2 * maxPolls) {
		v.inFlight = append(v.inFlight, inFlightJob{id: id(n + 1), state: job.Running, lacksStatus: n < maxPolls, pollDue: now})
	}
	v.inFlight[0].task, v.inFlight[1].task, v.busy[taskPoll] = taskPoll, taskPoll, 2
	noStatus := 0
	p := decide(v)
	for _, n := range numbers(p.polls) {
		if n <= maxPolls {
			noStatus++
		}
	}
	if len(p.polls) != maxPolls-2 || noStatus != maxNoStatusPolls-2 {
		t.Errorf("polls %d, %d of them without an answer; want %d and %d", len(p.polls), noStatus, maxPolls-2, maxNoStatusPolls-2)
	}
}

func TestDecideProbes(t *testing.T) {
	v := ready()
	v.breakerClosed, v.probeDue = false, now
	v.inFlight = []inFlightJob{{id: id(1), state: job.Running, pollDue: now}, {id: id(2), state: job.Cancelling}}
	if p := decide(v); !p.probe || len(p.polls)+len(p.stops) > 0 || p.count || p.sweep {
		t.Errorf("with an open breaker: %+v, want only a probe", p)
	}
	v.busy[taskProbe] = 1
	if p := decide(v); p.probe {
		t.Error("a second probe beside the first")
	}
}

// Whatever the state of the account, a plan never pushes the queue over the target.
func TestDecideNeverExceedsTheTarget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := ready()
		v.target = rapid.IntRange(1, 20).Draw(t, "target")
		v.startsAhead = rapid.IntRange(1, 20).Draw(t, "starts side by side")
		v.foreign = rapid.IntRange(0, 25).Draw(t, "foreign")
		v.places = rapid.IntRange(0, 25).Draw(t, "places")
		for n := range rapid.IntRange(0, 30).Draw(t, "in flight") {
			s := inFlightJob{id: id(int64(n + 1)), pollDue: now.Add(time.Hour), state: rapid.SampledFrom([]job.State{
				job.Starting, job.Queued, job.Running, job.Cancelling,
			}).Draw(t, "state")}
			s.starting = s.state == job.Starting
			v.inFlight = append(v.inFlight, s)
		}
		for n := range rapid.IntRange(0, 30).Draw(t, "candidates") {
			v.candidates = append(v.candidates, candidate{
				id: id(int64(n + 100)), prepared: rapid.Bool().Draw(t, "prepared"),
				task: rapid.SampledFrom([]taskKind{taskNone, taskPrepare}).Draw(t, "task"), taskSince: now,
			})
		}
		p := decide(v)
		if len(p.starts) > 0 && v.foreign+v.places+len(p.starts) > v.target {
			t.Fatalf("%d held and %d started, with a target of %d", v.foreign+v.places, len(p.starts), v.target)
		}
		if len(p.starts) > v.startsAhead {
			t.Fatalf("%d starts side by side", len(p.starts))
		}
		started := map[job.ID]bool{}
		for _, id := range append(p.starts, p.prepares...) {
			if started[id] {
				t.Fatalf("%s is chosen twice", id)
			}
			started[id] = true
		}
		if !p.wake.After(v.now) {
			t.Fatalf("the next decision is at %v, not after now", p.wake)
		}
	})
}

// More encodings of other people in the queue never lead to more starts.
func TestDecideIsMonotone(t *testing.T) {
	v := ready()
	v.target = 10
	v.candidates = waits(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	last := len(v.candidates) + 1
	for foreign := range 15 {
		v.foreign = foreign
		n := len(decide(v).starts)
		if n > last {
			t.Fatalf("%d starts with %d foreign encodings, %d with one less", n, foreign, last)
		}
		last = n
	}
}

// A job waits to be started although no place is free, unless its calls are throttled for long: then
// what was recorded for a lower priority is not withdrawn for it.
func TestDecideUrgent(t *testing.T) {
	v := ready()
	v.foreign, v.candidates = v.target, append([]candidate{{id: id(1), template: true, priority: 80}}, waits(2)...)
	if p := decide(v); p.urgent != (urgency{80, 80}) || len(p.starts) > 0 {
		t.Errorf("urgent %v, starts %v; want 80, none", p.urgent, p.starts)
	}
	v.createBudget = bitmovin.Budget{PerMinute: 600, Next: now.Add(time.Minute)}
	if p := decide(v); p.urgent != (urgency{starts: 50, templates: 80}) {
		t.Errorf("urgent %v with throttled calls, want 50 for the others", p.urgent)
	}
	v.candidates = nil
	if p := decide(v); p.urgent != noUrgency {
		t.Errorf("urgent %v without jobs, want none", p.urgent)
	}
}

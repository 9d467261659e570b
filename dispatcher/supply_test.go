package dispatcher

import (
	"slices"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/job"
)

// measureSupply runs a workload in simulated time. It returns what the account tells of its supply, and how long
// places were free, as the account was told and as the platform has seen it; both sorted.
func (l workload) measureSupply(t *testing.T) (waiting, dry time.Duration, told, seen []time.Duration) {
	t.Helper()
	platform := l.simulated()
	inSimulation(t, platform, func(w *world, sim *clock.Simulation) {
		w.target = l.target
		b := w.submitAt(sim.Now(), l.jobs(), l.edit)
		w.prepare(sim)
		loop := w.disp.loops["default"]
		loop.supply.onFilled = func(free time.Duration) { told = append(told, free) }
		if err := w.disp.Simulate(t.Context(), sim); err != nil {
			t.Fatal(err)
		}
		if b, err := w.store.Batch(t.Context(), b.ID); err != nil || b.State != job.BatchSucceeded {
			t.Errorf("the batch is %s, %v", b.State, err)
		}
		waiting, dry = loop.supply.waitingTime, loop.supply.dryTime
		var taken, started []time.Time
		for _, e := range platform.Encodings() {
			taken, started = append(taken, e.RunningAt), append(started, e.Starts...)
		}
		slices.SortFunc(taken, time.Time.Compare)
		slices.SortFunc(started, time.Time.Compare)
		for n := l.encoders; n+l.target < len(started); n++ {
			seen = append(seen, started[n+l.target].Sub(taken[n]))
		}
	})
	slices.Sort(told)
	slices.Sort(seen)
	return waiting, dry, told, seen
}

// TestSupply compares what the account tells with what has happened at the platform.
func TestSupply(t *testing.T) {
	const call = 100 * time.Millisecond // the simulator's
	enough := workload{encoders: 5, duration: 20 * time.Second, rounds: 20, target: 3}
	waiting, dry, told, seen := enough.measureSupply(t)
	if len(told) < len(seen)*9/10 || len(told) > len(seen)+enough.encoders+enough.target {
		t.Errorf("%d places were filled, and %d told", len(seen), len(told))
	}
	for _, q := range []float64{0.5, 0.95} {
		// The account is told when the answer has come, which is half a call after the start has arrived.
		if got, want := quantile(told, q), quantile(seen, q); got < want-call || got > want+2*call {
			t.Errorf("quantile %v: places were free for %v, and %v was told", q, want, got)
		}
	}
	if waiting < time.Minute || dry > waiting/20 {
		t.Errorf("of %v the queue was dry for %v, want hardly ever", waiting, dry)
	}
	scarce := workload{encoders: 20, duration: 2 * time.Second, rounds: 10, target: 1}
	waiting, dry, _, _ = scarce.measureSupply(t)
	if dry < waiting/5 {
		t.Errorf("with a target of one for 20 encoders the queue was dry for %v of %v", dry, waiting)
	}
}

// TestSupplyRests holds that no time counts in which something else than the queue keeps jobs from being started.
func TestSupplyRests(t *testing.T) {
	due := []candidate{{prepared: true}}
	for _, tt := range []struct {
		name string
		view view
		want bool
	}{
		{"a job waits", view{breakerClosed: true, reconciled: true, candidates: due}, true},
		{"no job", view{breakerClosed: true, reconciled: true}, false},
		{"a pause", view{breakerClosed: true, reconciled: true, accountPaused: true, candidates: due}, false},
		{"an open breaker", view{reconciled: true, candidates: due}, false},
		{"not reconciled", view{breakerClosed: true, candidates: due}, false},
		{"a back-off", view{breakerClosed: true, reconciled: true, candidates: []candidate{{notBefore: time.Unix(2, 0)}}}, false},
		{"the platform's queue is full", view{breakerClosed: true, reconciled: true, candidates: due, fullUntil: time.Unix(2, 0)}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := supply{}
			v := tt.view
			v.now = time.Unix(1, 0)
			s.note(&v, 0, v.now)
			v.now = time.Unix(11, 0)
			s.note(&v, 0, v.now)
			want := time.Duration(0)
			if tt.want {
				want = 10 * time.Second
			}
			if s.waitingTime != want || s.dryTime != want {
				t.Errorf("%v of %v, want %v", s.dryTime, s.waitingTime, want)
			}
		})
	}
}

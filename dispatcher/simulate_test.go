package dispatcher

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/internal/testkit/jobtable"
	"github.com/stokerd/stoker/job"
)

// TestSimulate runs the same workloads with Run in a bubble and with Simulate. Their makespans must
// agree within 5 %, and their numbers of calls within 10 %, with and without faults. Which jobs meet a
// fault differs between the two: a batch in which one of the last jobs does takes one encoding longer.
func TestSimulate(t *testing.T) {
	for name, l := range map[string]workload{
		"calm":      {encoders: 5, duration: time.Minute, rounds: 12, target: 3},
		"automatic": {encoders: 20, duration: 20 * time.Second, rounds: 5, target: 50, auto: true},
		"disturbed": {encoders: 5, duration: time.Minute, rounds: 12, target: 3, disturb: 3},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() {
				l.rounds = (l.rounds + 1) / 2 // under the race detector
			}
			var ran simulator.Stats
			inWorld(t, l.simulated(), func(w *world) {
				w.target, w.auto = l.target, l.auto
				b := w.submit(l.jobs(), nil)
				w.run()
				w.awaitEnd(b.ID, 24*time.Hour)
				ran = w.sim.ReadStats()
			})
			simulated := l.simulate(t)
			var margin time.Duration
			if l.disturb > 0 {
				margin = l.duration
			}
			if got, want := simulated.Makespan, ran.Makespan; got < want*95/100-margin || got > want*105/100+margin {
				t.Errorf("makespan is %v simulated, and %v run", got, want)
			}
			if got, want := simulated.Calls, ran.Calls; got < want*9/10 || got > want*11/10 {
				t.Errorf("%d calls simulated, and %d run", got, want)
			}
			if simulated.Ends[simulator.Finished] != l.jobs() {
				t.Errorf("%v of %d jobs finished", simulated.Ends, l.jobs())
			}
		})
	}
}

// simulate runs the workload with Dispatcher.Simulate.
func (l workload) simulate(t *testing.T) simulator.Stats {
	t.Helper()
	var stats simulator.Stats
	inSimulation(t, l.simulated(), func(w *world, sim *clock.Simulation) {
		w.target, w.auto = l.target, l.auto
		b := w.submitAt(sim.Now(), l.jobs(), l.edit)
		w.prepare(sim)
		if err := w.disp.Simulate(t.Context(), sim); err != nil {
			t.Fatal(err)
		}
		if b, err := w.store.Batch(t.Context(), b.ID); err != nil || b.State != job.BatchSucceeded {
			t.Errorf("the batch is %s, %v", b.State, err)
		}
		stats = w.sim.ReadStats()
	})
	return stats
}

// inSimulation runs a test in simulated time, without a bubble.
func inSimulation(t *testing.T, platform *simulator.Simulator, test func(w *world, sim *clock.Simulation)) {
	t.Helper()
	sim := clock.NewSimulation(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	defer sim.Close()
	platform.Clock = sim
	defer platform.Close()
	table := jobtable.Open(t, filepath.Join(t.TempDir(), "stoker.db"))
	defer func() {
		if err := table.Close(); err != nil {
			t.Error(err)
		}
	}()
	test(&world{
		t: t, ctx: t.Context(), sim: platform, store: table, inputs: "in",
		governor: bitmovin.NewGovernorWithClock(sim, nil), apiKey: func() (string, error) { return "test-key", nil },
	}, sim)
}

func TestSimulateWantsOneAccount(t *testing.T) {
	client, err := bitmovin.New(bitmovin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	table := jobtable.Open(t, filepath.Join(t.TempDir(), "stoker.db"))
	defer func() { _ = table.Close() }() // no read follows
	d, err := New(Config{Store: table, Accounts: []Account{{ID: "a", Client: client}, {ID: "b", Client: client}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Simulate(t.Context(), clock.NewSimulation(time.Now())); err == nil {
		t.Error("two accounts were simulated")
	}
}

package dispatcher

import (
	"slices"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// Starts are under way side by side, no more of them than the target has places, and jobs of a
// higher priority are never overtaken by those of a lower one.
func TestStartsSideBySide(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 100, Duration: 10 * time.Second, Latency: 500 * time.Millisecond}
	inWorld(t, sim, func(w *world) {
		w.target = 12
		w.run()
		low := w.submitLadder(150, func(b *job.Batch) { b.Priority = 30 })
		w.await(low.ID, time.Minute, "some starts", func(b job.Batch) bool { return b.Counts.Succeeded > 0 })
		high := w.submitLadder(20, func(b *job.Batch) { b.Priority = 80 })
		most := 0
		for range 400 {
			time.Sleep(25 * time.Millisecond)
			b, err := w.store.Batch(w.ctx, low.ID)
			if err != nil {
				w.t.Fatal(err)
			}
			most = max(most, int(b.Counts.Starting))
		}
		w.awaitEnd(high.ID, time.Hour)
		w.awaitEnd(low.ID, time.Hour)
		if most < 3 || most > w.target {
			w.t.Errorf("up to %d starts under way, want some and no more than %d", most, w.target)
		}
		order, times := w.startedBatches(), w.startTimes()
		first := slices.Index(order, high.ID)
		var last time.Time
		for n, id := range order {
			if id == high.ID {
				last = times[n]
			}
		}
		for n, id := range order[first:] { // calls of one instant have no order
			if id != high.ID && times[first+n].Before(last) {
				w.t.Errorf("start %d after the first of higher priority is of the other batch", n)
			}
		}
		w.audit(low.ID, high.ID)
	})
}

// A start that has been recorded and waits for the budget makes way for a job of a higher priority.
func TestWaitingStartMakesWay(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Duration: 5 * time.Second, Latency: 100 * time.Millisecond}
	inWorld(t, sim, func(w *world) {
		w.target = 1
		table := &usedUp{w: w}
		w.table = func(s Store) Store {
			table.Store = s
			return table
		}
		w.run()
		low := w.submitLadder(3, func(b *job.Batch) { table.batch, b.Priority = b.ID, 30 })
		w.await(low.ID, time.Minute, "a start that waits", func(b job.Batch) bool { return b.Counts.Starting == 1 })
		high := w.submitLadder(3, func(b *job.Batch) { b.Priority = 80 })
		w.awaitEnd(high.ID, time.Hour)
		w.awaitEnd(low.ID, time.Hour)
		if got, want := w.startedBatches(), []string{high.ID, high.ID, high.ID, low.ID, low.ID, low.ID}; !slices.Equal(got, want) {
			w.t.Errorf("started %v, want %v", got, want)
		}
		for _, j := range w.jobs(low.ID) {
			if j.Attempt != 1 {
				w.t.Errorf("job %s took %d attempts", j.ID, j.Attempt)
			}
		}
		w.audit(low.ID, high.ID)
	})
}

// startedBatches are the batches of the starts from templates, in the order of the starts.
func (w *world) startedBatches() (list []string) {
	for _, e := range w.sim.Ledger() {
		if e.Route == templatesStart {
			enc, _ := w.sim.FindEncoding(e.EncodingID)
			id, _, _ := provision.ParseName(enc.Name)
			list = append(list, id.Batch)
		}
	}
	return list
}

// startTimes are the times at which the starts from templates took effect, in the order of the starts.
func (w *world) startTimes() (list []time.Time) {
	for _, e := range w.sim.Ledger() {
		if e.Route == templatesStart {
			list = append(list, e.Time)
		}
	}
	return list
}

// TestSideBySideCrashPoints kills the process while several starts are under way, at every second crash point.
func TestSideBySideCrashPoints(t *testing.T) {
	eachPoint(t, func(t *testing.T, dieAt int) int {
		sim := &simulator.Simulator{
			Seed: 1, Encoders: 5, Duration: 20 * time.Second, Outcome: crashOutcomes,
			Latency: 300 * time.Millisecond, StopDelay: time.Second, TakeAnyStart: true,
		}
		return liveTwice(t, sim, 7, dieAt, inTwoRegions)
	}, 200, 2)
}

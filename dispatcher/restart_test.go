package dispatcher

import (
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

func TestRestart(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, Latency: 100 * time.Millisecond}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(20, nil)
		for range 12 {
			time.Sleep(17*time.Second + 37*time.Millisecond)
			w.reopen(w.path)
			w.run()
		}
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		w.audit(b.ID)
		if n := w.calls("POST /encoding/inputs/http"); n != 1 {
			w.t.Errorf("the input was created %d times", n)
		}
	})
}

// The job table as it was five minutes ago: what went on since is found at the platform
// and adopted, not paid again.
func TestRestoredBackup(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, TakeAnyStart: true}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(30, nil)
		time.Sleep(3 * time.Minute)
		backup := w.backup()
		time.Sleep(5 * time.Minute)
		w.reopen(backup)
		before := w.sim.Stats().Starts
		w.run()
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		if starts := w.sim.Stats().Starts; starts != 30 || before < 20 {
			w.t.Errorf("%d starts before the restore, %d in all, want 30", before, starts)
		}
		w.audit(b.ID)
	})
}

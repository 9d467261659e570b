package dispatcher

import (
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// An account that has made all starts of the day starts and prepares nothing more, and its status
// says so, also after a restart. It goes on the next day.
func TestCeilingOfStarts(t *testing.T) {
	for kind, submit := range map[string]func(w *world) job.Batch{
		"profile":  func(w *world) job.Batch { return w.submit(12, nil) },
		"template": func(w *world) job.Batch { return w.submitLadder(12, nil) },
	} {
		if testing.Short() && kind == "profile" {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Duration: 10 * time.Second}
			inWorld(t, sim, func(w *world) {
				w.maxStartsPerDay = 5
				if testing.Short() {
					time.Sleep(20 * time.Hour) // the day is nearly over, under the race detector
				}
				w.run()
				b := submit(w)
				time.Sleep(20 * time.Minute)
				w.checkCeiling(b, 5)
				w.halt()
				w.run()
				time.Sleep(20 * time.Minute)
				w.checkCeiling(b, 5)

				time.Sleep(time.Until(job.Day(time.Now()).Add(24*time.Hour + time.Minute)))
				w.checkCeiling(b, 10)
				b = w.awaitEnd(b.ID, 25*time.Hour)
				if b.State != job.BatchSucceeded {
					w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
				}
				w.audit(b.ID)
			})
		})
	}
}

// checkCeiling checks that so many jobs have succeeded, that none is in flight, and that the
// account's status shows today's five starts as used up.
func (w *world) checkCeiling(b job.Batch, starts int64) {
	w.t.Helper()
	got, err := w.store.Batch(w.ctx, b.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	if got.Counts.Succeeded != starts || got.Counts.InFlight() != 0 {
		w.t.Errorf("%+v, want %d succeeded and the rest waiting", got.Counts, starts)
	}
	s, _ := w.store.AccountStatus("default")
	if want := job.Day(time.Now()).Add(24 * time.Hour); !s.PausedUntil.Equal(want) || s.StartsTodayCount != 5 || s.MaxStartsPerDay != 5 {
		w.t.Errorf("%d of %d starts until %v, want 5 of 5 until %v", s.StartsTodayCount, s.MaxStartsPerDay, s.PausedUntil, want)
	}
}

// Resuming the account on the same day allows as many starts again.
func TestResumeAllowsMoreStarts(t *testing.T) {
	inWorld(t, &simulator.Simulator{Seed: 1, Duration: 10 * time.Second}, func(w *world) {
		w.maxStartsPerDay = 4
		w.run()
		b := w.submit(7, nil)
		w.await(b.ID, time.Hour, "all starts of the day", func(b job.Batch) bool { return b.Counts.Succeeded == 4 })
		if err := w.resume("default"); err != nil {
			w.t.Fatal(err)
		}
		b = w.awaitEnd(b.ID, time.Hour)
		w.audit(b.ID)
		s, _ := w.store.AccountStatus("default")
		if s.StartsTodayCount != 3 || s.StartsExhausted() {
			w.t.Errorf("%d starts count, exhausted: %v; want 3 of 4", s.StartsTodayCount, s.StartsExhausted())
		}
	})
}

// A start that is given back because the platform's queue is full does not count against the
// limit.
func TestStartsThatAreNotMadeDoNotCount(t *testing.T) {
	inWorld(t, &simulator.Simulator{Seed: 1, Duration: 10 * time.Second, Encoders: 1, QueueLimit: 1}, func(w *world) {
		w.maxStartsPerDay = 6
		w.run()
		b := w.submit(6, nil)
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		if n := w.calls("POST /encoding/encodings/{id}/start"); n <= 6 {
			w.t.Errorf("%d starts: the queue was never full, and the test shows nothing", n)
		}
	})
}

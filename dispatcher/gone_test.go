package dispatcher

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// inTwoOrganisations runs a test in a world whose key belongs to another organisation as
// long as wrong is set.
func inTwoOrganisations(t *testing.T, ours, theirs *simulator.Simulator, test func(w *world, wrong *atomic.Bool)) {
	t.Helper()
	inWorld(t, ours, func(w *world) {
		defer theirs.Close()
		var wrong atomic.Bool
		w.network = func(r *http.Request) (*http.Response, error) {
			if wrong.Load() {
				return theirs.Client().Transport.RoundTrip(r)
			}
			return ours.Client().Transport.RoundTrip(r)
		}
		test(w, &wrong)
	})
}

// With another organisation's key everything of ours is missing. That is no reason to
// encode it again there: it goes on in its own organisation, and is paid there.
func TestOtherOrganisation(t *testing.T) {
	ours := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: 10 * time.Minute}
	theirs := &simulator.Simulator{Seed: 2, Encoders: 3, Duration: 10 * time.Minute}
	inTwoOrganisations(t, ours, theirs, func(w *world, wrong *atomic.Bool) {
		w.run()
		b := w.submit(6, nil)
		time.Sleep(2 * time.Minute)
		wrong.Store(true)
		time.Sleep(time.Hour)
		if s, _ := w.disp.Status("default"); !strings.Contains(s.Problem, "another organisation") {
			w.t.Errorf("an hour with the wrong key, and the problem is %q", s.Problem)
		}
		wrong.Store(false)
		b = w.awaitEnd(b.ID, 3*time.Hour)
		for _, j := range w.jobs(b.ID) {
			if j.State != job.Succeeded || j.Attempt != 1 {
				w.t.Errorf("job %s is %s after attempt %d: %v", j.ID, j.State, j.Attempt, j.Failure)
			}
		}
		if n := theirs.Stats().Starts; n != 0 {
			w.t.Errorf("%d encodings were started in the other organisation", n)
		}
		w.audit(b.ID)
	})
}

// An encoding that somebody deleted is replaced, and the failure counts.
func TestDeletedEncoding(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: -1, Duration: time.Minute}
	var lost atomic.Value
	lost.Store("none")
	sim.Fault = func(c simulator.Call) simulator.Fault {
		if c.EncodingID == lost.Load() {
			return simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusNotFound, Code: 1004}
		}
		return simulator.Fault{}
	}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(1, nil)
		w.await(b.ID, time.Minute, "a queued job", func(b job.Batch) bool { return b.Counts.Queued == 1 })
		lost.Store(w.jobs(b.ID)[0].EncodingID)
		time.Sleep(10 * time.Minute)
		j := w.jobs(b.ID)[0]
		if j.EncodingID == lost.Load() || j.Failures != 1 || j.Failure.Kind != job.FailedGone || j.State != job.Queued {
			w.t.Errorf("job is %s with encoding %s (was %s), failure %v", j.State, j.EncodingID, lost.Load(), j.Failure)
		}
	})
}

// Work goes on with another organisation's key, which makes there what jobs share. That
// is no reason to encode anew there what was started in the former one, also after a
// restart; and nothing that was queued in the former one keeps others waiting.
func TestGoOnInOtherOrganisation(t *testing.T) {
	for _, restart := range []bool{false, true} {
		ours := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: 10 * time.Minute}
		theirs := &simulator.Simulator{Seed: 2, Encoders: 3, Duration: 10 * time.Minute}
		inTwoOrganisations(t, ours, theirs, func(w *world, wrong *atomic.Bool) {
			w.run()
			former := w.submit(6, nil)
			w.await(former.ID, time.Minute, "all under way", func(b job.Batch) bool { return b.Counts.Queued == 3 && b.Counts.Running == 3 })
			if restart {
				w.halt()
			}
			wrong.Store(true)
			if restart {
				w.run()
			}
			time.Sleep(time.Minute)
			b := w.awaitEnd(w.submit(6, nil).ID, time.Hour)
			if n := theirs.Stats().Starts; b.State != job.BatchSucceeded || n != 6 {
				w.t.Errorf("restart %v: batch is %s after %d starts, want 6", restart, b.State, n)
			}
			time.Sleep(time.Minute) // encodings that are there make one forget those that are not
			if s, _ := w.disp.Status("default"); !strings.Contains(s.Problem, "another organisation") {
				w.t.Errorf("restart %v: the problem is %q", restart, s.Problem)
			}
			wrong.Store(false)
			former = w.awaitEnd(former.ID, 2*time.Hour)
			for _, j := range w.jobs(former.ID) {
				if j.State != job.Succeeded || j.Attempt != 1 {
					w.t.Errorf("restart %v: job %s is %s after attempt %d: %v", restart, j.ID, j.State, j.Attempt, j.Failure)
				}
			}
			w.audit(former.ID)
		})
	}
}

// The key is another organisation's for good. What was started in the former one can be
// cancelled, though it takes its time.
func TestCancelInOtherOrganisation(t *testing.T) {
	for name, edit := range map[string]func(*job.Batch){"recipe": nil, "template": ladder(t)} {
		t.Run(name, func(t *testing.T) {
			ours := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: 10 * time.Minute}
			ours.Fault = func(c simulator.Call) simulator.Fault {
				if c.Route == templatesStart && c.Nth == 1 { // so that it is not known whether there is an encoding
					return simulator.Fault{Kind: simulator.ResetFault, After: true}
				}
				return simulator.Fault{}
			}
			theirs := &simulator.Simulator{Seed: 2, Encoders: 3, Duration: 10 * time.Minute}
			inTwoOrganisations(t, ours, theirs, func(w *world, wrong *atomic.Bool) {
				w.run()
				b := w.submit(3, edit)
				w.await(b.ID, time.Minute, "all started", func(b job.Batch) bool { return b.Counts.InFlight() == 3 })
				wrong.Store(true)
				if _, err := w.store.UpdateBatch(w.ctx, b.ID, time.Now(), func(b *job.Batch) error { return b.Cancel("enough") }); err != nil {
					w.t.Fatal(err)
				}
				time.Sleep(goneForGood - time.Minute)
				if b, err := w.store.Batch(w.ctx, b.ID); err != nil || b.Counts.Cancelling == 0 {
					w.t.Errorf("%+v, %v: given up although the key may be changed back", b.Counts, err)
				}
				b = w.awaitEnd(b.ID, goneForGood)
				if b.State != job.BatchCancelled || b.Counts.Cancelled != 3 {
					w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
				}
			})
		})
	}
}

package dispatcher

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// rights says whether the platform may write to the output of the test.
type rights struct {
	mu     sync.Mutex
	reason string
}

func (r *rights) deny(simulator.PermissionCheck) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reason
}

func (r *rights) set(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reason = reason
}

const checkRoute = "POST /encoding/outputs/{id}/check-permissions"

// A batch whose output the platform may not write to waits with the platform's words, before anything
// is created or paid for, and costs no other batch any time. The platform is asked every five minutes,
// and at once when the batch is resumed.
func TestDeniedOutput(t *testing.T) {
	for _, template := range []bool{false, true} {
		t.Run(fmt.Sprintf("template: %v", template), func(t *testing.T) {
			access := &rights{reason: "ACLs are disabled for the bucket"}
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, DenyPermission: access.deny}
			inWorld(t, sim, func(w *world) {
				denied := w.submit(20, func(b *job.Batch) {
					if template {
						ladder(t)(b)
					}
					b.Priority = 90
				})
				other := w.submit(9, func(b *job.Batch) { b.Output.Name = "gcs" })
				w.run()
				other = w.awaitEnd(other.ID, 10*time.Minute)
				if took := other.FinishTime.Sub(other.CreateTime); other.State != job.BatchSucceeded || took > 4*time.Minute {
					w.t.Errorf("the other batch is %s after %v, want some three minutes", other.State, took)
				}
				checks := w.calls(checkRoute)
				time.Sleep(time.Hour - time.Since(denied.CreateTime))
				if n := w.calls(checkRoute) - checks; n < 10 || n > 13 {
					w.t.Errorf("asked %d times in an hour, want every five minutes", n)
				}
				if n := w.calls("POST /encoding/encodings"); n != 9 {
					w.t.Errorf("%d encodings created, want those of the other batch", n)
				}
				b, err := w.store.Batch(w.ctx, denied.ID)
				if err != nil || b.Counts != (job.Counts{Waiting: 20}) {
					w.t.Errorf("the batch: %+v, %v, want it to wait", b.Counts, err)
				}
				status, _ := w.store.AccountStatus("default")
				wait := job.WaitExplainer{Now: time.Now(), Batch: &b, Account: &status}.BatchWait(nil)
				if wait.Code != job.WaitStorage || !strings.Contains(wait.Text, "ACLs are disabled for the bucket") || !strings.Contains(wait.Text, `storage "out"`) {
					w.t.Errorf("it waits for %s: %s", wait.Code, wait)
				}

				access.set("")
				resumed := time.Now()
				if _, err := w.store.UpdateBatch(w.ctx, denied.ID, resumed, func(b *job.Batch) error { return b.Resume(resumed) }); err != nil {
					w.t.Fatal(err)
				}
				denied = w.awaitEnd(denied.ID, 10*time.Minute)
				if took := denied.FinishTime.Sub(resumed); denied.State != job.BatchSucceeded || took > 8*time.Minute {
					w.t.Errorf("the batch is %s %v after it was resumed, want some seven minutes", denied.State, took)
				}
				w.usedOneAttemptEach(denied)
				w.audit(denied.ID, other.ID)
			})
		})
	}
}

// A right that is given is found by itself within five minutes.
func TestOutputBecomesWritable(t *testing.T) {
	access := &rights{reason: "AccessDenied"}
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, DenyPermission: access.deny}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(3, nil)
		time.Sleep(7 * time.Minute)
		access.set("")
		given := time.Now()
		b = w.await(b.ID, 10*time.Minute, "a start", func(b job.Batch) bool { return b.Counts.Waiting < 3 })
		if took := time.Since(given); took > 3*time.Minute+10*time.Second {
			w.t.Errorf("started %v after the right was given seven minutes on, want three minutes", took)
		}
		b = w.awaitEnd(b.ID, 10*time.Minute)
		w.usedOneAttemptEach(b)
	})
}

// The first job of a batch asks about the right, and no other.
func TestPermissionsAreCheckedOnce(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		first := w.awaitEnd(w.submit(30, nil).ID, time.Hour)
		second := w.awaitEnd(w.submit(3, nil).ID, time.Hour)
		if n := w.calls(checkRoute); n != 1 {
			w.t.Errorf("asked %d times, want once for both batches", n)
		}
		w.audit(first.ID, second.ID)
	})
}

// Where the platform has no such check, or breaks on it, jobs are started without it.
func TestPermissionCheckIsNotAvailable(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusInternalServerError} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, Fault: func(c simulator.Call) simulator.Fault {
				if c.Route == checkRoute {
					return simulator.Fault{Kind: simulator.JSONFault, Status: status}
				}
				return simulator.Fault{}
			}}
			inWorld(t, sim, func(w *world) {
				w.run()
				b := w.submit(3, nil)
				b = w.awaitEnd(b.ID, 5*time.Minute)
				if took := b.FinishTime.Sub(b.CreateTime); b.State != job.BatchSucceeded || took > 2*time.Minute {
					w.t.Errorf("the batch is %s after %v", b.State, took)
				}
				w.usedOneAttemptEach(b)
				if s, _ := w.store.AccountStatus("default"); s.Breaker != job.BreakerClosed {
					w.t.Errorf("the breaker is %s: %s", s.Breaker, s.BreakerReason)
				}
			})
		})
	}
}

package dispatcher

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// A batch whose jobs cannot be configured or started, however urgent, delays no other batch.
func TestFailingBatchDelaysNoOther(t *testing.T) {
	refused := func(route, body string, status int) func(simulator.Call) simulator.Fault {
		return func(c simulator.Call) simulator.Fault {
			if c.Route == route && bytes.Contains(c.Body, []byte(body)) {
				return simulator.Fault{Kind: simulator.JSONFault, Status: status}
			}
			return simulator.Fault{}
		}
	}
	const storages, streams = "POST /encoding/outputs/gcs", "POST /encoding/encodings/{id}/streams"
	for _, tt := range []struct {
		name  string
		edit  func(*job.Batch)
		fault func(simulator.Call) simulator.Fault
		// configured says that the fault concerns configuring, which a template's jobs do not need.
		configured bool
	}{
		{"unknown storage", func(b *job.Batch) { b.Input.Name = "gone" }, nil, false},
		{"refused storage", func(b *job.Batch) { b.Output.Name = "gcs" }, refused(storages, "", http.StatusBadRequest), false},
		{"forbidden storage", func(b *job.Batch) { b.Output.Name = "gcs" }, refused(storages, "", http.StatusForbidden), false},
		{"jobs the platform breaks on", func(b *job.Batch) { b.Output.Name = "gcs" }, refused(streams, "broken/", http.StatusInternalServerError), true},
	} {
		for _, template := range []bool{false, true} {
			if template && tt.configured {
				continue
			}
			t.Run(fmt.Sprintf("%s, template: %v", tt.name, template), func(t *testing.T) {
				sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, Fault: tt.fault}
				inWorld(t, sim, func(w *world) {
					w.inputs = "broken"
					urgent := w.submit(20, func(b *job.Batch) {
						if template {
							ladder(t)(b)
						}
						tt.edit(b)
						b.Priority = 90
					})
					w.inputs = "in"
					other := w.submit(9, nil)
					w.run()
					other = w.awaitEnd(other.ID, 10*time.Minute)
					if took := other.FinishTime.Sub(other.CreateTime); other.State != job.BatchSucceeded || took > 4*time.Minute {
						w.t.Errorf("the other batch is %s after %v, want some three minutes", other.State, took)
					}
					time.Sleep(10 * time.Minute)
					if b, err := w.store.Batch(w.ctx, urgent.ID); err != nil || b.Counts != (job.Counts{Waiting: 20}) {
						w.t.Errorf("the urgent batch: %+v, %v, want it to wait", b.Counts, err)
					}
					status, _ := w.store.AccountStatus("default")
					if told := status.Problems[urgent.ID].Text; told == "" || told != status.Problem || len(status.Problems) > 1 {
						w.t.Errorf("problems of batches %v, of the account %q; want the urgent batch's alone", status.Problems, status.Problem)
					}
				})
			})
		}
	}
}

// A thousand urgent jobs on which the platform breaks when they are configured, with an error or
// without an answer, do not hold up the jobs of another batch, although there is always another of
// them to try.
func TestBrokenJobsDelayNoOtherBatch(t *testing.T) {
	for name, fault := range map[string]simulator.Fault{
		"no answer":  {Kind: simulator.HangFault},
		"status 500": {Kind: simulator.JSONFault, Status: http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, Latency: 50 * time.Millisecond}
			sim.Fault = func(c simulator.Call) simulator.Fault {
				if c.Route == "POST /encoding/encodings/{id}/streams" && bytes.Contains(c.Body, []byte("broken/")) {
					return fault
				}
				return simulator.Fault{}
			}
			inWorld(t, sim, func(w *world) {
				w.inputs = "broken"
				urgent := w.submit(1000, func(b *job.Batch) { b.Priority = 90 })
				w.inputs = "in"
				other := w.submit(9, nil)
				w.run()
				w.awaitEnd(other.ID, 5*time.Minute)
				status, _ := w.store.AccountStatus("default")
				if told := status.Problems[urgent.ID].Text; told != errNotConfigured.Error() {
					w.t.Errorf("the urgent batch's problem is %q", told)
				}
			})
		})
	}
}

// A batch whose starts the platform never answers and never makes does not hold up another batch,
// and loses no attempt.
func TestLostStartsDelayNoOtherBatch(t *testing.T) {
	for _, template := range []bool{false, true} {
		t.Run(fmt.Sprintf("template: %v", template), func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}
			sim.Fault = func(c simulator.Call) simulator.Fault {
				profile := c.Route == "POST /encoding/encodings/{id}/start" && bytes.Contains(c.Body, []byte(`"priority":90`))
				if profile || c.Route == templatesStart {
					return simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusInternalServerError}
				}
				return simulator.Fault{}
			}
			inWorld(t, sim, func(w *world) {
				urgent := w.submit(20, func(b *job.Batch) {
					if template {
						ladder(t)(b)
					}
					b.Priority = 90
				})
				other := w.submit(9, nil)
				w.run()
				w.awaitEnd(other.ID, 5*time.Minute)
				for _, j := range w.jobs(urgent.ID) {
					if j.Attempt > 1 || j.State.Terminal() {
						w.t.Errorf("job %s is %s in attempt %d, want no attempt used", j.ID, j.State, j.Attempt)
					}
				}
			})
		})
	}
}

// Many batches use a storage that the platform refuses. All of them together make few calls for it.
func TestRefusedStorageOfMany(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}
	const route = "POST /encoding/outputs/gcs"
	sim.Fault = func(c simulator.Call) simulator.Fault {
		if c.Route == route {
			return simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusBadRequest}
		}
		return simulator.Fault{}
	}
	batches := 100
	if testing.Short() {
		batches = 50 // under the race detector
	}
	inWorld(t, sim, func(w *world) {
		for range batches {
			w.submit(1, func(b *job.Batch) { b.Priority, b.Output.Name = 90, "gcs" })
		}
		other := w.submit(9, nil)
		w.run()
		w.awaitEnd(other.ID, 5*time.Minute)
		time.Sleep(10 * time.Minute)
		if n := w.calls(route); n > 40 {
			w.t.Errorf("%d calls to create the storage, want at most 40", n)
		}
	})
}

// Once a storage is no longer refused, its batch goes on at once, without an attempt lost or a
// problem left.
func TestBatchGoesOnAfterRefusal(t *testing.T) {
	var mended time.Time
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}
	sim.Fault = func(c simulator.Call) simulator.Fault {
		if c.Route == "POST /encoding/outputs/gcs" && time.Now().Before(mended) {
			return simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusBadRequest}
		}
		return simulator.Fault{}
	}
	inWorld(t, sim, func(w *world) {
		mended = time.Now().Add(time.Hour)
		w.run()
		b := w.submit(3, func(b *job.Batch) { b.Output.Name = "gcs" })
		b = w.awaitEnd(b.ID, 2*time.Hour)
		if late := b.FinishTime.Sub(mended); b.State != job.BatchSucceeded || late > 2*time.Minute {
			w.t.Errorf("batch is %s, %v after the storage was accepted", b.State, late)
		}
		if status, _ := w.store.AccountStatus("default"); status.Problem != "" || len(status.Problems) != 0 {
			w.t.Errorf("problems are still %q, %v", status.Problem, status.Problems)
		}
		w.usedOneAttemptEach(b)
	})
}

// A codec configuration is a part of the recipe: if the platform refuses it, the jobs that need it
// fail.
func TestRefusedRecipe(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusForbidden} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}
			sim.Fault = func(c simulator.Call) simulator.Fault {
				if c.Route == "POST /encoding/configurations/video/h264" && bytes.Contains(c.Body, []byte("NO_SUCH_PROFILE")) {
					return simulator.Fault{Kind: simulator.JSONFault, Status: status, Code: 1000}
				}
				return simulator.Fault{}
			}
			inWorld(t, sim, func(w *world) {
				w.run()
				b := w.submit(5, func(b *job.Batch) { b.Recipe.Videos[1].Profile = "NO_SUCH_PROFILE" })
				other := w.submit(3, nil)
				b = w.awaitEnd(b.ID, 10*time.Minute)
				for _, j := range w.jobs(b.ID) {
					if j.State != job.Failed || j.Attempt != 3 || j.Failure.Kind != job.FailedConfigure || j.Failure.Code != 1000 {
						w.t.Errorf("job %s is %s after attempt %d: %v", j.ID, j.State, j.Attempt, j.Failure)
					}
				}
				if other = w.awaitEnd(other.ID, 10*time.Minute); other.State != job.BatchSucceeded {
					w.t.Errorf("the other batch is %s", other.State)
				}
				w.audit(b.ID, other.ID)
			})
		})
	}
}

// Where no other batch has jobs to start, jobs are started again as soon as it is known that
// their lost starts were not made.
func TestLostStartsDelayNoRestart(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}
	sim.Fault = func(c simulator.Call) simulator.Fault {
		if c.Route == "POST /encoding/encodings/{id}/start" && c.Nth <= 3 {
			return simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusInternalServerError}
		}
		return simulator.Fault{}
	}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(3, nil)
		w.awaitEnd(b.ID, 5*time.Minute)
		for _, j := range w.jobs(b.ID) {
			if waited := j.StartTime.Sub(b.CreateTime); waited > defaultSettle+4*time.Second+minCountInterval { // the first count may come too early
				w.t.Errorf("job %s was started after %v, want little more than %v", j.ID, waited, defaultSettle)
			}
		}
	})
}

// A large batch of high priority, for whose jobs the platform gives no answer when they are configured, lets batches of
// lower priority pass: the queue does not run dry while it waits.
func TestSilentConfigurationsLetOthersPass(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, Latency: 50 * time.Millisecond, Fault: silenceJobs("silent/")}
	inWorld(t, sim, func(w *world) {
		w.inputs = "silent"
		silent := w.submit(1000, func(b *job.Batch) { b.Priority = 90 })
		w.inputs = "in"
		other := w.submit(45, func(b *job.Batch) { b.Priority = 10 })
		w.run()
		w.await(other.ID, 10*time.Second, "a start", func(b job.Batch) bool { return b.Counts.Waiting < 45 })
		if other = w.awaitEnd(other.ID, 16*time.Minute+30*time.Second); other.State != job.BatchSucceeded {
			w.t.Errorf("the other batch is %s", other.State)
		}
		w.audit(silent.ID, other.ID)
	})
}

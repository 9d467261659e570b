package dispatcher

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// An outage of 60 hours costs no job an attempt, and few calls are made meanwhile.
func TestOutage(t *testing.T) {
	outage := 60 * time.Hour
	if testing.Short() {
		outage = 12 * time.Hour // under the race detector
	}
	for _, tt := range []struct {
		name  string
		fault simulator.Fault
	}{
		{"503 from a gateway", simulator.Fault{Kind: simulator.HTMLFault, Status: http.StatusServiceUnavailable}},
		{"connections cut", simulator.Fault{Kind: simulator.ResetFault}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var begin, end time.Time
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}
			sim.Fault = func(simulator.Call) simulator.Fault {
				if now := time.Now(); now.After(begin) && now.Before(end) {
					return tt.fault
				}
				return simulator.Fault{}
			}
			inWorld(t, sim, func(w *world) {
				begin = time.Now().Add(90 * time.Second)
				end = begin.Add(outage)
				w.run()
				b := w.submit(20, nil)
				time.Sleep(time.Hour)
				if s, _ := w.store.AccountStatus("default"); s.Breaker == job.BreakerClosed || s.BreakerReason == "" {
					w.t.Errorf("an hour into the outage the breaker is %s (%s)", s.Breaker, s.BreakerReason)
				}
				before := w.sim.ReadStats().Calls
				time.Sleep(time.Hour)
				if n := w.sim.ReadStats().Calls - before; n > 150 {
					w.t.Errorf("%d calls in an hour of outage", n)
				}
				b = w.awaitEnd(b.ID, outage+10*time.Hour)
				if b.State != job.BatchSucceeded {
					w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
				}
				w.usedOneAttemptEach(b)
				w.audit(b.ID)
			})
		})
	}
}

func TestMissingKey(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		ready := time.Now().Add(10 * time.Minute)
		w.apiKey = func() (string, error) {
			if time.Now().Before(ready) {
				return "", errors.New("no such file")
			}
			return "key", nil
		}
		w.run()
		b := w.submit(3, nil)
		time.Sleep(time.Minute)
		if s, _ := w.store.AccountStatus("default"); s.Breaker == job.BreakerClosed {
			w.t.Error("the breaker is closed although there is no key")
		}
		if n := w.sim.ReadStats().Calls; n != 0 {
			w.t.Errorf("%d calls without a key", n)
		}
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s", b.State)
		}
	})
}

// Whichever call fails or loses its answer, all jobs succeed in their first attempt, and none is
// started twice.
func TestLostAnswers(t *testing.T) {
	for n, tt := range []struct {
		name  string
		fault simulator.Fault
	}{
		{"504 but started", simulator.Fault{Kind: simulator.HTMLFault, Status: http.StatusGatewayTimeout, After: true}},
		{"504 and not started", simulator.Fault{Kind: simulator.HTMLFault, Status: http.StatusGatewayTimeout}},
		{"cut after the effect", simulator.Fault{Kind: simulator.ResetFault, After: true}},
		{"cut before the effect", simulator.Fault{Kind: simulator.ResetFault}},
		{"half an answer", simulator.Fault{Kind: simulator.TruncateFault, After: true}},
		{"an empty 200", simulator.Fault{Kind: simulator.EmptyFault, After: true}},
	} {
		for m, route := range []string{
			"POST /encoding/encodings", "POST /encoding/encodings/{id}/start",
			"POST /encoding/encodings/{id}/streams", "POST /encoding/encodings/{id}/muxings/fmp4",
			"POST /encoding/inputs/http", "POST /encoding/outputs/s3", "POST /encoding/configurations/video/h264",
			"GET /encoding/encodings", "GET /encoding/encodings/{id}/status", "GET /encoding/inputs/http",
		} {
			if !inSample(n+m, 7) {
				continue // a sample of them, under the race detector
			}
			t.Run(tt.name+" "+route, func(t *testing.T) {
				sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, TakeAnyStart: true}
				sim.Fault = func(c simulator.Call) simulator.Fault {
					if c.Route == route && c.Nth%7 == 1 {
						return tt.fault
					}
					return simulator.Fault{}
				}
				inWorld(t, sim, func(w *world) {
					w.run()
					b := w.awaitEnd(w.submit(12, nil).ID, 3*time.Hour)
					if b.State != job.BatchSucceeded {
						w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
					}
					w.usedOneAttemptEach(b)
					w.audit(b.ID)
				})
			})
		}
	}
}

// A codec configuration that is deleted at the platform is created anew, and costs no job an
// attempt.
func TestVanishedConfiguration(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		first := w.awaitEnd(w.submit(2, nil).ID, time.Hour)
		for _, r := range w.sim.Resources() {
			if r.Type == "AAC" {
				w.deleteConfiguration(r.ID)
			}
		}
		second := w.awaitEnd(w.submit(2, nil).ID, time.Hour)
		for _, j := range w.jobs(second.ID) {
			if j.State != job.Succeeded || j.Attempt != 1 {
				w.t.Errorf("job %s is %s after attempt %d: %v", j.ID, j.State, j.Attempt, j.Failure)
			}
		}
		w.audit(first.ID, second.ID)
	})
}

func (w *world) deleteConfiguration(id string) {
	w.t.Helper()
	url := bitmovin.DefaultBaseURL + "/encoding/configurations/audio/aac/" + id
	request, err := http.NewRequestWithContext(w.ctx, http.MethodDelete, url, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("X-Api-Key", "other")
	response, err := w.sim.Client().Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		w.t.Fatalf("delete configuration %s: %s", id, response.Status)
	}
}

// A refusal of the account costs no job an attempt, with whichever status and code.
func TestRefusedAccount(t *testing.T) {
	refused := 12 * time.Hour
	if testing.Short() {
		refused = 3 * time.Hour // under the race detector
	}
	for _, tt := range []struct {
		name         string
		status, code int
	}{
		{"key revoked", http.StatusUnauthorized, 1},
		{"wrong organisation", http.StatusForbidden, 1},
		{"minutes used up", http.StatusForbidden, 8001},
		{"bytes used up", http.StatusForbidden, 8002},
		{"maintenance", http.StatusServiceUnavailable, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var begin, end time.Time
			sim := &simulator.Simulator{Seed: 1, Encoders: 2, Duration: time.Minute}
			sim.Fault = func(simulator.Call) simulator.Fault {
				if now := time.Now(); now.After(begin) && now.Before(end) {
					return simulator.Fault{Kind: simulator.JSONFault, Status: tt.status, Code: tt.code}
				}
				return simulator.Fault{}
			}
			inWorld(t, sim, func(w *world) {
				begin = time.Now().Add(100 * time.Second)
				end = begin.Add(refused)
				w.run()
				b := w.submit(12, nil)
				time.Sleep(time.Hour)
				if s, _ := w.store.AccountStatus("default"); s.Breaker == job.BreakerClosed {
					w.t.Error("the breaker is closed")
				}
				b = w.awaitEnd(b.ID, refused+8*time.Hour)
				for _, j := range w.jobs(b.ID) {
					if j.State != job.Succeeded || j.Attempt != 1 {
						w.t.Errorf("job %s is %s after attempt %d: %v", j.ID, j.State, j.Attempt, j.Failure)
					}
				}
				w.audit(b.ID)
			})
		})
	}
}

// A 403 for one job again and again, while the platform serves others, counts as that job's
// failure: it does not hold up the others.
func TestForbiddenJob(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 2, Duration: time.Minute}
	sim.Fault = func(c simulator.Call) simulator.Fault {
		if c.Route == "POST /encoding/encodings/{id}/start" && strings.HasPrefix(c.Name, "k2 ") {
			return simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusForbidden, Code: 1}
		}
		return simulator.Fault{}
	}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.awaitEnd(w.submit(6, nil).ID, 3*time.Hour)
		for n, j := range w.jobs(b.ID) {
			if want := map[bool]job.State{true: job.Failed, false: job.Succeeded}[n == 1]; j.State != want {
				w.t.Errorf("job %s is %s, want %s: %v", j.ID, j.State, want, j.Failure)
			}
		}
	})
}

// In whatever state a job is cancelled, it is CANCELLED only once the platform has confirmed it.
func TestCancelInAnyState(t *testing.T) {
	at := func(ok func(job.Job) bool) func(*world, job.ID) {
		return func(w *world, id job.ID) { w.cancelWhen(id, ok) }
	}
	for _, tt := range []struct {
		name   string
		cancel func(*world, job.ID)
		down   time.Duration // how long the platform is down from the cancellation on
		crash  bool          // the process is restarted after the cancellation
	}{
		{"while it is created", at(func(j job.Job) bool { return j.Step == job.StepCreate }), 0, false},
		{"prepared", at(func(j job.Job) bool { return j.Prepared() }), 0, false},
		{"while it is started", at(func(j job.Job) bool { return j.State == job.Starting }), 0, false},
		{"queued", at(func(j job.Job) bool { return j.State == job.Queued }), 0, false},
		{"running", at(func(j job.Job) bool { return j.State == job.Running }), 0, false},
		{"running, and the platform goes down", at(func(j job.Job) bool { return j.State == job.Running }), 10 * time.Minute, false},
		{"while it is started, and the platform goes down", at(func(j job.Job) bool { return j.State == job.Starting }), 10 * time.Minute, false},
		{"running, and a restart", at(func(j job.Job) bool { return j.State == job.Running }), 0, true},
		{"while it is started, and a restart", at(func(j job.Job) bool { return j.State == job.Starting }), 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var end atomic.Int64 // of the outage, in Unix milliseconds
			sim := &simulator.Simulator{Seed: 1, Encoders: 1, Duration: time.Minute, StopDelay: 2 * time.Second, Latency: 300 * time.Millisecond, StartDelay: time.Second}
			sim.Fault = func(simulator.Call) simulator.Fault {
				if time.Now().UnixMilli() < end.Load() {
					return simulator.Fault{Kind: simulator.HTMLFault, Status: http.StatusBadGateway}
				}
				return simulator.Fault{}
			}
			inWorld(t, sim, func(w *world) {
				w.run()
				b := w.submit(2, nil)
				id := job.ID{Batch: b.ID, Number: 2}
				tt.cancel(w, id)
				end.Store(time.Now().Add(tt.down).UnixMilli())
				if tt.crash {
					w.halt()
					w.run()
				}
				if j, err := w.store.Job(w.ctx, id); err != nil || (tt.down > 0 && j.State == job.Cancelled) {
					w.t.Errorf("job is %s although the platform cannot have confirmed it (%v)", j.State, err)
				}
				w.awaitEnd(b.ID, 2*time.Hour)
				time.Sleep(time.Minute)
				j, err := w.store.Job(w.ctx, id)
				if err != nil || (j.State != job.Cancelled && j.State != job.Succeeded) {
					w.t.Errorf("job is %s (%v)", j.State, err)
				}
				if e, ok := w.sim.FindEncoding(j.EncodingID); ok && j.State == job.Cancelled && e.Status != simulator.Canceled {
					w.t.Errorf("job is CANCELLED, its encoding is %s", e.Status)
				}
				w.checkNothingLeft()
				w.audit(b.ID)
			})
		})
	}
}

// checkNothingLeft checks that no encoding at the platform is queued, running or an orphan.
func (w *world) checkNothingLeft() {
	w.t.Helper()
	for _, e := range w.sim.Encodings() {
		if (e.Status == simulator.Created && !e.Deleted) || e.Status == simulator.Queued || e.Status == simulator.Running {
			w.t.Errorf("encoding %s is still %s", e.Name, e.Status)
		}
	}
}

// If calls are throttled so that configuring an encoding takes longer than from one sweep to the
// next, the encoding is kept, and not deleted as an orphan.
func TestThrottledWhileConfiguring(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}
	sim.Fault = func(c simulator.Call) simulator.Fault {
		if strings.HasPrefix(c.Route, "POST /encoding/encodings/{id}/") && c.NthOfEncoding%2 == 1 {
			return simulator.Fault{Kind: simulator.RateLimitFault}
		}
		return simulator.Fault{}
	}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.awaitEnd(w.submit(40, nil).ID, 20*time.Hour)
		if n := w.calls("POST /encoding/encodings"); n != 40 || b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s, %d encodings were created for 40 jobs", b.State, n)
		}
		if n := w.calls("DELETE /encoding/encodings/{id}"); n != 0 {
			w.t.Errorf("%d encodings were deleted", n)
		}
		w.audit(b.ID)
	})
}

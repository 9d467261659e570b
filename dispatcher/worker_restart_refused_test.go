package dispatcher

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// firstFails makes the first encoding of each of the first n jobs end in ERROR, in every run. A
// later encoding of the job succeeds.
func firstFails(n int) func(simulator.Encoding, int) simulator.Outcome {
	var mu sync.Mutex
	first := map[string]string{} // encodings by name
	return func(e simulator.Encoding, _ int) simulator.Outcome {
		mu.Lock()
		defer mu.Unlock()
		if first[e.Name] == "" {
			first[e.Name] = e.ID
		}
		if id, _, _ := provision.ParseName(e.Name); id.Number <= int64(n) && first[e.Name] == e.ID {
			return broken(simulator.Retry)
		}
		return simulator.Outcome{}
	}
}

// refusedRestart is a platform that takes one start of each encoding, and counts the others.
func refusedRestart(n int, status int, refused *atomic.Int64) *simulator.Simulator {
	return &simulator.Simulator{
		Seed: 1, Encoders: 4, Duration: 10 * time.Second, Outcome: firstFails(n), Latency: 20 * time.Millisecond,
		Fault: func(c simulator.Call) simulator.Fault {
			if strings.HasSuffix(c.Path, "/start") && c.NthOfEncoding > 1 {
				refused.Add(1)
				return simulator.Fault{Kind: simulator.JSONFault, Status: status, Code: 1001}
			}
			return simulator.Fault{}
		},
	}
}

// If the platform refuses to start an encoding again that has ended in ERROR, the job's retry gets
// a new encoding and is not lost. From then on every retry gets a new encoding at once.
func TestRefusedRestart(t *testing.T) {
	for _, status := range []int{400, 403, 404, 409, 410, 422} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			var refused atomic.Int64
			sim := refusedRestart(4, status, &refused)
			inWorld(t, sim, func(w *world) {
				w.run()
				b := w.awaitEnd(w.submit(8, func(b *job.Batch) { b.Retry.MaxRetries = 1 }).ID, time.Hour)
				for n, j := range w.jobs(b.ID) {
					want := map[bool]int{true: 2, false: 1}[n < 4]
					if j.State != job.Succeeded || j.Attempt != want {
						w.t.Errorf("job %s is %s after attempt %d, want %d: %v", j.ID, j.State, j.Attempt, want, j.Failure)
					}
				}
				before := refused.Load()
				again := w.awaitEnd(w.submit(8, func(b *job.Batch) { b.Retry.MaxRetries = 1 }).ID, time.Hour)
				if again.State != job.BatchSucceeded || refused.Load() != before {
					w.t.Errorf("the next batch is %s, after %d more restarts that were refused", again.State, refused.Load()-before)
				}
				w.audit(b.ID, again.ID)
			})
		})
	}
}

// The same if the platform's answers lack the times by which one run is told from another.
func TestRefusedRestartWithoutTimes(t *testing.T) {
	var refused atomic.Int64
	sim := refusedRestart(4, http.StatusConflict, &refused)
	inWorld(t, sim, func(w *world) {
		way := w.sim.Client().Transport
		w.network = func(r *http.Request) (*http.Response, error) {
			resp, err := way.RoundTrip(r)
			if err != nil || !strings.HasSuffix(r.URL.Path, "/status") {
				return resp, err
			}
			for _, field := range []string{"queuedAt", "finishedAt", "errorAt"} {
				if resp, err = without(resp, field); err != nil {
					return nil, err
				}
			}
			return resp, nil
		}
		w.run()
		b := w.awaitEnd(w.submit(8, func(b *job.Batch) { b.Retry.MaxRetries = 1 }).ID, time.Hour)
		if b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
		}
		w.audit(b.ID)
	})
}

// A FAILED job that somebody retries goes on with a new encoding as well: the first such job after
// a refusal, the next one without.
func TestRefusedRestartByHand(t *testing.T) {
	var refused atomic.Int64
	sim := refusedRestart(2, http.StatusConflict, &refused)
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.awaitEnd(w.submit(2, func(b *job.Batch) { b.Retry.MaxRetries = 0 }).ID, time.Hour)
		for n := range 2 {
			now := time.Now()
			before := w.jobs(b.ID)[n]
			if _, err := w.store.UpdateJob(w.ctx, before.ID, now, func(u *job.Update) error { return u.Retry(now) }); err != nil {
				w.t.Fatal(err)
			}
			b = w.awaitEnd(b.ID, time.Hour)
			j := w.jobs(b.ID)[n]
			if before.State != job.Failed || j.State != job.Succeeded || j.Attempt != 2 || refused.Load() != 1 {
				w.t.Errorf("job was %s, is %s after attempt %d and %d refusals: %v", before.State, j.State, j.Attempt, refused.Load(), j.Failure)
			}
		}
		w.audit(b.ID)
	})
}

// A restart that the platform accepts but does not carry out uses an attempt; the next attempt gets
// a new encoding.
func TestRestartWithoutEffect(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 4, Duration: 10 * time.Second, Outcome: firstFails(1)}
	inWorld(t, sim, func(w *world) {
		way := w.sim.Client().Transport
		started := map[string]bool{}
		w.network = func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/start") {
				if started[r.URL.Path] {
					resp := &http.Response{Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Body: http.NoBody}
					return answer(resp, http.StatusOK, `{"status":"SUCCESS","data":{"result":{"id":"x"}}}`)
				}
				started[r.URL.Path] = true
			}
			return way.RoundTrip(r)
		}
		w.run()
		b := w.awaitEnd(w.submit(1, nil).ID, time.Hour)
		if j := w.jobs(b.ID)[0]; j.State != job.Succeeded || j.Attempt != 3 {
			w.t.Errorf("job is %s after attempt %d: %v", j.State, j.Attempt, j.Failure)
		}
		w.audit(b.ID)
	})
}

// A restart that meets a full queue, a used-up quota or an outage is repeated later with the same
// encoding.
func TestRestartDelayed(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault simulator.Fault
	}{
		{"queue full", simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusForbidden, Code: 8004}},
		{"throttled", simulator.Fault{Kind: simulator.RateLimitFault}},
		{"quota", simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusForbidden, Code: 8001}},
		{"no key", simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusUnauthorized}},
		{"out", simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusServiceUnavailable}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 4, Duration: 10 * time.Second, Outcome: failWith("k1", 1, broken(simulator.Retry))}
			sim.Fault = func(c simulator.Call) simulator.Fault {
				if strings.HasSuffix(c.Path, "/start") && c.NthOfEncoding == 2 {
					return tt.fault
				}
				return simulator.Fault{}
			}
			inWorld(t, sim, func(w *world) {
				w.run()
				b := w.awaitEnd(w.submit(1, nil).ID, time.Hour)
				if j := w.jobs(b.ID)[0]; j.State != job.Succeeded || j.Attempt != 2 || len(w.sim.Starts(j.EncodingID)) != 2 {
					w.t.Errorf("job is %s after attempt %d, its encoding started %d times: %v", j.State, j.Attempt, len(w.sim.Starts(j.EncodingID)), j.Failure)
				}
				w.audit(b.ID)
			})
		})
	}
}

// TestRefusedRestartCrashPoints kills the process at every second crash point of a scenario in which
// restarts are refused.
func TestRefusedRestartCrashPoints(t *testing.T) {
	eachPoint(t, func(t *testing.T, dieAt int) (points int) {
		var refused atomic.Int64
		sim := refusedRestart(2, http.StatusConflict, &refused)
		sim.TakeAnyStart = true
		inWorld(t, sim, func(w *world) {
			first := newMortal(dieAt)
			w.mortal = first
			w.run()
			b := w.submit(3, func(b *job.Batch) {
				b.Retry = job.RetryPolicy{MaxRetries: 1, InitialBackoff: 2 * time.Second}
				b.Recipe.Videos = b.Recipe.Videos[:1]
			})
			points = w.passOrRestart(b.ID, first)
			b = w.awaitEnd(b.ID, time.Hour)
			time.Sleep(time.Minute) // orphans are deleted
			w.audit(b.ID)
			for n, j := range w.jobs(b.ID) {
				if most := map[bool]int{true: 2, false: 1}[n < 2]; j.State != job.Succeeded || j.Attempt > most {
					w.t.Errorf("job %s is %s after attempt %d: %v", j.ID, j.State, j.Attempt, j.Failure)
				}
			}
			w.checkNothingLeft()
		})
		return points
	}, 80, 2)
}

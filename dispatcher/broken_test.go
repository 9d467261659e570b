package dispatcher

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// unanswered makes every call that reads an encoding of the named jobs, or its status, meet the
// fault.
func unanswered(fault simulator.Fault, names ...string) func(simulator.Call) simulator.Fault {
	return func(c simulator.Call) simulator.Fault {
		name, _, _ := strings.Cut(c.Name, " ")
		if strings.HasPrefix(c.Route, "GET /encoding/encodings/{id}") && slices.Contains(names, name) {
			return fault
		}
		return simulator.Fault{}
	}
}

// Encodings about which the platform gives no answer delay no others and do not open the breaker;
// their jobs have a wait reason.
func TestBrokenEncodings(t *testing.T) {
	server := simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusInternalServerError}
	for n, tt := range []struct {
		name   string
		fault  simulator.Fault
		broken []string
	}{
		{"one answers 500", server, []string{"k3"}},
		{"five answer 500", server, []string{"k3", "k4", "k11", "k17", "k30"}},
		{"one has no answer", simulator.Fault{Kind: simulator.HangFault, Delay: time.Second}, []string{"k3"}},
		{"one answers nothing", simulator.Fault{Kind: simulator.EmptyFault}, []string{"k3"}},
		{"one answers HTML", simulator.Fault{Kind: simulator.HTMLFault}, []string{"k3"}},
		{"one is refused", simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusBadRequest}, []string{"k3"}},
	} {
		if !inSample(n, 4) {
			continue // a sample of them, under the race detector
		}
		t.Run(tt.name, func(t *testing.T) {
			var sound time.Duration
			for _, names := range [][]string{nil, tt.broken} {
				sim := &simulator.Simulator{Seed: 1, Encoders: 4, Duration: time.Second / 2, Latency: 20 * time.Millisecond}
				sim.Fault = unanswered(tt.fault, names...)
				inWorld(t, sim, func(w *world) {
					w.run()
					b := w.submit(30, nil)
					opened := false
					w.await(b.ID, 2*time.Hour, "the others' end", func(b job.Batch) bool {
						s, _ := w.store.AccountStatus("default")
						opened = opened || s.Breaker != job.BreakerClosed
						return int(b.Counts.Finished()) >= 30-len(names)
					})
					last := time.Time{}
					for _, j := range w.jobs(b.ID) {
						if name, _, _ := strings.Cut(j.Key, " "); !slices.Contains(names, name) && j.FinishTime.After(last) {
							last = j.FinishTime
						}
					}
					took := last.Sub(b.CreateTime)
					w.t.Logf("%d broken: %v", len(names), took)
					if names == nil {
						sound = took
					}
					most := sound + sound/4 + time.Second
					if len(names) > 1 {
						most += 2 * minCountInterval // the broken ones can hold all places until the queue is counted
					}
					if took > most {
						w.t.Errorf("the others took %v, and %v without broken ones", took, sound)
					}
					time.Sleep(10 * time.Minute)
					s, _ := w.store.AccountStatus("default")
					if opened || s.Breaker != job.BreakerClosed {
						w.t.Errorf("the breaker opened: %s", s.BreakerReason)
					}
					if len(s.Waits) != len(names) || names != nil && s.Problems[b.ID].Text == "" {
						w.t.Errorf("%d jobs have a wait reason, want %d; problems %v", len(s.Waits), len(names), s.Problems)
					}
				})
			}
		})
	}
}

// An encoding about which the platform gives no answer is polled less and less often, in each
// state, whatever other jobs and hints there are.
func TestBrokenEncodingKeepsItsPace(t *testing.T) {
	phases := []string{"queued", "cancelling", "starting", "running"}
	if testing.Short() {
		phases = phases[:1]
	}
	for _, phase := range phases {
		t.Run(phase, func(t *testing.T) {
			var broken atomic.Bool
			sim := &simulator.Simulator{Seed: 1, Encoders: 2, Duration: 20 * time.Second, StopDelay: time.Hour}
			var first string // the batch of the broken encoding
			sim.EncodingDuration = func(e simulator.Encoding) time.Duration {
				return map[bool]time.Duration{true: 3 * time.Hour}[strings.Contains(e.Name, first) && phase != "queued"]
			}
			var asked atomic.Int64
			sim.Fault = func(c simulator.Call) simulator.Fault {
				if !strings.Contains(c.Name, first) || !broken.Load() {
					return simulator.Fault{}
				}
				if strings.HasSuffix(c.Path, "/start") && c.NthOfEncoding == 1 {
					return simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusInternalServerError, After: true}
				}
				if strings.HasPrefix(c.Route, "GET ") {
					asked.Add(1)
					return simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusInternalServerError}
				}
				return simulator.Fault{}
			}
			inWorld(t, sim, func(w *world) {
				broken.Store(phase == "starting")
				b := w.submit(1, nil)
				first = b.ID
				w.run()
				w.await(b.ID, time.Minute, phase, func(b job.Batch) bool {
					return b.Counts.Starting == 1 || phase == "queued" && b.Counts.Queued == 1 || phase != "starting" && b.Counts.Running == 1
				})
				broken.Store(true)
				if phase == "cancelling" {
					now := time.Now()
					if _, err := w.store.UpdateJob(w.ctx, w.jobs(b.ID)[0].ID, now, func(u *job.Update) error { return u.Cancel("enough", now) }); err != nil {
						w.t.Fatal(err)
					}
				}
				encoding := w.jobs(b.ID)[0].EncodingID
				others := w.submit(200, nil)
				for range 30 * 60 { // a hint each second
					w.store.HintEncoding("default", encoding)
					time.Sleep(time.Second)
				}
				if asked := asked.Load(); asked > 2*(30*2+10) {
					w.t.Errorf("%d polls in 30 minutes, want at most 140", asked)
				}
				w.awaitEnd(others.ID, time.Hour)
				broken.Store(false)
				b = w.awaitEnd(b.ID, 5*time.Hour)
				if j := w.jobs(b.ID)[0]; j.Attempt != 1 {
					w.t.Errorf("job is %s after attempt %d: %v", j.State, j.Attempt, j.Failure)
				}
				w.audit(b.ID, others.ID)
			})
		})
	}
}

// The breaker opens in an outage even if the account has one job in flight, so that all calls are
// about one encoding.
func TestOutageWithOneJob(t *testing.T) {
	for _, phase := range []string{"queued", "running"} {
		t.Run(phase, func(t *testing.T) {
			var out atomic.Bool
			sim := &simulator.Simulator{Seed: 1, Encoders: map[string]int{"queued": -1, "running": 1}[phase], Duration: 20 * time.Hour}
			sim.Fault = func(simulator.Call) simulator.Fault {
				if out.Load() {
					return simulator.Fault{Kind: simulator.HTMLFault, Status: http.StatusBadGateway}
				}
				return simulator.Fault{}
			}
			inWorld(t, sim, func(w *world) {
				w.run()
				b := w.submit(1, nil)
				w.await(b.ID, time.Minute, phase, func(b job.Batch) bool { return b.Counts.Queued+b.Counts.Running == 1 })
				time.Sleep(time.Minute)
				out.Store(true)
				time.Sleep(20 * time.Minute)
				if s, _ := w.store.AccountStatus("default"); s.Breaker == job.BreakerClosed {
					w.t.Error("the breaker is closed, twenty minutes into an outage")
				}
				out.Store(false)
				time.Sleep(2 * time.Minute)
				if s, _ := w.store.AccountStatus("default"); s.Breaker != job.BreakerClosed {
					w.t.Error("the breaker is open after the outage")
				}
				w.audit(b.ID)
			})
		})
	}
}

// The platform breaks on the starts of as many jobs as the queue has places. The other jobs of the batch go on.
func TestSilentStartsLetOthersPass(t *testing.T) {
	for name, edit := range map[string]func(*job.Batch){"recipe": nil, "template": ladder(t)} {
		t.Run(name, func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute, Latency: 100 * time.Millisecond}
			sim.Fault = func(c simulator.Call) simulator.Fault {
				title, _, _ := strings.Cut(c.Name, " ")
				start := c.Route == "POST /encoding/encodings/{id}/start"
				if start && (title == "k1" || title == "k2") || c.Route == templatesStart && (bytes.Contains(c.Body, []byte("k1 [")) || bytes.Contains(c.Body, []byte("k2 ["))) {
					return simulator.Fault{Kind: simulator.HangFault, Delay: time.Hour}
				}
				return simulator.Fault{}
			}
			inWorld(t, sim, func(w *world) {
				w.target = 2
				w.run()
				b := w.submit(20, edit)
				b = w.await(b.ID, time.Hour, "all others done", func(b job.Batch) bool { return b.Counts.Succeeded == 18 })
				for _, j := range w.jobs(b.ID) {
					if j.Failures != 0 {
						w.t.Errorf("job %s failed %d times: %v", j.ID, j.Failures, j.Failure)
					}
				}
				w.audit(b.ID)
			})
		})
	}
}

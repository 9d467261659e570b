package dispatcher

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// A weekend without the platform costs no job anything.
func TestOutage(t *testing.T) {
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
				end = begin.Add(60 * time.Hour)
				w.run()
				b := w.submit(20, nil)
				time.Sleep(time.Hour)
				if s, _ := w.disp.Status("default"); s.Breaker == job.BreakerClosed || s.BreakerReason == "" {
					w.t.Errorf("an hour into the outage the breaker is %s (%s)", s.Breaker, s.BreakerReason)
				}
				before := w.sim.Stats().Calls
				time.Sleep(time.Hour)
				if n := w.sim.Stats().Calls - before; n > 150 {
					w.t.Errorf("%d calls in an hour of outage", n)
				}
				b = w.awaitEnd(b.ID, 70*time.Hour)
				if b.State != job.BatchSucceeded {
					w.t.Errorf("batch is %s with %+v", b.State, b.Counts)
				}
				for _, j := range w.jobs(b.ID) {
					if j.Attempt != 1 {
						w.t.Errorf("job %s used %d attempts", j.ID, j.Attempt)
					}
				}
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
		if s, _ := w.disp.Status("default"); s.Breaker == job.BreakerClosed {
			w.t.Error("the breaker is closed although there is no key")
		}
		if n := w.sim.Stats().Calls; n != 0 {
			w.t.Errorf("%d calls without a key", n)
		}
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded {
			w.t.Errorf("batch is %s", b.State)
		}
	})
}

// A start whose answer is lost is looked up, never repeated blindly.
func TestLostAnswers(t *testing.T) {
	for _, tt := range []struct {
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
		for _, route := range []string{
			"POST /encoding/encodings", "POST /encoding/encodings/{id}/start",
			"POST /encoding/encodings/{id}/streams", "POST /encoding/inputs/http",
		} {
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
					for _, j := range w.jobs(b.ID) {
						if j.Attempt != 1 {
							w.t.Errorf("job %s used %d attempts", j.ID, j.Attempt)
						}
					}
					w.audit(b.ID)
				})
			})
		}
	}
}

// Something shared that vanishes at the platform is created anew and costs nobody an attempt.
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
	c, err := bitmovin.New(bitmovin.Options{
		APIKey: func() (string, error) { return "other", nil }, HTTPClient: w.sim.Client(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := c.DeleteConfiguration(w.ctx, bitmovin.AAC, bitmovin.ConfigID(id)); err != nil {
		w.t.Fatal(err)
	}
}

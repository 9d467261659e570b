package dispatcher

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// A refusal for a used-up quota opens the breaker, with the platform's reason, on whichever call
// and with whichever HTTP status it comes. No job loses an attempt, and few calls are made.
func TestQuotaCostsNoAttempt(t *testing.T) {
	statuses := []int{http.StatusForbidden, http.StatusTooManyRequests, http.StatusBadRequest, http.StatusNotFound, http.StatusUnauthorized}
	routes := []struct {
		route    string
		template bool
	}{
		{"POST /encoding/encodings/{id}/start", false},
		{"POST /encoding/encodings", false},
		{"POST /encoding/templates/start", true},
		{"POST /encoding/inputs/http", false},
		{"POST /encoding/configurations/video/h264", false},
		{"POST /encoding/encodings/{id}/streams", false},
		{"POST /encoding/encodings/{id}/muxings/fmp4", false},
		{"GET /encoding/encodings/{id}/status", false},
		{"GET /encoding/encodings", false},
	}
	codes := []int{8005, 8006, 8007, 8001, 8002}
	if testing.Short() {
		routes = routes[:1]
	}
	for i, r := range routes {
		code, status := codes[i%len(codes)], statuses[(i+i/len(codes))%len(statuses)]
		t.Run(fmt.Sprintf("%d as %d on %s", code, status, r.route), func(t *testing.T) {
			quotaScenario(t, r.route, r.template, simulator.Fault{Kind: simulator.JSONFault, Status: status, Code: code})
		})
	}
}

func quotaScenario(t *testing.T, route string, templated bool, fault simulator.Fault) {
	t.Helper()
	var until time.Time
	sim := &simulator.Simulator{Seed: 1, Encoders: 2, Duration: 10 * time.Second}
	sim.Fault = func(c simulator.Call) simulator.Fault {
		if c.Route == route && time.Now().Before(until) {
			return fault
		}
		return simulator.Fault{}
	}
	inWorld(t, sim, func(w *world) {
		until = time.Now().Add(time.Hour)
		w.run()
		edit := func(*job.Batch) {}
		if templated {
			edit = ladder(t)
		}
		b := w.submit(4, edit)
		reason := ""
		for time.Now().Before(until) {
			if s, _ := w.store.AccountStatus("default"); s.Breaker == job.BreakerOpen {
				reason = s.BreakerReason
			}
			time.Sleep(100 * time.Millisecond)
		}
		if !strings.Contains(reason, fmt.Sprintf("code %d", fault.Code)) {
			w.t.Errorf("the breaker's reason is %q, want code %d in it", reason, fault.Code)
		}
		if n := w.calls(route); n > 400 {
			w.t.Errorf("%d calls in an hour of refusals", n)
		}
		w.awaitEnd(b.ID, time.Hour)
		for _, j := range w.jobs(b.ID) {
			if j.State != job.Succeeded || j.Attempt != 1 || j.Failures != 0 {
				w.t.Errorf("job %s is %s after attempt %d with %d failures", j.ID, j.State, j.Attempt, j.Failures)
			}
		}
		w.audit(b.ID)
	})
}

package dispatcher

import (
	"os"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// A profile with four renditions costs at most 12.9 calls a job where encoders take queued
// encodings almost at once: ten to configure and start it, the rest to see it run and end.
func TestProfileCalls(t *testing.T) {
	takesFigures(t)
	l := workload{encoders: 100, duration: time.Minute, rounds: 8, target: 3}
	f := l.stoker(t)
	t.Logf("%v: %.2f calls a job, makespan %.3f of the bound", l, f.calls, f.makespan)
	if f.calls > 12.9 || f.makespan > 1.15 || f.throttled > 0 {
		t.Errorf("%.2f calls a job, want at most 12.9; makespan %.3f, want at most 1.15; %d calls throttled", f.calls, f.makespan, f.throttled)
	}
}

// From a queue target of 50 on, a profile with four renditions costs at most 11.2 calls a job and a template
// 2.2, all encodings seen to run and to end: ten calls or one start a job. `make bench` measures more.
// Where the platform's lists do not work as they should, each encoding is polled, and the rate stays.
func TestManyChangesCostFewCalls(t *testing.T) {
	const ms = time.Millisecond
	l := large{target: 50, way: 250 * ms, duration: 20 * time.Second, warmUp: 50 * time.Second, steady: 20 * time.Second, edit: ladder(t)}
	kinds := []struct {
		name   string
		refuse twist
		most   float64
	}{
		{"all parameters work", nil, 2.2},
		{"finishedAtNewerThan is refused", twist{"finishedAtNewerThan": "400"}, 4},
		{"finishedAtNewerThan is ignored", twist{"finishedAtNewerThan": ignored}, 4},
		{"finishedAtNewerThan finds nothing", twist{"finishedAtNewerThan": nothing}, 4},
		{"status is refused", twist{"status": "400"}, 5.5},
		{"status is ignored", twist{"status": ignored}, 5.5},
		{"status finds nothing", twist{"status": nothing}, 5.5},
	}
	if !exhaustive {
		kinds = kinds[:3]
	}
	if testing.Short() {
		kinds = kinds[sampleStart%len(kinds):][:1] // under the race detector
	}
	for _, tt := range kinds {
		l.refuse = tt.refuse
		r := l.measure(t)
		t.Logf("%s: %.2f starts a second, %.2f calls a job, %.0f lists a minute", tt.name, r.starts, r.calls, r.lists)
		if r.starts < 9.6 || r.calls > tt.most || r.throttled > 0 {
			t.Errorf("%s: %.2f starts a second, %.2f calls a job, want at most %.1f; %d calls throttled", tt.name, r.starts, r.calls, tt.most, r.throttled)
		}
	}
}

// However many encodings run, listing them leaves half of the list calls that all users of the
// API key share, and an encoding is polled only when a change is expected. `make bench` does it
// with five thousand.
func TestManyRunningCostFewCalls(t *testing.T) {
	takesFigures(t)
	encoders := 200
	if os.Getenv("STOKER_FIGURES") != "" {
		encoders = 5000
	}
	l := workload{encoders: encoders, duration: time.Hour}
	inWorld(t, l.simulated(), func(w *world) {
		w.target = 50
		w.run()
		w.submitLadder(2*encoders, nil)
		time.Sleep(15 * time.Minute) // 600 starts a minute are allowed
		const minutes = 30
		before := w.sim.ReadStats()
		time.Sleep(minutes * time.Minute)
		after := w.sim.ReadStats()
		if running := after.ByStatus[simulator.Running]; running < encoders*99/100 {
			w.t.Fatalf("%d encodings run, want %d", running, encoders)
		}
		perMinute := func(route string) float64 {
			return float64(after.CallsBy[route][200]-before.CallsBy[route][200]) / minutes
		}
		lists, polls := perMinute("GET /encoding/encodings"), perMinute("GET /encoding/encodings/{id}/status")
		ended := float64(after.Ends[simulator.Finished]-before.Ends[simulator.Finished]) / minutes
		w.t.Logf("with %d running, of which %.0f end each minute: %.1f lists and %.0f polls a minute", encoders, ended, lists, polls)
		// Four polls of each encoding that ends, and one an hour of each that runs.
		most := 4*ended + float64(encoders)/60 + 10
		if lists > 30 || polls > most || after.RateLimited > 0 {
			w.t.Errorf("%.1f lists and %.0f polls a minute, want at most 30 and %.0f; %d calls throttled", lists, polls, most, after.RateLimited)
		}
	})
}

// Jobs that are submitted one by one while no other job waits do not have the queue counted for
// each of them: all users of the API key share the list calls.
func TestSingleJobsCauseFewCounts(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 100, Duration: 20 * time.Second, Latency: 50 * time.Millisecond}
	inWorld(t, sim, func(w *world) {
		w.run()
		begin := time.Now()
		for range 80 {
			w.submit(1, nil)
			time.Sleep(500 * time.Millisecond)
		}
		took := time.Since(begin)
		most := int(took/minCountInterval) + int(took/DefaultPollInterval) + 5 // to count, and to list the running encodings
		if n := w.calls("GET /encoding/encodings"); n > most {
			w.t.Errorf("%d lists in %v, want at most %d", n, took, most)
		}
	})
}

package dispatcher

import (
	"runtime"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// TestDay runs a service for a day on a platform with faults: a small batch every half an hour, of which one
// now and then is cancelled. In the last hour the dispatcher holds no more memory and no more goroutines than
// in the second: what has ended leaves nothing behind.
func TestDay(t *testing.T) {
	faults, err := simulator.ParseFaultPlan("504started=0.01,html502=0.01,429=0.01,reset=0.01")
	if err != nil {
		t.Fatal(err)
	}
	sim := &simulator.Simulator{Seed: 1, Encoders: 5, Duration: 8 * time.Minute, FailRate: 0.1, Faults: faults, Latency: 100 * time.Millisecond}
	inWorld(t, sim, func(w *world) {
		hours := 24
		if testing.Short() {
			hours = 6
		}
		w.run()
		var batches []string
		var early, late held
		for half := range 2 * hours {
			b := w.submit(12, nil)
			batches = append(batches, b.ID)
			time.Sleep(20 * time.Minute)
			if half%5 == 4 {
				cancelled(w, b)
			}
			time.Sleep(10 * time.Minute)
			switch half {
			case 3:
				early = w.held()
			case 2*hours - 1:
				late = w.held()
			}
		}
		w.t.Logf("after two hours %+v, after %d %+v", early, hours, late)
		if late.goroutines > early.goroutines+5 {
			w.t.Errorf("%d goroutines after %d hours, %d after two", late.goroutines, hours, early.goroutines)
		}
		if late.bytes > early.bytes+early.bytes/2+256<<10 {
			w.t.Errorf("the dispatcher holds %d kB after %d hours, %d kB after two", late.bytes>>10, hours, early.bytes>>10)
		}
		for _, id := range batches {
			w.awaitEnd(id, 2*time.Hour)
		}
		w.audit(batches...)
	})
}

// held is what a dispatcher holds.
type held struct{ bytes, goroutines int }

// held stops the dispatcher for a moment: what is free then was held by it. The job table and the simulator are
// in the same process, and grow.
func (w *world) held() held {
	before := measure()
	w.halt()
	w.disp = nil
	w.store.SetOnChange(func([]job.Change) {})
	after := measure()
	w.run()
	return held{before.bytes - after.bytes, before.goroutines - after.goroutines}
}

func measure() held {
	var m runtime.MemStats
	for range 3 { // finalizers and pools need more than one
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return held{int(m.HeapAlloc), runtime.NumGoroutine()}
}

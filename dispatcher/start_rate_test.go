package dispatcher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/job"
)

// large is an account with many encoders. Unless encoders says otherwise, they take every start at
// once, so that only the platform's rate limits, the way there and Stoker itself bound the starts.
type large struct {
	encoders int           // default 3000
	way      time.Duration // how long a call takes
	target   int
	duration time.Duration // of an encoding, on average; default 3 min
	warmUp   time.Duration // default a minute, and time for ten starts a second to fill the queue
	steady   time.Duration // how long to measure
	edit     func(*job.Batch)
	refuse   twist // parameters of lists that do not work
}

// steady is for how long the figures of make bench are measured. The first minute spends the governor's
// bursts and fills the queue; the steady minutes follow.
const steady = 2 * time.Minute

// startRate is what a large account came to in its steady minutes.
type startRate struct {
	starts    float64 // accepted, each second
	calls     float64 // for each start
	lists     float64 // pages of lists, each minute
	throttled int
	cpu       time.Duration // in user mode for each start, the simulator's included
	allocated int           // bytes for each start, the simulator's included
}

// errMeasured ends a simulation that has been measured.
var errMeasured = errors.New("measured")

func (l large) measure(t *testing.T) (r startRate) {
	t.Helper()
	l.duration = cmp.Or(l.duration, 3*time.Minute)
	l.warmUp = cmp.Or(l.warmUp, time.Minute+time.Duration(l.target)*time.Second/10)
	platform := workload{encoders: cmp.Or(l.encoders, 3000), duration: l.duration}.simulated()
	platform.QueueLimit, platform.Latency, platform.LedgerLimit = -1, l.way, 1
	inSimulation(t, platform, func(w *world, sim *clock.Simulation) {
		w.target = l.target
		w.submitAt(sim.Now(), int(10*(l.warmUp+l.steady+time.Minute).Seconds()), l.edit)
		if l.refuse != nil {
			w.network = twisted(platform.Client().Transport, l.refuse)
		}
		w.prepare(sim)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		var before, after simulator.Stats
		var began, ended time.Duration
		var heapBefore, heapAfter runtime.MemStats
		sim.Go(func() {
			_ = sim.Sleep(ctx, l.warmUp)
			runtime.ReadMemStats(&heapBefore)
			before, began = platform.ReadStats(), cpuTime()
			_ = sim.Sleep(ctx, l.steady)
			after, ended = platform.ReadStats(), cpuTime()
			runtime.ReadMemStats(&heapAfter)
			cancel(errMeasured)
		})
		if err := w.disp.Simulate(ctx, sim); !errors.Is(err, errMeasured) {
			t.Fatalf("%+v: %v", l, err)
		}
		starts := after.Starts - before.Starts
		r.starts = float64(starts) / l.steady.Seconds()
		r.calls = float64(after.Calls-before.Calls) / float64(starts)
		r.throttled = after.RateLimited
		r.lists = float64(after.CallsBy["GET /encoding/encodings"][200]-before.CallsBy["GET /encoding/encodings"][200]) / l.steady.Minutes()
		r.cpu = (ended - began) / time.Duration(max(starts, 1))
		r.allocated = int(heapAfter.TotalAlloc-heapBefore.TotalAlloc) / max(starts, 1)
	})
	return r
}

// cpuTime is the processor time of this process in user mode until now.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano())
}

// TestStartRate measures how near one API key comes to the platform's ceiling of ten starts a
// second, at several distances from it. `make bench` runs all of it.
func TestStartRate(t *testing.T) {
	takesFigures(t)
	const ms = time.Millisecond
	want := 9.7 // in a few seconds
	runs := []large{{target: 50, way: 250 * ms, steady: 15 * time.Second}}
	if os.Getenv("STOKER_FIGURES") != "" {
		runs, want = nil, 9.8
		for _, target := range []int{50, DefaultQueueTarget} {
			for _, way := range []time.Duration{50 * ms, 100 * ms, 250 * ms, 500 * ms} {
				runs = append(runs, large{target: target, way: way, steady: steady})
			}
		}
		runs = append(runs, large{target: 100, way: 250 * ms, steady: steady}, large{target: 1000, way: 250 * ms, steady: steady})
	}
	var table strings.Builder
	fmt.Fprintln(&table, "| recipe | target | a call takes | starts/s | calls a job | 429s | processor time a job |")
	fmt.Fprintln(&table, "|---|---|---|---|---|---|---|")
	for _, recipe := range []struct {
		name string
		edit func(*job.Batch)
	}{{"profile", nil}, {"template", ladder(t)}} {
		for _, l := range runs {
			l.edit = recipe.edit
			r := l.measure(t)
			if l.target >= 50 && r.starts < want || r.throttled > 0 {
				t.Errorf("%s, target %d, %v a call: %.2f starts a second and %d 429s, want %.1f and none", recipe.name, l.target, l.way, r.starts, r.throttled, want)
			}
			row := fmt.Sprintf("| %s | %d | %v | %.2f | %.1f | %d | %.1f ms |",
				recipe.name, l.target, l.way, r.starts, r.calls, r.throttled, r.cpu.Seconds()*1000)
			t.Log(row) // as it comes: all rows take minutes
			fmt.Fprintln(&table, row)
		}
	}
	t.Logf("3,000 encoders, in simulated time, at the documented rate limits:\n%s", table.String())
}

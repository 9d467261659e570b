package dispatcher

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// TestCostPerJob measures what a job costs at small and at large queue targets: there is little that a
// large one adds. Processor time depends on the machine and on what else it does, so what is checked
// is the memory that is allocated. `make bench` runs all of it: an account whose encoders take every start
// at once, and one whose queue is full.
func TestCostPerJob(t *testing.T) {
	takesFigures(t)
	targets, rounds, most := []int{DefaultQueueTarget, 200}, 1, 1.3
	accounts := []large{{encoders: 50, duration: 20 * time.Second, steady: time.Minute}}
	if os.Getenv("STOKER_FIGURES") != "" {
		targets, rounds = []int{DefaultQueueTarget, 100, 1000}, 3
		accounts = []large{{encoders: 3000, steady: steady}, {encoders: 100, duration: time.Minute, steady: 10 * time.Minute}}
	}
	var table strings.Builder
	fmt.Fprintln(&table, "| encoders | target | jobs/s | processor time a job | allocated a job |")
	fmt.Fprintln(&table, "|---|---|---|---|---|")
	for _, l := range accounts {
		var small startRate
		for _, l.target = range targets {
			l.way = 100 * time.Millisecond
			best := l.measure(t)
			for range rounds - 1 {
				again := l.measure(t)
				best.cpu = min(best.cpu, again.cpu) // other work on the machine only adds to it
			}
			if l.target == targets[0] {
				small = best
			}
			if got := float64(best.allocated) / float64(small.allocated); got > most {
				t.Errorf("%d encoders: a job allocates %.2f times as much at a target of %d as at %d, want %.1f at most", l.encoders, got, l.target, targets[0], most)
			}
			row := fmt.Sprintf("| %d | %d | %.2f | %.2f ms | %d kB |", l.encoders, l.target, best.starts, best.cpu.Seconds()*1000, best.allocated/1000)
			t.Log(row) // as it comes: all rows take minutes
			fmt.Fprintln(&table, row)
		}
	}
	t.Logf("in simulated time, at the documented rate limits, 100 ms a call:\n%s", table.String())
}

// TestSubmitWhileBusy measures what it costs to submit small batches while an account works on a large
// one: its loop reads each of them. `make bench` runs all of it.
func TestSubmitWhileBusy(t *testing.T) {
	takesFigures(t)
	const batches, pause = 200, 100 * time.Millisecond
	targets := []int{DefaultQueueTarget}
	if os.Getenv("STOKER_FIGURES") != "" {
		targets = []int{DefaultQueueTarget, 100, 1000}
	}
	var table strings.Builder
	fmt.Fprintln(&table, "| target | priority of the small batches | processor time a batch |")
	fmt.Fprintln(&table, "|---|---|---|")
	for _, target := range targets {
		for _, priority := range []int{30, 50, 80} {
			sim := &simulator.Simulator{Seed: 1, Encoders: 100, QueueLimit: -1, Duration: time.Minute, Latency: 50 * time.Millisecond, LedgerLimit: 1}
			inWorld(t, sim, func(w *world) {
				w.target, w.unchecked = target, true
				reads := w.countReads()
				w.run()
				b := w.submit(5000, nil)
				w.await(b.ID, 10*time.Minute, "a full queue", func(b job.Batch) bool { return int(b.Counts.Queued) >= target && b.Counts.Running == 100 })
				time.Sleep(time.Minute)
				spend := func(n int) time.Duration {
					before := cpuTime()
					for range batches {
						if n > 0 {
							w.submit(n, func(b *job.Batch) { b.Priority = priority })
						}
						time.Sleep(pause)
					}
					return cpuTime() - before
				}
				without, before := spend(0), reads.inFlight.Load()
				with := spend(5)
				if n := reads.inFlight.Load() - before; n > 1 { // a sweep may fall into this time
					t.Errorf("all jobs in flight were read %d times while %d batches were submitted", n, batches)
				}
				row := fmt.Sprintf("| %d | %d | %.2f ms |", target, priority, (with-without).Seconds()*1000/batches)
				t.Log(row)
				fmt.Fprintln(&table, row)
			})
		}
	}
	t.Logf("%d batches of 5 jobs, one every %v, beside one of 5,000 jobs with priority 50 on 100 encoders:\n%s", batches, pause, table.String())
}

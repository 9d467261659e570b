package dispatcher

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// TestTorture runs a batch on a platform with faults, kills the process again and again, and cancels
// jobs meanwhile. No job may be paid for twice, and none may stand still at the platform. Each round
// follows from its seed, as far as goroutines run in the same order. STOKER_TORTURE_ROUNDS sets the
// number of rounds, STOKER_TORTURE_SEED runs one of them.
func TestTorture(t *testing.T) {
	rounds, from := 24, rand.Uint64N(1_000_000)
	if testing.Short() {
		rounds = 8
	}
	for name, value := range map[string]func(n int){
		"STOKER_TORTURE_ROUNDS": func(n int) { rounds = n },
		"STOKER_TORTURE_SEED":   func(n int) { rounds, from = 1, uint64(n) },
	} {
		if text := os.Getenv(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				t.Fatalf("%s=%s: want a number", name, text)
			}
			value(n)
		}
	}
	for n := range rounds {
		seed := from + uint64(n)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { tortureRound(t, seed) })
	}
}

// tortureFaults are the fault plans of the rounds, in turn.
var tortureFaults = []string{
	"504started=0.06,html502=0.03,html503=0.02",
	"0.05",
	"reset=0.03,reset-after=0.04",
	"truncate=0.04,empty=0.04,truncate-lost=0.01,empty-lost=0.01",
	"429=0.03,json500=0.05,json503=0.05",
	"hang:1s=0.02,hang-after:1s=0.03",
}

func tortureRound(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	faults, err := simulator.ParseFaultPlan(tortureFaults[seed%uint64(len(tortureFaults))])
	if err != nil {
		t.Fatal(err)
	}
	sim := &simulator.Simulator{
		Seed: 1 + seed, Encoders: 5, Duration: 300 * time.Millisecond, FailRate: 0.25, Faults: faults,
		Unlimited: true, Latency: time.Duration(random.IntN(5)) * time.Millisecond,
	}
	inWorld(t, sim, func(w *world) {
		const jobs, lives = 24, 8
		w.target, w.poll = 8, 500*time.Millisecond
		b := w.submit(jobs, func(b *job.Batch) {
			b.Retry = job.RetryPolicy{MaxRetries: 3, InitialBackoff: 200 * time.Millisecond, MaxBackoff: 200 * time.Millisecond}
			if random.IntN(3) == 0 {
				ladder(t)(b)
			}
		})
		for range lives {
			w.mortal = newMortal(1 + random.IntN(400))
			w.run()
			select {
			case <-w.mortal.dead:
			case <-time.After(time.Duration(random.IntN(1500)) * time.Millisecond):
			}
			if random.IntN(4) == 0 {
				w.cancel(job.ID{Batch: b.ID, Number: int64(1 + random.IntN(jobs))})
			}
			w.kill()
		}
		w.mortal = nil
		w.run()
		w.awaitEndWithoutStandstill(b.ID)
		time.Sleep(2 * time.Minute) // orphans are deleted
		w.audit(b.ID)
	})
}

// kill kills the process that runs, and waits until nothing of it is left.
func (w *world) kill() {
	w.mortal.kill()
	w.stop(nil)
	if err := <-w.done; err != nil && !errors.Is(err, errDead) { // it may have died while it was loading
		w.t.Error(err)
	}
	w.stop = nil
}

// cancel cancels a job, unless it has ended.
func (w *world) cancel(id job.ID) {
	now := time.Now()
	_, _ = w.store.UpdateJob(w.ctx, id, now, func(u *job.Update) error { return u.Cancel("enough", now) })
}

// awaitEndWithoutStandstill waits for the end of a batch, and fails if one of its jobs is at the
// platform for much longer than its encoding and some lost answers take.
func (w *world) awaitEndWithoutStandstill(id string) {
	w.t.Helper()
	const longest = 5 * time.Minute
	w.await(id, 2*time.Hour, "its end", func(b job.Batch) bool {
		for _, j := range w.jobs(id) {
			if j.State.OnPlatform() && time.Since(j.UpdateTime) > longest {
				w.logHistory(j)
				w.t.Fatalf("job %s has been %s for %v: %+v", j.ID, j.State, time.Since(j.UpdateTime), j)
			}
		}
		return b.State.Terminal()
	})
}

// logHistory logs what the job table and the platform know of a job.
func (w *world) logHistory(j job.Job) {
	events, err := w.store.Events(w.ctx, j.ID)
	if err != nil {
		w.t.Error(err)
	}
	for _, e := range events {
		w.t.Logf("%v %s: %s", e.Time, e.To, e.Reason)
	}
	for _, e := range w.sim.Encodings() {
		if e.ID == j.EncodingID {
			w.t.Logf("encoding %s is %s", e.ID, e.Status)
		}
	}
	for _, c := range w.sim.Ledger() {
		if j.EncodingID != "" && c.EncodingID == j.EncodingID {
			w.t.Logf("%v %s: %d %s", c.Time, c.Route, c.Status, c.Fault)
		}
	}
}

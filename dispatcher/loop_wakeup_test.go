package dispatcher

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// readCounts counts what the dispatcher reads.
type readCounts struct {
	Store
	inFlight, nextJobs, jobs atomic.Int64
}

// countReads counts what the dispatchers read that run from now on.
func (w *world) countReads() *readCounts {
	counts := new(readCounts)
	w.table = func(s Store) Store {
		counts.Store = s
		return counts
	}
	return counts
}

func (c *readCounts) JobsInFlight(ctx context.Context, account string) ([]job.Job, error) {
	c.inFlight.Add(1)
	return c.Store.JobsInFlight(ctx, account)
}

func (c *readCounts) NextJobs(ctx context.Context, account string, now time.Time, limit int, except job.Except) ([]job.Job, error) {
	c.nextJobs.Add(1)
	return c.Store.NextJobs(ctx, account, now, limit, except)
}

func (c *readCounts) Job(ctx context.Context, id job.ID) (job.Job, error) {
	c.jobs.Add(1)
	return c.Store.Job(ctx, id)
}

// What others change is read, and nothing else: neither all jobs in flight, nor the line if a change
// leaves it as it is.
func TestChangesAreReadOneByOne(t *testing.T) {
	inWorld(t, &simulator.Simulator{Seed: 1, Encoders: 10, Duration: 10 * time.Hour}, func(w *world) {
		counts := w.countReads()
		w.run()
		b := w.submit(100, nil)
		w.await(b.ID, time.Minute, "a full queue", func(b job.Batch) bool { return b.Counts.Queued == 3 && b.Counts.Running == 10 })
		time.Sleep(10 * time.Second)
		measure := func(what string, inFlight, nextJobs, jobs int64, change func()) {
			w.t.Helper()
			i, n, j := counts.inFlight.Load(), counts.nextJobs.Load(), counts.jobs.Load()
			change()
			time.Sleep(100 * time.Millisecond)
			got := fmt.Sprint(counts.inFlight.Load()-i, counts.nextJobs.Load()-n, counts.jobs.Load()-j)
			if want := fmt.Sprint(inFlight, nextJobs, jobs); got != want {
				w.t.Errorf("%s: reads the jobs in flight, the line and single jobs %s times, want %s", what, got, want)
			}
		}
		must := func(_ any, err error) {
			w.t.Helper()
			if err != nil {
				w.t.Fatal(err)
			}
		}
		measure("batches of a lower priority", 0, 0, 0, func() {
			for range 20 {
				w.submit(3, func(b *job.Batch) { b.Priority = 30 })
			}
		})
		measure("settings", 0, 0, 0, func() { must(nil, w.pause("default", "lunch")) })
		measure("a running job cancelled", 0, 0, 1, func() {
			must(w.store.UpdateJob(w.ctx, job.ID{Batch: b.ID, Number: 1}, time.Now(), cancelUpdate))
		})
		measure("a waiting job cancelled", 0, 1, 0, func() {
			must(w.store.UpdateJob(w.ctx, job.ID{Batch: b.ID, Number: 100}, time.Now(), cancelUpdate))
		})
		measure("a batch paused", 0, 1, 0, func() {
			must(w.store.UpdateBatch(w.ctx, b.ID, time.Now(), func(b *job.Batch) error { return b.Pause("lunch") }))
		})
		measure("and resumed", 0, 1, 0, func() {
			must(w.store.UpdateBatch(w.ctx, b.ID, time.Now(), func(b *job.Batch) error { return b.Resume(time.Now()) }))
		})
		time.Sleep(2 * sharesInterval)
		measure("batches of the same priority", 0, 1, 0, func() {
			for range 20 {
				w.submit(3, nil)
			}
		})
		measure("a batch of a higher priority", 0, 1, 0, func() { w.submit(1, func(b *job.Batch) { b.Priority = 80 }) })
	})
}

func cancelUpdate(u *job.Update) error { return u.Cancel("enough", time.Now()) }

// Changes are remembered one by one, as long as they are few.
func TestChangeQueue(t *testing.T) {
	q := newChangeQueue()
	for _, c := range []job.Change{{BatchID: "a"}, {BatchID: "b", Numbers: []int64{1, 2}}, {BatchID: "a", Numbers: []int64{3}}, {}} {
		q.add(c)
	}
	want := changes{
		account: true, batches: map[string]bool{"a": true, "b": true},
		jobs: map[job.ID]bool{{Batch: "b", Number: 1}: true, {Batch: "b", Number: 2}: true, {Batch: "a", Number: 3}: true},
	}
	if diff := cmp.Diff(want, q.take(), cmp.AllowUnexported(changes{})); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(noChanges(), q.take(), cmp.AllowUnexported(changes{})); diff != "" {
		t.Errorf("changes are left (-want +got):\n%s", diff)
	}
	q.add(job.Change{})
	for n := range int64(maxChanges) {
		q.add(job.Change{BatchID: "a", Numbers: []int64{n}})
	}
	q.add(job.Change{BatchID: "b"})
	if diff := cmp.Diff(changes{account: true, everything: true}, q.take(), cmp.AllowUnexported(changes{})); diff != "" {
		t.Errorf("too many changes (-want +got):\n%s", diff)
	}
}

// The line is read anew at once if a batch has changed that has jobs in it, or would go before some
// of it.
func TestBatchMovesLine(t *testing.T) {
	const inLine, other = "b", "other"
	active := func(id string, priority int) job.Batch {
		return job.Batch{ID: id, Priority: priority, State: job.BatchActive, Counts: job.Counts{Waiting: 9}}
	}
	for _, tt := range []struct {
		name             string
		known            bool
		batch            job.Batch
		moves            bool
		complete, shared bool // the line afterwards
	}{
		{"more jobs of a batch in line", true, active(inLine, 50), false, false, false},
		{"another priority of a batch in line", true, active(inLine, 60), true, true, false},
		{"a batch in line paused", true, job.Batch{ID: inLine, Priority: 50, State: job.BatchPaused}, true, true, false},
		{"a new batch of lower priority", false, active(other, 30), false, false, false},
		{"a new batch of the same priority", false, active(other, 50), false, false, true},
		{"a new batch of higher priority", false, active(other, 80), true, false, false},
		{"another batch ends", true, job.Batch{ID: other, Priority: 80, State: job.BatchSucceeded}, false, true, false},
	} {
		jobs, l := newJobTracker(now), newLine([]job.Job{{ID: id(1)}, {ID: id(2)}}, 9, now)
		jobs.setBatch(&batch{active(inLine, 50)})
		if tt.known {
			jobs.setBatch(&batch{active(tt.batch.ID, 50)})
		}
		if moves := l.noteBatch(jobs, &tt.batch); moves != tt.moves || l.complete != tt.complete || l.shared != tt.shared {
			t.Errorf("%s: moves %v, complete %v, shared %v; want %v, %v, %v", tt.name, moves, l.complete, l.shared, tt.moves, tt.complete, tt.shared)
		}
	}
}

// Batches that have ended are forgotten.
func TestEndedBatchesAreForgotten(t *testing.T) {
	inWorld(t, &simulator.Simulator{Seed: 1, Encoders: 10, Duration: 10 * time.Second}, func(w *world) {
		w.run()
		var last job.Batch
		for range 30 {
			last = w.submit(2, nil)
		}
		w.awaitEnd(last.ID, time.Hour)
		time.Sleep(time.Minute)
		w.halt()
		if n := len(w.disp.loops["default"].jobs.batches); n > 0 {
			w.t.Errorf("%d of 30 batches that have ended are remembered", n)
		}
	})
}

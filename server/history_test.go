package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// TestWatchHistory has watchers come and go while jobs change at random, and
// holds what each saw to the guarantees.
func TestWatchHistory(t *testing.T) {
	const jobs = 40
	within(t, nil, func(t *testing.T, w *world) {
		b := w.submit(jobs)
		type result struct {
			h   *history
			err error
		}
		results := make(chan result, 4)
		for i := range 4 {
			go func() {
				h := newHistory(t)
				results <- result{h, w.follow(h, b.GetId(), rand.New(rand.NewPCG(7, uint64(i))))}
			}()
		}
		r := rand.New(rand.NewPCG(1, 2))
		for live := r.Perm(jobs); len(live) > 0; {
			at := r.IntN(len(live))
			number := int64(live[at] + 1)
			j, err := w.store.Job(t.Context(), job.ID{Batch: b.GetId(), Number: number})
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case j.State == job.Waiting:
				w.start(b.GetId(), number)
			case j.Progress < 90:
				w.observe(b.GetId(), number, running(j.Progress+1+r.IntN(40)))
			default:
				w.observe(b.GetId(), number, job.Observation{Status: job.RemoteFinished})
				live = append(live[:at], live[at+1:]...)
			}
			time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond)
		}
		for range 4 {
			got := <-results
			if got.err != nil {
				t.Error(got.err)
			}
			for n := 1; n <= jobs; n++ {
				key := fmt.Sprintf("k-%d", n)
				if got.h.state[key] != stokerv1.JobState_JOB_STATE_SUCCEEDED {
					t.Errorf("a watcher last saw %s %v, want SUCCEEDED", key, got.h.state[key])
				}
			}
			if got.h.snapshots != 1 {
				t.Errorf("a watcher with a cursor got %d snapshots, want 1", got.h.snapshots)
			}
		}
	})
}

// follow watches a batch to its end, hanging up now and then, and comes back
// with the latest cursor.
func (w *world) follow(h *history, batch string, r *rand.Rand) error {
	cursor := ""
	for {
		ctx, hangUp := context.WithCancelCause(w.t.Context())
		s, err := w.batches.WatchBatch(ctx, &stokerv1.WatchBatchRequest{BatchId: batch, IncludeJobs: true, Cursor: cursor})
		for stay := 1 + r.IntN(5); err == nil && stay > 0; stay-- {
			var m *stokerv1.WatchBatchResponse
			if m, err = s.Recv(); err == nil {
				cursor = m.GetCursor()
				h.add(m)
			}
		}
		hangUp(errHungUp)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// history is what a watcher saw. It complains about what must not happen.
type history struct {
	t         *testing.T
	version   map[string]time.Time // update time of each job as last seen
	state     map[string]stokerv1.JobState
	sent      map[string]bool // every job message there was
	messages  int
	snapshots int
}

func newHistory(t *testing.T) *history {
	return &history{t: t, version: map[string]time.Time{}, state: map[string]stokerv1.JobState{}, sent: map[string]bool{}}
}

func (h *history) add(m *stokerv1.WatchBatchResponse) {
	h.messages++
	if m.GetSnapshot() {
		h.snapshots++
		clear(h.version)
		clear(h.sent)
	}
	for _, j := range m.GetJobs() {
		told := fmt.Sprintf("%s %v %d %s %v", j.GetKey(), j.GetState(), j.GetProgress(), j.GetEncodingId(), j.GetUpdateTime())
		if h.sent[told] {
			h.t.Errorf("seen twice: %s", told)
		}
		h.sent[told] = true
		if at := j.GetUpdateTime().AsTime(); at.Before(h.version[j.GetKey()]) {
			h.t.Errorf("%s went back in time to %s", told, at)
		}
		h.version[j.GetKey()] = j.GetUpdateTime().AsTime()
		h.state[j.GetKey()] = j.GetState()
	}
}

package server_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/history"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

const (
	waiting   = stokerv1.JobState_JOB_STATE_WAITING
	queued    = stokerv1.JobState_JOB_STATE_QUEUED
	atWork    = stokerv1.JobState_JOB_STATE_RUNNING
	succeeded = stokerv1.JobState_JOB_STATE_SUCCEEDED
	failed    = stokerv1.JobState_JOB_STATE_FAILED
)

// keys are the keys of the jobs in a message, with their states.
func keys(m *stokerv1.WatchBatchResponse) []string {
	var all []string
	for _, j := range m.GetJobs() {
		all = append(all, j.GetKey()+" "+strings.TrimPrefix(j.GetState().String(), "JOB_STATE_"))
	}
	return all
}

func TestWatchStates(t *testing.T) {
	t.Run("are those a job is in, in snapshots and in changes", func(t *testing.T) {
		within(t, nil, func(t *testing.T, w *world) {
			b := w.submit(5)
			w.start(b.GetId(), 1)
			w.finish(b.GetId(), 2)
			w.fail(b.GetId(), 3, job.Failure{Hint: job.HintNoRetry})
			s := w.watch(&stokerv1.WatchBatchRequest{
				BatchId: b.GetId(), IncludeJobs: true, States: []stokerv1.JobState{queued, failed},
			})
			first := s.next()
			if diff := cmp.Diff([]string{"k-1 QUEUED", "k-3 FAILED"}, keys(first)); diff != "" || !first.GetSnapshot() {
				t.Errorf("snapshot (-want +got):\n%s", diff)
			}
			synctest.Wait() // the server looks for changes once more after the snapshot
			w.observe(b.GetId(), 1, running(10))
			w.fail(b.GetId(), 4, job.Failure{Hint: job.HintNoRetry})
			m := s.until(func(m *stokerv1.WatchBatchResponse) bool { return m.GetBatch().GetCounts().GetFailed() == 2 })
			if diff := cmp.Diff([]string{"k-4 FAILED"}, keys(m)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	})

	t.Run("leave the batch in messages without jobs", func(t *testing.T) {
		within(t, nil, func(t *testing.T, w *world) {
			b := w.submit(2)
			s := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true, States: []stokerv1.JobState{failed}})
			if m := s.next(); !m.GetSnapshot() || len(m.GetJobs()) != 0 || m.GetBatch().GetCounts().GetWaiting() != 2 {
				t.Errorf("first message is %v, want a snapshot without jobs", m)
			}
			w.finish(b.GetId(), 1)
			m := s.until(func(m *stokerv1.WatchBatchResponse) bool { return m.GetBatch().GetCounts().GetSucceeded() == 1 })
			if len(m.GetJobs()) != 0 {
				t.Errorf("got %v, want no job", m)
			}
			w.finish(b.GetId(), 2)
			s.until(ended)
			if err := s.end(); err != nil {
				t.Error(err)
			}
		})
	})

	t.Run("fill pages of a snapshot", func(t *testing.T) {
		within(t, nil, func(t *testing.T, w *world) {
			b := w.submit(1_300)
			for n := int64(1); n <= 1_300; n += 200 {
				w.start(b.GetId(), n)
			}
			h := history.New(waiting, succeeded)
			req := &stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true, States: []stokerv1.JobState{waiting, succeeded}}
			for len(h.State) < 1_293 {
				s := w.watch(req) // begins again after each page
				m := s.next()
				h.Add(m)
				req.Cursor = m.GetCursor()
				s.hangUp(errHungUp)
			}
			for _, wrong := range h.Violations {
				t.Error(wrong)
			}
			if h.Messages != 3 || h.Snapshots != 1 {
				t.Errorf("1,293 jobs took %d messages and %d snapshots, want 3 and 1", h.Messages, h.Snapshots)
			}
		})
	})

	t.Run("need a new snapshot when they change", func(t *testing.T) {
		within(t, nil, func(t *testing.T, w *world) {
			b := w.submit(3)
			at := func(states ...stokerv1.JobState) *stokerv1.WatchBatchRequest {
				req := &stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true, States: states}
				s := w.watch(req)
				defer s.hangUp(errHungUp)
				req.Cursor = s.next().GetCursor()
				return req
			}
			for name, tt := range map[string]struct {
				before, after []stokerv1.JobState
				snapshot      bool
			}{
				"to others":        {[]stokerv1.JobState{failed}, []stokerv1.JobState{waiting}, true},
				"to all":           {[]stokerv1.JobState{waiting}, nil, true},
				"from all":         {nil, []stokerv1.JobState{waiting}, true},
				"in order":         {[]stokerv1.JobState{failed, waiting}, []stokerv1.JobState{waiting, failed, failed}, false},
				"in name: all":     {nil, everyState(), false},
				"in nothing":       {[]stokerv1.JobState{atWork}, []stokerv1.JobState{atWork}, false},
				"to more than one": {[]stokerv1.JobState{atWork}, []stokerv1.JobState{atWork, queued}, true},
			} {
				req := at(tt.before...)
				req.States = tt.after
				s := w.watch(req)
				_, err := w.store.UpdateBatch(t.Context(), b.GetId(), time.Now(), func(b *job.Batch) error { // something to be told
					b.DisplayName = name
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if m := s.next(); m.GetSnapshot() != tt.snapshot {
					t.Errorf("%s: snapshot is %v, want %v", name, m.GetSnapshot(), tt.snapshot)
				}
				s.hangUp(errHungUp)
			}
		})
	})

	t.Run("are refused without include_jobs", func(t *testing.T) {
		within(t, nil, func(t *testing.T, w *world) {
			b := w.submit(1)
			err := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), States: []stokerv1.JobState{failed}}).end()
			wantCode(t, err, codes.InvalidArgument)
			v := detail[*errdetails.BadRequest](err).GetFieldViolations()
			if len(v) != 1 || v[0].GetField() != "states" || !strings.Contains(v[0].GetDescription(), "include_jobs") {
				t.Errorf("violations are %v, want one of states that names include_jobs", v)
			}
			err = w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true, States: []stokerv1.JobState{17}}).end()
			wantCode(t, err, codes.InvalidArgument)
		})
	})
}

// everyState is every state there is.
func everyState() []stokerv1.JobState {
	var all []stokerv1.JobState
	for _, s := range job.States() {
		all = append(all, stateMessage(s))
	}
	return all
}

// TestWatchStatesFilter holds that who watches some states is sent what others are
// sent, less the jobs in other states, message by message.
func TestWatchStatesFilter(t *testing.T) {
	within(t, nil, func(t *testing.T, w *world) {
		const jobs = 6
		b := w.submit(jobs)
		want := []stokerv1.JobState{atWork, failed}
		all := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true})
		some := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true, States: want})
		told := 0
		compare := func() {
			whole, part := all.next(), some.next()
			whole.Jobs = slices.DeleteFunc(whole.Jobs, func(j *stokerv1.Job) bool { return !slices.Contains(want, j.GetState()) })
			if diff := cmp.Diff(whole, part, protocmp.Transform(), protocmp.IgnoreFields(&stokerv1.WatchBatchResponse{}, "cursor")); diff != "" {
				t.Errorf("(-filtered by the test +filtered by the server):\n%s", diff)
			}
			told += len(part.GetJobs())
		}
		compare()
		for n := range int64(jobs * 6) {
			synctest.Wait()
			time.Sleep(time.Second) // nothing is held back for min_interval: one change, one message
			w.update(b.GetId(), n%jobs+1, goOn)
			compare()
		}
		if err := all.end(); err != nil {
			t.Error(err)
		}
		if err := some.end(); err != nil {
			t.Error(err)
		}
		if want := 2*jobs + jobs/3; told != want { // twice at work; one of three fails
			t.Errorf("told of %d jobs, want %d", told, want)
		}
	})
}

// countingStore counts how often the job table is asked what changed.
type countingStore struct {
	server.Store
	changes atomic.Int64
}

func (c *countingStore) Changes(ctx context.Context, id string, after int64, limit int, states ...job.State) (job.Batch, []job.Job, error) {
	c.changes.Add(1)
	return c.Store.Changes(ctx, id, after, limit, states...)
}

// TestWatchStatesShare holds that watchers who name the same states, in any order and
// as often as they like, share one read.
func TestWatchStatesShare(t *testing.T) {
	counting := &countingStore{}
	count := func(c *server.Config) {
		counting.Store = c.Store
		c.Store = counting
	}
	within(t, count, func(t *testing.T, w *world) {
		b := w.submit(1)
		var all []*stream
		for n := range 30 {
			states := [][]stokerv1.JobState{{queued, failed}, {failed, queued}, {failed, queued, failed}}[n%3]
			s := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true, States: states})
			s.next()
			all = append(all, s)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		before := counting.changes.Load()
		w.start(b.GetId(), 1)
		for _, s := range all {
			s.until(func(m *stokerv1.WatchBatchResponse) bool { return m.GetBatch().GetCounts().GetQueued() == 1 })
		}
		// Three changes, each of which may be found by itself.
		if reads := counting.changes.Load() - before; reads > 6 {
			t.Errorf("thirty watchers made %d reads of what changed, want no more than for one", reads)
		}
	})
}

package server_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/internal/testkit/history"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

// stream is an open watch.
type stream struct {
	stokerv1.BatchService_WatchBatchClient
	t      *testing.T
	hangUp context.CancelCauseFunc
}

var errHungUp = errors.New("hung up")

func (w *world) watch(req *stokerv1.WatchBatchRequest) *stream {
	w.t.Helper()
	ctx, hangUp := context.WithCancelCause(w.t.Context())
	s, err := w.batches.WatchBatch(ctx, req)
	if err != nil {
		w.t.Fatal(err)
	}
	return &stream{BatchService_WatchBatchClient: s, t: w.t, hangUp: hangUp}
}

// next is the next message that is not a heartbeat.
func (s *stream) next() *stokerv1.WatchBatchResponse {
	s.t.Helper()
	for range 100 {
		m, err := s.Recv()
		if err != nil {
			s.t.Fatalf("watch: %v", err)
		}
		if !m.GetHeartbeat() {
			return m
		}
	}
	s.t.Fatal("watch: nothing but heartbeats")
	return nil
}

// until is the first message that shows what is waited for. How many come before
// depends on how changes fall together.
func (s *stream) until(shown func(*stokerv1.WatchBatchResponse) bool) *stokerv1.WatchBatchResponse {
	s.t.Helper()
	for {
		m := s.next()
		if m.GetSnapshot() {
			s.t.Fatalf("a second snapshot: %v", m)
		}
		if shown(m) {
			return m
		}
	}
}

// ended reports whether a message shows the end of the batch.
func ended(m *stokerv1.WatchBatchResponse) bool { return m.GetBatch().GetFinishTime() != nil }

// end reads the stream's end and returns its error; nil for OK.
func (s *stream) end() error {
	s.t.Helper()
	m, err := s.Recv()
	if err == nil {
		s.t.Fatalf("watch went on with %v, want its end", m)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// within runs a test in a bubble of its own time.
func within(t *testing.T, change func(*server.Config), f func(t *testing.T, w *world)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) { f(t, newWorld(t, change)) })
}

func TestWatch(t *testing.T) {
	t.Run("shows the present, then what changes, then ends", func(t *testing.T) {
		within(t, nil, func(t *testing.T, w *world) {
			b := w.submit(2)
			s := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true})

			first := s.next()
			if !first.GetSnapshot() || len(first.GetJobs()) != 2 || first.GetBatch().GetCounts().GetWaiting() != 2 {
				t.Fatalf("first message is %v, want a snapshot with both jobs", first)
			}
			w.start(b.GetId(), 1)
			second := s.until(func(m *stokerv1.WatchBatchResponse) bool { return m.GetBatch().GetCounts().GetQueued() == 1 })
			if len(second.GetJobs()) != 1 || second.GetJobs()[0].GetState() != stokerv1.JobState_JOB_STATE_QUEUED {
				t.Fatalf("after the start came %v, want job 1 QUEUED", second)
			}
			if got := second.GetBatch().GetCounts(); got.GetWaiting() != 1 || got.GetQueued() != 1 {
				t.Errorf("counts are %v, want 1 waiting and 1 queued", got)
			}
			w.observe(b.GetId(), 1, job.Observation{Status: job.RemoteFinished})
			w.finish(b.GetId(), 2)
			last := s.until(ended)
			if last.GetBatch().GetState() != stokerv1.BatchState_BATCH_STATE_SUCCEEDED || len(last.GetJobs()) == 0 {
				t.Errorf("last message is %v, want the last job and the batch SUCCEEDED", last)
			}
			if got := last.GetBatch().GetPercent(); got != 100 {
				t.Errorf("an ended batch is at %v %%, want 100", got)
			}
			if err := s.end(); err != nil {
				t.Errorf("watch of an ended batch ends with %v, want OK", err)
			}
		})
	})

	t.Run("sends the batch alone unless jobs are asked for", func(t *testing.T) {
		within(t, nil, func(t *testing.T, w *world) {
			b := w.submit(1)
			s := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId()})
			s.next()
			w.finish(b.GetId(), 1)
			m := s.until(ended)
			if len(m.GetJobs()) != 0 || m.GetBatch().GetState() != stokerv1.BatchState_BATCH_STATE_SUCCEEDED {
				t.Errorf("got %v, want the ended batch without jobs", m)
			}
			if err := s.end(); err != nil {
				t.Error(err)
			}
		})
	})

	t.Run("coalesces changes within the interval", func(t *testing.T) {
		within(t, nil, func(t *testing.T, w *world) {
			b := w.submit(1)
			s := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true, MinInterval: durationpb.New(10 * time.Second)})
			s.next()
			synctest.Wait() // the server looks for changes once more after the snapshot
			begin := time.Now()
			w.start(b.GetId(), 1)
			for percent := 1; percent <= 50; percent++ {
				w.observe(b.GetId(), 1, running(percent))
			}
			m := s.next()
			if got := m.GetJobs()[0].GetProgress(); got != 50 {
				t.Errorf("the next message says %d %%, want the latest, 50", got)
			}
			if waited := time.Since(begin); waited > 10*time.Second || waited < 9*time.Second {
				t.Errorf("it came after %s, want 10 s", waited)
			}
		})
	})

	t.Run("beats while nothing changes", func(t *testing.T) {
		within(t, nil, func(t *testing.T, w *world) {
			b := w.submit(1)
			s := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId()})
			first := s.next()
			begin := time.Now()
			for range 3 {
				m, err := s.Recv()
				if err != nil {
					t.Fatal(err)
				}
				if !m.GetHeartbeat() || m.GetBatch() != nil || m.GetCursor() != first.GetCursor() {
					t.Fatalf("got %v, want a heartbeat with the cursor of before", m)
				}
			}
			if waited := time.Since(begin); waited.Round(time.Second) != 45*time.Second {
				t.Errorf("three heartbeats took %s, want 45 s", waited)
			}
		})
	})

	t.Run("tells when jobs wait for another reason", func(t *testing.T) {
		within(t, nil, func(t *testing.T, w *world) {
			b := w.submit(1)
			s := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId()})
			if got, want := s.next().GetBatch().GetWaitReason(), "waiting for a free place (3 of 3 queued)"; got != want {
				t.Errorf("wait reason is %q, want %q", got, want)
			}
			if err := w.accounts.change("default", func(a *job.AccountStatus) {
				a.Breaker, a.BreakerReason = job.BreakerOpen, "connection refused"
			}); err != nil {
				t.Fatal(err)
			}
			if got, want := s.next().GetBatch().GetWaitReason(), "the platform cannot be used: connection refused"; got != want {
				t.Errorf("wait reason is %q, want %q", got, want)
			}
		})
	})

	t.Run("survives a lost wakeup", func(t *testing.T) {
		within(t, nil, func(t *testing.T, w *world) {
			b := w.submit(1)
			s := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId()})
			s.next()
			w.store.SetOnChange(nil)
			w.finish(b.GetId(), 1)
			begin := time.Now()
			s.until(ended)
			if waited := time.Since(begin); waited > 20*time.Second {
				t.Errorf("the end of the batch was seen after %s, want a heartbeat's time", waited)
			}
		})
	})

	t.Run("ends with NOT_FOUND for a deleted batch", func(t *testing.T) {
		within(t, nil, func(t *testing.T, w *world) {
			b := w.submit(1)
			w.finish(b.GetId(), 1)
			if _, err := w.batches.DeleteBatch(t.Context(), &stokerv1.DeleteBatchRequest{BatchId: b.GetId()}); err != nil {
				t.Fatal(err)
			}
			wantCode(t, w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId()}).end(), codes.NotFound)
		})
	})
}

func TestWatchResumes(t *testing.T) {
	t.Run("after its cursor, without gap or repeat", func(t *testing.T) {
		within(t, nil, func(t *testing.T, w *world) {
			b := w.submit(3)
			s := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true})
			at := s.next().GetCursor()
			s.hangUp(errHungUp)
			w.finish(b.GetId(), 2)
			s = w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true, Cursor: at})
			m := s.next()
			if m.GetSnapshot() || len(m.GetJobs()) != 1 || m.GetJobs()[0].GetKey() != "k-2" {
				t.Errorf("got %v, want job 2 alone", m)
			}
		})
	})

	t.Run("in the midst of a snapshot", func(t *testing.T) {
		within(t, nil, func(t *testing.T, w *world) {
			b := w.submit(1200)
			h := history.New()
			s := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true})
			first := s.next()
			h.Add(first)
			if len(first.GetJobs()) != 500 {
				t.Fatalf("first page has %d jobs, want 500", len(first.GetJobs()))
			}
			s.hangUp(errHungUp)
			synctest.Wait()          // it reads no further, and shares nothing it reads now
			w.start(b.GetId(), 3)    // was sent
			w.start(b.GetId(), 1100) // was not
			s = w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true, Cursor: first.GetCursor()})
			for len(h.State) < 1200 || h.State["k-3"] != stokerv1.JobState_JOB_STATE_QUEUED {
				m := s.next()
				if m.GetSnapshot() {
					t.Fatal("the snapshot began again")
				}
				h.Add(m)
			}
			for _, wrong := range h.Violations {
				t.Error(wrong)
			}
			if got := h.State["k-1100"]; got != stokerv1.JobState_JOB_STATE_QUEUED {
				t.Errorf("job 1100 is %v, want QUEUED", got)
			}
			if h.Messages != 4 {
				t.Errorf("it took %d messages, want three pages and one change", h.Messages)
			}
		})
	})

	t.Run("with a snapshot if the cursor is unusable", func(t *testing.T) {
		within(t, nil, func(t *testing.T, w *world) {
			b, other := w.submit(1), w.submit(1)
			w.start(other.GetId(), 1)
			cursorOf := func(batch string, jobs bool) string {
				s := w.watch(&stokerv1.WatchBatchRequest{BatchId: batch, IncludeJobs: jobs})
				defer s.hangUp(errHungUp)
				return s.next().GetCursor()
			}
			for name, cursor := range map[string]string{
				"garbage":       "not a cursor",
				"another batch": cursorOf(other.GetId(), true),
				"without jobs":  cursorOf(b.GetId(), false),
			} {
				s := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true, Cursor: cursor})
				if m := s.next(); !m.GetSnapshot() || len(m.GetJobs()) != 1 {
					t.Errorf("%s: got %v, want a snapshot", name, m)
				}
				s.hangUp(errHungUp)
			}
		})
	})
}

func TestWatchLimits(t *testing.T) {
	one := func(c *server.Config) { c.Limits.WatchesPerCaller = 1 }
	within(t, one, func(t *testing.T, w *world) {
		b := w.submit(1)
		s := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId()})
		s.next()
		err := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId()}).end()
		wantCode(t, err, codes.ResourceExhausted)
		wantReason(t, err, "TOO_MANY_WATCHES")
		s.hangUp(errHungUp)
		synctest.Wait()
		w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId()}).next() // the seat is free again
	})
}

func TestWatchSlowReader(t *testing.T) {
	within(t, nil, func(t *testing.T, w *world) {
		b := w.submit(5000)
		slow := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId(), IncludeJobs: true})
		synctest.Wait() // its window is full and nobody reads
		fast := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId()})
		fast.next()
		begin := time.Now()
		w.start(b.GetId(), 1)
		fast.next()
		if waited := time.Since(begin); waited > time.Second {
			t.Errorf("a fast reader waited %s beside a slow one", waited)
		}
		time.Sleep(31 * time.Second)
		var err error
		for err == nil {
			_, err = slow.Recv()
		}
		wantCode(t, err, codes.ResourceExhausted)
		wantReason(t, err, "SLOW_READER")
	})
}

func TestShutdown(t *testing.T) {
	within(t, nil, func(t *testing.T, w *world) {
		b := w.submit(1)
		s := w.watch(&stokerv1.WatchBatchRequest{BatchId: b.GetId()})
		s.next()
		begin := time.Now()
		w.server.Stop(w.grpc, time.Minute)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("stopping took %s with an open watch", took)
		}
		err := s.end()
		wantCode(t, err, codes.Unavailable)
		wantReason(t, err, "SHUTTING_DOWN")
		if detail[*errdetails.RetryInfo](err).GetRetryDelay().AsDuration() == 0 {
			t.Errorf("%v carries no RetryInfo", err)
		}
	})
}

// detail is the first detail of a type in a status, or nil.
func detail[D any](err error) D {
	for _, d := range status.Convert(err).Details() {
		if d, ok := d.(D); ok {
			return d
		}
	}
	var none D
	return none
}

func wantCode(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if got := status.Code(err); got != want {
		t.Errorf("code is %v (%v), want %v", got, err, want)
	}
}

func wantReason(t *testing.T, err error, want string) {
	t.Helper()
	info := detail[*errdetails.ErrorInfo](err)
	if info.GetReason() != want || info.GetDomain() != job.ErrorDomain {
		t.Errorf("ErrorInfo is %v (%v), want reason %s", info, err, want)
	}
}

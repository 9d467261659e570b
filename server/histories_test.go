package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"pgregory.net/rapid"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/internal/testkit/history"
	"github.com/stokerd/stoker/internal/testkit/transcript"
	"github.com/stokerd/stoker/job"
)

// TestWatchHistories makes histories up: jobs change, are added, cancelled and retried,
// servers stop and begin again, some without a word, while watchers of every kind come
// and go, dawdle, stop reading until the server cannot send any more, and come back with
// their cursors. What each of them saw is held to the guarantees, and all have to end
// with the same picture.
func TestWatchHistories(t *testing.T) {
	var checked, watched, messages, blocked atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		p := drawPlan(rt)
		var all []*history.History
		bubble.Test(t, func(t *testing.T) { all = p.play(t, &blocked) })
		for i, h := range all {
			for _, wrong := range h.Violations {
				rt.Errorf("watcher %d: %s", i, wrong)
			}
			messages.Add(int64(h.Messages))
		}
		checked.Add(1)
		watched.Add(int64(len(all)))
	})
	transcript.Add(t, "checked %d histories as %d watchers saw them, in %d messages, of which %d waited for a reader",
		checked.Load(), watched.Load(), messages.Load(), blocked.Load())
	if checked.Load() >= 100 && blocked.Load() == 0 { // one in some ten does
		t.Error("no server ever had to wait for a reader: the histories are too light")
	}
}

// plan is a history that has not happened yet.
type plan struct {
	jobs     int
	heavy    int // of further jobs: one change of these is all that a reader who does not read can be sent
	steps    []step
	watchers []watcher
}

// step is one thing that happens, and the time until the next.
type step struct {
	kind  string
	job   int // counted from the last, around and around
	pause time.Duration
}

// watcher is the habits of one watcher.
type watcher struct {
	jobs     bool
	states   []stokerv1.JobState // if not empty: only jobs in these
	interval time.Duration
	late     time.Duration // comes so long after the beginning
	stay     int           // messages after which it hangs up; 0: never does
	dawdle   time.Duration // after each message
	stall    int           // after so many messages it reads nothing for a while; 0: never does
	pause    time.Duration // how long that is
}

func drawPlan(t *rapid.T) plan {
	ms := func(most int) *rapid.Generator[time.Duration] {
		return rapid.Map(rapid.IntRange(1, most), func(n int) time.Duration { return time.Duration(n) * time.Millisecond })
	}
	steps := rapid.Custom(func(t *rapid.T) step {
		return step{
			kind: rapid.SampledFrom([]string{"go", "go", "go", "go", "go", "go", "add", "cancel", "retry", "rename", "restart", "crash"}).Draw(t, "kind"),
			job:  rapid.IntRange(0, 30).Draw(t, "job"), pause: rapid.OneOf(ms(3), ms(300), ms(300), ms(2_000), ms(20_000)).Draw(t, "pause"),
		}
	})
	watchers := rapid.Custom(func(t *rapid.T) watcher {
		jobs, states := rapid.Bool().Draw(t, "jobs"), []stokerv1.JobState(nil)
		if jobs {
			states = rapid.OneOf(rapid.Just([]stokerv1.JobState(nil)), rapid.SliceOfN(rapid.SampledFrom(everyState()), 1, 5)).Draw(t, "states")
		}
		return watcher{
			jobs: jobs, states: states, stall: rapid.SampledFrom([]int{0, 1, 2, 5}).Draw(t, "stall"),
			pause:    rapid.SampledFrom([]time.Duration{5 * time.Second, 20 * time.Second, 45 * time.Second}).Draw(t, "pause"),
			interval: rapid.SampledFrom([]time.Duration{0, 50 * time.Millisecond, time.Second}).Draw(t, "interval"),
			late:     rapid.OneOf(ms(5), ms(3_000)).Draw(t, "late"), stay: rapid.IntRange(0, 6).Draw(t, "stay"), dawdle: rapid.OneOf(rapid.Just(time.Duration(0)), ms(5_000)).Draw(t, "dawdle"),
		}
	})
	return plan{
		jobs: rapid.IntRange(1, 20).Draw(t, "jobs"), heavy: rapid.SampledFrom([]int{0, 3, 6}).Draw(t, "heavy"),
		steps:    rapid.SliceOfN(steps, 10, 120).Draw(t, "steps"),
		watchers: rapid.SliceOfN(watchers, 2, 6).Draw(t, "watchers"),
	}
}

// play lets a plan happen and returns what its watchers saw. It counts the messages
// for which a server had to wait in blocked.
func (p plan) play(t *testing.T, blocked *atomic.Int64) []*history.History {
	w := newWorld(t, nil)
	w.options = []grpc.ServerOption{grpc.ChainStreamInterceptor(clocked(blocked))}
	synctest.Wait() // it serves
	w.take(step{kind: "restart"}, "", nil)
	req := submission(p.jobs)
	req.KeepOpen = true
	resp, err := w.batches.SubmitBatch(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	id, total := resp.GetBatch().GetId(), p.jobs
	for range p.heavy {
		w.add(id, strings.Repeat("x", 200_000), &total)
	}
	real := &truth{looks: map[string]bool{}, end: map[string]job.Job{}}
	real.note(w, id)
	var all []*history.History
	var watching sync.WaitGroup
	// A window that does not grow: who does not read is soon sent nothing more.
	narrow := stokerv1.NewBatchServiceClient(w.dial(grpc.WithStaticStreamWindowSize(64 << 10)))
	for _, habits := range p.watchers {
		h := history.New(habits.states...)
		all = append(all, h)
		watching.Go(func() { habits.watch(narrow, id, h) })
	}
	for _, s := range p.steps {
		time.Sleep(s.pause)
		w.take(s, id, &total)
		real.note(w, id)
	}
	for n := range total {
		for _, kind := range []string{"cancel", "go"} { // what was on the platform is stopped there
			time.Sleep(time.Millisecond)
			w.take(step{kind: kind, job: n}, id, &total)
			real.note(w, id)
		}
	}
	end, err := w.store.UpdateBatch(t.Context(), id, time.Now(), (*job.Batch).Close)
	if err != nil {
		t.Fatal(err)
	}
	watching.Wait()
	for i, h := range all {
		real.judge(h, end, p.watchers[i])
	}
	return all
}

// clocked counts the messages that could not be sent at once.
func clocked(blocked *atomic.Int64) grpc.StreamServerInterceptor {
	return func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		return handle(srv, &clockedStream{s, blocked})
	}
}

type clockedStream struct {
	grpc.ServerStream
	blocked *atomic.Int64
}

func (c *clockedStream) SendMsg(m any) error {
	begin := time.Now()
	defer func() {
		if time.Since(begin) > 0 { // in a bubble nothing but waiting takes time
			c.blocked.Add(1)
		}
	}()
	return c.ServerStream.SendMsg(m)
}

// add adds a job to a batch.
func (w *world) add(id, inputPath string, total *int) {
	list := []job.Spec{{Key: fmt.Sprintf("late-%d", *total), InputPath: inputPath, OutputPath: fmt.Sprintf("late/%d", *total)}}
	if _, _, _, err := w.store.AddJobs(w.t.Context(), id, list, time.Now()); err != nil {
		w.t.Error(err)
	}
	*total++
}

// take lets one step happen. What makes no sense at the moment does not.
func (w *world) take(s step, id string, total *int) {
	now := time.Now()
	switch s.kind {
	case "restart":
		w.stop(time.Second)
		w.serve()
		return
	case "crash":
		w.grpc.Stop()
		w.stop(0)
		w.serve()
		return
	case "add":
		w.add(id, "in", total)
		return
	case "rename":
		if _, err := w.store.UpdateBatch(w.t.Context(), id, now, func(b *job.Batch) error { b.DisplayName = now.String(); return nil }); err != nil {
			w.t.Error(err)
		}
		return
	}
	number := int64(*total - s.job%*total)
	_, err := w.store.UpdateJob(w.t.Context(), job.ID{Batch: id, Number: number}, now, func(u *job.Update) error {
		switch s.kind {
		case "cancel":
			return u.Cancel("enough", now)
		case "retry":
			return u.Retry(now)
		}
		return goOn(u, now)
	})
	if err != nil && !errors.Is(err, job.ErrIllegalTransition) {
		w.t.Error(err)
	}
}

// goOn takes a job one step further, as the dispatcher and the platform would.
func goOn(u *job.Update, now time.Time) error {
	j := &u.Job
	said := job.Observation{EncodingID: j.EncodingID, Status: job.RemoteRunning, Progress: j.Progress + 30}
	switch {
	case j.State == job.Waiting && !j.Prepared():
		return u.Configured(fmt.Sprintf("enc-%d", j.ID.Number), nil, now)
	case j.State == job.Waiting:
		return u.BeginStart(now)
	case j.State == job.Starting:
		return u.StartAccepted(now)
	case j.State == job.Cancelling:
		said.Status = job.RemoteCanceled
	case j.Progress >= 60 && j.ID.Number%3 == 0:
		said.Status, said.Failure = job.RemoteError, &job.Failure{Hint: job.HintNoRetry}
	case j.Progress >= 60:
		said.Status = job.RemoteFinished
	}
	return u.Observe(said, job.Rules{}, now)
}

// tooMany is more messages than any history can have reason for.
const tooMany = 5_000

// watch watches a batch to its end.
func (habits watcher) watch(batches stokerv1.BatchServiceClient, id string, h *history.History) {
	time.Sleep(habits.late)
	req := &stokerv1.WatchBatchRequest{BatchId: id, IncludeJobs: habits.jobs, States: habits.states}
	if habits.interval > 0 {
		req.MinInterval = durationpb.New(habits.interval)
	}
	for {
		ctx, hangUp := context.WithCancelCause(context.Background())
		s, err := batches.WatchBatch(ctx, req)
		for n := 1; err == nil && (habits.stay == 0 || n <= habits.stay); n++ {
			var m *stokerv1.WatchBatchResponse
			if m, err = s.Recv(); err == nil {
				req.Cursor = m.GetCursor()
				h.Add(m)
				time.Sleep(habits.dawdle)
				if habits.stall > 0 && h.Messages%habits.stall == 0 {
					time.Sleep(habits.pause)
				}
			}
		}
		hangUp(errHungUp)
		switch {
		case h.Messages > tooMany:
			h.AddViolation("is one of too many: this never ends")
			return
		case errors.Is(err, io.EOF):
			return
		case err != nil && status.Code(err) != codes.Unavailable && detail[*errdetails.ErrorInfo](err).GetReason() != "SLOW_READER":
			h.AddViolation("the watch ended with %v", err)
			return
		}
		time.Sleep(time.Second)
	}
}

// truth is everything that was.
type truth struct {
	looks map[string]bool    // of every job at every time
	end   map[string]job.Job // the latest of each
}

// note takes note of how the jobs stand. It is called after every change.
func (r *truth) note(w *world, id string) {
	w.t.Helper()
	jobs, err := w.store.Jobs(w.t.Context(), job.Filter{BatchID: id})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, j := range jobs {
		r.end[j.Key] = j
		r.looks[lookOf(j)] = true
	}
}

// lookOf is what [history.Fingerprint] gives for a message about j.
func lookOf(j job.Job) string {
	return fmt.Sprintf("%s JOB_STATE_%s %d%% attempt %d %s %v", j.Key, j.State, j.Progress, j.Attempt, j.EncodingID, j.UpdateTime)
}

// judge holds what a watcher saw against what was.
func (r *truth) judge(h *history.History, end job.Batch, habits watcher) {
	if h.Snapshots != 1 {
		h.AddViolation("was the end, and there were %d snapshots, want 1", h.Snapshots)
	}
	if got := h.Last; !got.GetFinishTime().AsTime().Equal(end.FinishTime) || got.GetCounts().GetCancelled() != end.Counts.Cancelled {
		h.AddViolation("shows the end as %v, want %+v", got, end)
	}
	for told := range h.Seen {
		if !r.looks[told] {
			h.AddViolation("or one before it tells what never was: %s", told)
		}
	}
	for key, j := range r.end {
		wanted := habits.jobs && (len(habits.states) == 0 || slices.Contains(habits.states, stateMessage(j.State)))
		if wanted && !h.Seen[lookOf(j)] {
			h.AddViolation("was the end, and %s was never told; last was %v", lookOf(j), h.State[key])
		}
	}
}

func stateMessage(s job.State) stokerv1.JobState {
	return stokerv1.JobState(stokerv1.JobState_value["JOB_STATE_"+string(s)])
}

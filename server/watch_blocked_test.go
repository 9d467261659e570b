package server_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/history"
	"github.com/stokerd/stoker/job"
)

// TestWatchBlocked holds that a server that cannot send any more, since the reader does
// not read, goes on as soon as there is room: with what is true then.
func TestWatchBlocked(t *testing.T) {
	within(t, nil, func(t *testing.T, w *world) {
		var blocked atomic.Int64
		w.options = []grpc.ServerOption{grpc.ChainStreamInterceptor(clocked(&blocked))}
		synctest.Wait() // it serves
		w.take(step{kind: "restart"}, "", nil)
		req := submission(1)
		req.KeepOpen = true
		resp, err := w.batches.SubmitBatch(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		id, total := resp.GetBatch().GetId(), 1
		w.add(id, strings.Repeat("x", 200_000), &total)

		narrow := stokerv1.NewBatchServiceClient(w.dial(grpc.WithStaticStreamWindowSize(64 << 10)))
		s, err := narrow.WatchBatch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: id, IncludeJobs: true})
		if err != nil {
			t.Fatal(err)
		}
		h := history.New()
		take := func() *stokerv1.WatchBatchResponse {
			m, err := s.Recv()
			if err != nil {
				t.Fatal(err)
			}
			h.Add(m)
			return m
		}
		take()
		w.start(id, 2)
		for percent := range 50 { // 25 s, in which the watcher reads nothing
			time.Sleep(500 * time.Millisecond)
			w.observe(id, 2, running(percent+1))
		}
		all := 0
		for last := int32(0); last < 50; all++ {
			for _, j := range take().GetJobs() {
				last = j.GetProgress()
			}
		}
		if blocked.Load() == 0 {
			t.Error("the server could send everything: it was never blocked")
		}
		if all > 10 {
			t.Errorf("a watcher who was away for fifty changes was sent %d messages, want a few", all)
		}
		w.observe(id, 2, job.Observation{Status: job.RemoteFinished})
		for take().GetBatch().GetCounts().GetSucceeded() == 0 {
		}
		for _, wrong := range h.Violations {
			t.Error(wrong)
		}
	})
}

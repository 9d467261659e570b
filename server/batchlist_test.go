package server_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

// listWatcher is what a client of WatchBatches knows.
type listWatcher struct {
	t         *testing.T
	stream    stokerv1.BatchService_WatchBatchesClient
	hangUp    context.CancelCauseFunc
	known     map[string]string // the state of each batch, by its id
	snapshots int
	messages  int
	err       error
	done      chan struct{}
}

// watchList opens a watch and follows it until it ends.
func (w *world) watchList(req *stokerv1.WatchBatchesRequest) *listWatcher {
	w.t.Helper()
	ctx, hangUp := context.WithCancelCause(w.t.Context())
	stream, err := w.batches.WatchBatches(ctx, req)
	if err != nil {
		w.t.Fatal(err)
	}
	l := &listWatcher{t: w.t, stream: stream, hangUp: hangUp, known: map[string]string{}, done: make(chan struct{})}
	go l.follow()
	return l
}

func (l *listWatcher) follow() {
	defer close(l.done)
	for {
		m, err := l.stream.Recv()
		if err != nil {
			l.err = err
			return
		}
		l.messages++
		if m.GetSnapshot() {
			l.snapshots++
			clear(l.known)
		}
		if m.GetHeartbeat() && len(m.GetBatches())+len(m.GetRemovedBatchIds()) > 0 {
			l.t.Errorf("a heartbeat has batches: %v", m)
		}
		for _, id := range m.GetRemovedBatchIds() {
			delete(l.known, id) // it may have come and gone between two messages
		}
		for _, b := range m.GetBatches() {
			l.known[b.GetId()] = summary(b)
		}
	}
}

// summary is what a list shows of a batch.
func summary(b *stokerv1.Batch) string {
	return fmt.Sprintf("%s %d/%d %s", b.GetState(), b.GetCounts().GetSucceeded(), b.GetJobCount(), b.GetWait().GetCode())
}

// TestWatchBatchesAgreesWithListBatches changes batches at random, and compares what watchers know with what
// ListBatches says.
func TestWatchBatchesAgreesWithListBatches(t *testing.T) {
	within(t, nil, func(t *testing.T, w *world) {
		random := rand.New(rand.NewPCG(7, 7))
		requests := []*stokerv1.WatchBatchesRequest{
			{},
			{States: []stokerv1.BatchState{stokerv1.BatchState_BATCH_STATE_ACTIVE}},
			{States: []stokerv1.BatchState{stokerv1.BatchState_BATCH_STATE_PAUSED, stokerv1.BatchState_BATCH_STATE_SUCCEEDED}, MinInterval: durationpb.New(3 * time.Second)},
			{Labels: map[string]string{"team": "vod"}},
			{Account: "other"},
			{Limit: 3},
		}
		var watchers []*listWatcher
		for _, req := range requests {
			watchers = append(watchers, w.watchList(req))
		}
		var open []*stokerv1.Batch
		for range 60 {
			switch n := random.IntN(6); {
			case n < 2 || len(open) == 0:
				req := submission(1 + random.IntN(3))
				if random.IntN(2) == 0 {
					req.Labels = map[string]string{"team": "vod"}
				}
				if random.IntN(3) == 0 {
					req.Account = "other"
				}
				resp, err := w.batches.SubmitBatch(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				open = append(open, resp.GetBatch())
			default:
				at := random.IntN(len(open))
				w.changeSomehow(n, open[at].GetId(), open[at].GetJobCount())
				if n >= 4 {
					open = append(open[:at], open[at+1:]...)
				}
			}
			time.Sleep(time.Duration(random.IntN(900)) * time.Millisecond)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		for i, l := range watchers {
			req := requests[i]
			want := map[string]string{}
			page, err := w.batches.ListBatches(t.Context(), &stokerv1.ListBatchesRequest{
				States: req.GetStates(), Labels: req.GetLabels(), Account: req.GetAccount(), PageSize: req.GetLimit(),
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range page.GetBatches() {
				want[b.GetId()] = summary(b)
			}
			l.hangUp(errHungUp)
			<-l.done
			if diff := cmp.Diff(want, l.known); diff != "" {
				t.Errorf("%v: the watcher knows (-want +got):\n%s", req, diff)
			}
			if l.snapshots != 1 {
				t.Errorf("%v: %d snapshots, want one", req, l.snapshots)
			}
		}
	})
}

// changeSomehow pauses, resumes, finishes or deletes a batch.
func (w *world) changeSomehow(how int, id string, jobs int64) {
	w.t.Helper()
	if how == 2 {
		if _, err := w.batches.PauseBatch(w.t.Context(), &stokerv1.PauseBatchRequest{BatchId: id}); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	if _, err := w.batches.ResumeBatch(w.t.Context(), &stokerv1.ResumeBatchRequest{BatchId: id}); err != nil {
		w.t.Fatal(err)
	}
	if how == 3 {
		return
	}
	for number := range jobs {
		w.finish(id, number+1)
	}
	if how == 5 {
		if _, err := w.batches.DeleteBatch(w.t.Context(), &stokerv1.DeleteBatchRequest{BatchId: id}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// countedLists counts how often batches are listed.
type countedLists struct {
	server.Store
	lists atomic.Int64
}

func (c *countedLists) Batches(ctx context.Context, f job.BatchFilter) ([]job.Batch, error) {
	c.lists.Add(1)
	return c.Store.Batches(ctx, f)
}

// Two hundred watchers of one list cost as much as one: the list is read once a second while batches
// change, and rarely while nothing does.
func TestWatchBatchesSharesReads(t *testing.T) {
	counted := &countedLists{}
	within(t, func(c *server.Config) {
		counted.Store = c.Store
		c.Store = counted
	}, func(t *testing.T, w *world) {
		b := w.submit(30)
		var watchers []*listWatcher
		for range 200 {
			watchers = append(watchers, w.watchList(&stokerv1.WatchBatchesRequest{}))
		}
		synctest.Wait()
		if n := counted.lists.Load(); n != 1 {
			t.Errorf("%d reads for 200 snapshots, want 1", n)
		}
		counted.lists.Store(0)
		for number := range int64(30) { // for 9 s
			w.finish(b.GetId(), number+1)
			time.Sleep(300 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		if n := counted.lists.Load(); n < 8 || n > 12 {
			t.Errorf("%d reads in 11 s of changes, want one a second", n)
		}
		counted.lists.Store(0)
		time.Sleep(time.Minute)
		if n := counted.lists.Load(); n > 13 {
			t.Errorf("%d reads in a minute without changes, want 12", n)
		}
		for _, l := range watchers {
			l.hangUp(errHungUp)
			<-l.done
			if got := l.known[b.GetId()]; got != "BATCH_STATE_SUCCEEDED 30/30 WAIT_CODE_UNSPECIFIED" {
				t.Fatalf("a watcher knows %q", got)
			}
		}
	})
}

// A watch of a list ends when the server stops, with the advice to come again.
func TestWatchBatchesEndsAtShutdown(t *testing.T) {
	within(t, nil, func(t *testing.T, w *world) {
		l := w.watchList(&stokerv1.WatchBatchesRequest{})
		synctest.Wait()
		w.stop(time.Second)
		<-l.done
		wantCode(t, l.err, codes.Unavailable)
		if detail[*errdetails.RetryInfo](l.err).GetRetryDelay().AsDuration() == 0 {
			t.Errorf("%v has no RetryInfo", l.err)
		}
	})
}

// A list counts as a watch of its caller.
func TestWatchBatchesIsLimited(t *testing.T) {
	within(t, func(c *server.Config) { c.Limits.WatchesPerCaller = 1 }, func(t *testing.T, w *world) {
		w.watchList(&stokerv1.WatchBatchesRequest{})
		synctest.Wait()
		l := w.watchList(&stokerv1.WatchBatchesRequest{})
		<-l.done
		wantCode(t, l.err, codes.ResourceExhausted)
	})
}

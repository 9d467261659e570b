package server_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// Who watches a batch that is kept no longer has seen its end, and learns that it is gone. Watches of other
// batches, and of the list, go on.
func TestRetentionBesideWatches(t *testing.T) {
	within(t, nil, func(t *testing.T, w *world) {
		old, live := w.submit(2), w.submit(2)
		w.finish(old.GetId(), 1)
		w.finish(old.GetId(), 2)
		at := w.watch(&stokerv1.WatchBatchRequest{BatchId: old.GetId()}).next().GetCursor()
		time.Sleep(31 * 24 * time.Hour)
		watched := w.watch(&stokerv1.WatchBatchRequest{BatchId: live.GetId(), IncludeJobs: true})
		watched.next()
		w.start(live.GetId(), 1)
		done, err := store.NewKeeper(w.store).Retain(t.Context(), store.Retention{Succeeded: 30 * 24 * time.Hour}, time.Now())
		if err != nil || done != (store.Retained{Batches: 1, Jobs: 2}) {
			t.Fatalf("deleted %+v, %v", done, err)
		}
		wantCode(t, w.watch(&stokerv1.WatchBatchRequest{BatchId: old.GetId(), Cursor: at}).end(), codes.NotFound)
		list, err := w.batches.ListBatches(t.Context(), &stokerv1.ListBatchesRequest{})
		if err != nil || len(list.GetBatches()) != 1 || list.GetBatches()[0].GetId() != live.GetId() {
			t.Errorf("listed: %v, %v", list, err)
		}
		w.finish(live.GetId(), 2)
		w.observe(live.GetId(), 1, job.Observation{Status: job.RemoteFinished})
		watched.until(ended)
	})
}

// A submission that is repeated after its batch was deleted submits nothing, and says so.
func TestRepeatAfterDeletion(t *testing.T) {
	w := newWorld(t, nil)
	req := submission(1)
	req.RequestId = "r"
	first, err := w.batches.SubmitBatch(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	w.finish(first.GetBatch().GetId(), 1)
	if _, err := w.batches.DeleteBatch(t.Context(), &stokerv1.DeleteBatchRequest{BatchId: first.GetBatch().GetId()}); err != nil {
		t.Fatal(err)
	}
	_, err = w.batches.SubmitBatch(t.Context(), req)
	wantStatus(t, err, codes.FailedPrecondition, "this request_id submitted batch 1, which was deleted at ")
	wantReason(t, err, "BATCH_DELETED")
	req.Jobs = specs(1, 2)
	_, err = w.batches.SubmitBatch(t.Context(), req)
	wantReason(t, err, "REQUEST_ID_REUSED")
}

package server_test

import (
	"context"
	"testing"

	"google.golang.org/grpc/codes"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

// stuck is a Store on a disk that does not answer.
type stuck struct{ server.Store }

func (stuck) Changes(ctx context.Context, _ string, _ int64, _ int, _ ...job.State) (job.Batch, []job.Job, error) {
	<-ctx.Done()
	return job.Batch{}, nil, ctx.Err()
}

// TestWatchOutlivesAStuckRead holds that a watcher who has set no deadline is not told of
// one that has passed, which clients take for final, but to come back.
func TestWatchOutlivesAStuckRead(t *testing.T) {
	within(t, func(c *server.Config) { c.Store = stuck{c.Store} }, func(t *testing.T, w *world) {
		id := w.submit(1).GetId()
		stream, err := w.batches.WatchBatch(t.Context(), &stokerv1.WatchBatchRequest{BatchId: id, IncludeJobs: true})
		if err != nil {
			t.Fatal(err)
		}
		if m, err := stream.Recv(); err != nil || !m.GetSnapshot() {
			t.Fatalf("got %v, %v; want a snapshot", m, err)
		}
		_, err = stream.Recv()
		wantCode(t, err, codes.Unavailable)
		wantReason(t, err, "JOB_TABLE_UNAVAILABLE")
	})
}

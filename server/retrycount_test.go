package server_test

import (
	"context"
	"testing"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
)

// fasterCaller is a job table in which another caller changes one job just before this one does.
type fasterCaller struct {
	*store.Store
	id job.ID
}

func (s *fasterCaller) UpdateJob(ctx context.Context, id job.ID, now time.Time, f func(*job.Update) error) (job.Job, error) {
	if id == s.id {
		if j, err := s.Store.UpdateJob(ctx, id, now, f); err != nil {
			return j, err
		}
	}
	return s.Store.UpdateJob(ctx, id, now, f)
}

// A batch counts if a job of it was retried by this call, and not by another one.
func TestRetryCountsBatches(t *testing.T) {
	faster := &fasterCaller{}
	w := newWorld(t, func(c *server.Config) {
		faster.Store, _ = c.Store.(*store.Store) // as every world has it
		c.Store = faster
	})
	one, two := w.submit(1).GetId(), w.submit(2).GetId()
	ids := []string{one + "/1", two + "/1", two + "/2"}
	for _, id := range ids {
		parsed, err := job.ParseID(id)
		if err != nil {
			t.Fatal(err)
		}
		w.fail(parsed.Batch, parsed.Number, job.Failure{Hint: job.HintNoRetry})
	}
	faster.id = job.ID{Batch: one, Number: 1}
	resp, err := w.batches.RetryJobs(t.Context(), &stokerv1.RetryJobsRequest{JobIds: ids})
	if err != nil {
		t.Fatal(err)
	}
	if resp.GetCount() != 2 || resp.GetBatchCount() != 1 {
		t.Errorf("%d jobs of %d batches, want 2 of 1", resp.GetCount(), resp.GetBatchCount())
	}
}

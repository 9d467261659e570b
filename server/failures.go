package server

import (
	"context"
	"fmt"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// maxCauses is how many causes an answer lists, the most frequent first.
const maxCauses = 100

// ListFailures counts the FAILED jobs of a batch by the cause of their failure.
func (s *Server) ListFailures(ctx context.Context, req *stokerv1.ListFailuresRequest) (*stokerv1.ListFailuresResponse, error) {
	if req.GetBatchId() == "" {
		return nil, invalid("batch_id", "is required")
	}
	b, err := s.store.Batch(ctx, req.GetBatchId())
	if err != nil {
		return nil, fmt.Errorf("read batch: %w", err)
	}
	causes, err := s.store.FailureCauses(ctx, b.ID, maxCauses)
	if err != nil {
		return nil, fmt.Errorf("list causes: %w", err)
	}
	return &stokerv1.ListFailuresResponse{
		FailedCount: b.Counts.Failed,
		Causes: mapSlice(causes, func(c job.Cause) *stokerv1.FailureCause {
			return &stokerv1.FailureCause{
				Cause: c.ID, Count: c.Count, JobId: c.First.String(),
				Failure: failureMessage(c.Failure.Shorten(maxPageBytes / maxCauses)),
			}
		}),
	}, nil
}

package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// maxCauses is how many causes an answer lists, the most frequent first.
const maxCauses = 100

// ListFailures counts the FAILED jobs of a batch by the cause of their failure.
func (s *Server) ListFailures(ctx context.Context, req *stokerv1.ListFailuresRequest) (*stokerv1.ListFailuresResponse, error) {
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
				Cause: causeID(c.Key), Count: c.Count, JobId: c.First.String(),
				Failure: failureMessage(c.Failure.Shorten(maxPageBytes / maxCauses)),
			}
		}),
	}, nil
}

// causeID is the id of a cause in the API: a hash of [job.Cause.Key], short enough for a command line.
// A cause has the same id in every batch.
func causeID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:6])
}

// causeKeys returns the keys of the causes in the batch whose ids are among ids, and marks these ids
// in known.
func (s *Server) causeKeys(ctx context.Context, batchID string, ids []string, known map[string]bool) ([]string, error) {
	causes, err := s.store.FailureCauses(ctx, batchID, maxCauses)
	if err != nil {
		return nil, fmt.Errorf("list causes: %w", err)
	}
	var keys []string
	for _, c := range causes {
		if id := causeID(c.Key); slices.Contains(ids, id) {
			known[id] = true
			keys = append(keys, c.Key)
		}
	}
	return keys, nil
}

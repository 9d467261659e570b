package server

import (
	"context"
	"fmt"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// maxCauses is how many causes an answer lists, the most frequent first.
const maxCauses = 100

// ListFailures counts the FAILED jobs of a batch, or of many, by the cause of their failure.
func (s *Server) ListFailures(ctx context.Context, req *stokerv1.ListFailuresRequest) (*stokerv1.ListFailuresResponse, error) {
	if err := checkListFailures(req); err != nil {
		return nil, err
	}
	search := job.Search{
		Accounts: req.GetAccounts(), Labels: req.GetLabels(), KeyPrefix: req.GetKeyPrefix(), Finished: timeRange(req.GetFinished()),
	}
	var causes []job.Cause
	var failed int64
	if req.GetBatchId() != "" {
		b, err := s.store.Batch(ctx, req.GetBatchId())
		if err != nil {
			return nil, fmt.Errorf("read batch: %w", err)
		}
		search.BatchSeq, failed = b.Seq, b.Counts.Failed
	}
	var err error
	if req.GetBatchId() != "" && req.GetKeyPrefix() == "" && req.GetFinished() == nil {
		causes, err = s.store.FailureCauses(ctx, req.GetBatchId(), maxCauses)
	} else {
		causes, failed, err = s.store.FindCauses(ctx, search, maxCauses)
	}
	if err != nil {
		return nil, fmt.Errorf("list causes: %w", err)
	}
	return &stokerv1.ListFailuresResponse{FailedCount: failed, Causes: mapSlice(causes, causeMessage)}, nil
}

// checkListFailures checks what the contract cannot say about req.
func checkListFailures(req *stokerv1.ListFailuresRequest) error {
	var found findings
	found.checkTimeRange("finished", req.GetFinished())
	batches := len(req.GetAccounts()) + len(req.GetLabels())
	switch {
	case req.GetBatchId() != "" && batches > 0:
		found.add("batch_id", "excludes accounts and labels, which select batches")
	case req.GetBatchId() == "" && batches == 0 && req.GetKeyPrefix() == "" && req.GetFinished() == nil:
		found.add("batch_id", "name a batch, or select jobs of many batches by accounts, labels, finished or key_prefix")
	}
	return found.err()
}

func causeMessage(c job.Cause) *stokerv1.FailureCause {
	m := &stokerv1.FailureCause{
		Cause: c.ID, Count: c.Count, BatchNumber: c.BatchSeq, BatchCount: c.Batches, Key: c.Key,
		Failure: failureMessage(c.Failure.Shorten(maxPageBytes / maxCauses)),
	}
	if c.First.Batch != "" {
		m.JobId = c.First.String()
	}
	return m
}

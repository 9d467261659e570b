package server

import (
	"context"
	"fmt"
	"math"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// renderBatch makes the message of a batch, with percentage, wait and estimated end, which the job
// table does not store.
func (s *Server) renderBatch(ctx context.Context, b job.Batch) (*stokerv1.Batch, error) {
	return s.renderSampled(ctx, b, wholeSample)
}

// renderCurrent reads a batch and makes its message; nil for an empty id.
func (s *Server) renderCurrent(ctx context.Context, id string) (*stokerv1.Batch, error) {
	if id == "" {
		return nil, nil
	}
	b, err := s.store.Batch(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read batch: %w", err)
	}
	return s.renderBatch(ctx, b)
}

// renderSampled is renderBatch with a smaller sample of the jobs, for percentage and estimated end.
func (s *Server) renderSampled(ctx context.Context, b job.Batch, sample runSample) (*stokerv1.Batch, error) {
	now := time.Now()
	m := batchMessage(b)
	wait, err := s.batchWait(ctx, b, now)
	if err != nil {
		return nil, err
	}
	m.Wait, m.WaitReason = waitMessage(wait), wait.String()
	if s.batchURL != nil && b.ID != "" {
		m.PageUrl = s.batchURL(b.Seq)
	}
	var runs []job.Run
	if b.Counts.Running > 0 {
		if runs, err = s.store.RecentRuns(ctx, b.ID, sample.running, sample.ended); err != nil {
			return nil, fmt.Errorf("read runs: %w", err)
		}
	}
	if total := float64(b.Counts.Total()); total > 0 {
		done := min(float64(b.Counts.Finished())+runningWork(b, runs, sample), total) // jobs may have ended since the batch was read
		m.Percent = math.Round(10_000*done/total) / 100
	} else if b.State.Terminal() {
		m.Percent = 100 // skip_succeeded has left out all jobs
	}
	if s.isStalled(ctx, b) {
		return fitted(m, maxItemBytes), nil
	}
	if end, ok := estimate(b, runs, now); ok {
		m.EarliestFinishTime = timestamp(now.Add(end.Earliest))
		m.EstimatedFinishTime = timestamp(now.Add(end.Likely))
		m.LatestFinishTime = timestamp(now.Add(end.Latest))
	}
	return fitted(m, maxItemBytes), nil
}

// isStalled reports whether the account of b starts no jobs for now. The end of b cannot be estimated
// then.
func (s *Server) isStalled(ctx context.Context, b job.Batch) bool {
	a, ok := s.store.AccountStatus(ctx, b.AccountID)
	return !ok || a.Paused || a.Breaker == job.BreakerOpen
}

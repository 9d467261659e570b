package server

import (
	"context"
	"fmt"
	"math"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/forecast"
	"github.com/stokerd/stoker/job"
)

// show is the message of a batch with everything that has to be worked out: its
// percentage, why its jobs wait, when it will be done.
func (s *Server) show(ctx context.Context, b job.Batch) (*stokerv1.Batch, error) {
	now := time.Now()
	m := batchMessage(b)
	waits, err := s.batchWait(ctx, b, now)
	if err != nil {
		return nil, err
	}
	m.Wait, m.WaitReason = waitMessage(waits), waits.String()
	var runs []job.Run
	if b.Counts.Running > 0 {
		if runs, err = s.store.RecentRuns(ctx, b.ID, maxRunning, forecast.Sample); err != nil {
			return nil, fmt.Errorf("read runs: %w", err)
		}
	}
	if total := float64(b.Counts.Total()); total > 0 {
		done := min(float64(b.Counts.Finished())+progressOf(b, runs), total) // jobs may have moved since the batch was read
		m.Percent = math.Round(10_000*done/total) / 100
	} else if b.State.Terminal() {
		m.Percent = 100 // all of it was done before
	}
	if s.stalled(b) {
		return fitted(m, maxItemBytes), nil
	}
	if end, ok := outlook(b, runs, now); ok {
		m.EarliestFinishTime = timestamp(now.Add(end.Earliest))
		m.EstimatedFinishTime = timestamp(now.Add(end.Likely))
		m.LatestFinishTime = timestamp(now.Add(end.Latest))
	}
	return fitted(m, maxItemBytes), nil
}

// stalled reports whether nothing of b is started for now, so that a pace says
// nothing about its end.
func (s *Server) stalled(b job.Batch) bool {
	a, ok := s.store.AccountStatus(b.AccountID)
	return !ok || a.Paused || a.Breaker == job.BreakerOpen
}

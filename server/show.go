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
	m.WaitReason = s.waitReason(b, now)
	var runs []job.Run
	if b.Counts.Running > 0 {
		var err error
		if runs, err = s.store.Runs(ctx, b.ID, maxRunning, forecast.Sample); err != nil {
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
	a, ok := s.accounts.Status(b.AccountID)
	return !ok || a.Paused || a.Breaker == job.BreakerOpen
}

// waitReason says why waiting jobs of b wait, in words, or nothing if none do.
func (s *Server) waitReason(b job.Batch, now time.Time) string {
	if b.Counts.Waiting == 0 || b.State == job.BatchCancelling {
		return ""
	}
	if b.State == job.BatchPaused {
		return because("the batch is paused", b.StateReason)
	}
	a, ok := s.accounts.Status(b.AccountID)
	switch {
	case !ok:
		return fmt.Sprintf("the server has no account %q any more", b.AccountID)
	case a.Paused:
		return because(fmt.Sprintf("account %s is paused", a.ID), a.PausedReason)
	case a.Breaker == job.BreakerOpen || a.Breaker == job.BreakerProbing:
		return because("the platform cannot be used", a.BreakerReason)
	case a.Problems[b.ID] != "":
		return because("it is passed over for now", a.Problems[b.ID])
	case now.Before(a.QueueFullUntil):
		return "the platform says that its queue is full"
	case a.Queued < 0:
		return "the platform has not answered yet"
	case a.Queued >= a.EffectiveTarget:
		return fmt.Sprintf("waiting for a free slot (%d of %d queued)", a.Queued, a.EffectiveTarget)
	case a.Preparing > 0 && a.Prepared == 0:
		return "the next encodings are being configured"
	}
	return "about to be started, or waiting out the pause before a retry"
}

// jobReason says why j waits or was cancelled: its own reason, or else the one
// that holds for the waiting jobs of its batch.
func jobReason(j job.Job, batchWaits string) string {
	if j.State == job.Waiting && j.Reason == "" {
		return batchWaits
	}
	if j.PlatformStatus != "" && j.Reason == "" {
		return "the platform shows a status that is not known: " + j.PlatformStatus
	}
	return j.Reason
}

// because says what is and, if that is known, why: perhaps in the platform's words, of which
// the middle is left out if there are many.
func because(what, why string) string {
	if why == "" {
		return what
	}
	return job.Shorten(what+": "+why, job.MaxReason)
}

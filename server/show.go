package server

import (
	"context"
	"fmt"
	"math"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// maxProgressJobs is how many running jobs are asked for their progress when a
// batch is shown. In a batch with more, running jobs count as not begun: the
// percentage is then a little less than the truth, and never more.
const maxProgressJobs = 1_000

const (
	// minEstimate is how much must be done, in jobs, before a finish time is estimated.
	minEstimate = 1.0
	// maxEstimate is how far away a finish time can be estimated.
	maxEstimate = 365 * 24 * time.Hour
)

// show is the message of a batch with everything that has to be worked out: its
// percentage, why its jobs wait, when it will be done.
func (s *Server) show(ctx context.Context, b job.Batch) (*stokerv1.Batch, error) {
	done, err := s.workDone(ctx, b)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	m := batchMessage(b)
	m.WaitReason = s.waitReason(b, now)
	if total := b.Counts.Total(); total > 0 {
		m.Percent = math.Round(10_000*done/float64(total)) / 100
	}
	if !s.stalled(b) {
		m.EstimatedFinishTime = timestamp(estimate(b, done, now))
	}
	return m, nil
}

// workDone is how many jobs' worth of work is done: those that ended, and those
// that run with their progress.
func (s *Server) workDone(ctx context.Context, b job.Batch) (float64, error) {
	done := float64(b.Counts.Finished())
	if b.Counts.Running == 0 || b.Counts.Running > maxProgressJobs {
		return done, nil
	}
	running, err := s.store.Jobs(ctx, job.Filter{BatchID: b.ID, States: []job.State{job.Running}, Limit: maxProgressJobs})
	if err != nil {
		return 0, fmt.Errorf("read progress: %w", err)
	}
	for _, j := range running {
		done += float64(j.Progress) / 100
	}
	return min(done, float64(b.Counts.Total())), nil // jobs may have moved since the batch was read
}

// estimate is when b will be done if work goes on at its average pace since the
// first start, pauses included. It is zero while that cannot be told: nothing
// was started, too little is done, more jobs may be added, or it is very far away.
func estimate(b job.Batch, done float64, now time.Time) time.Time {
	left := float64(b.Counts.Total()) - done
	if b.State != job.BatchActive || b.StartTime.IsZero() || done < minEstimate || left <= 0 {
		return time.Time{}
	}
	wait := now.Sub(b.StartTime).Seconds() * left / done
	if wait <= 0 || wait > maxEstimate.Seconds() {
		return time.Time{}
	}
	return now.Add(time.Duration(wait * float64(time.Second)))
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
	return j.Reason
}

func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

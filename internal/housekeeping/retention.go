package housekeeping

import (
	"context"
	"time"

	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/job"
)

const (
	// retainEvery is how long a batch may be kept beyond its time.
	retainEvery = time.Minute
	// forgetEvery is how often request ids of deleted batches are forgotten.
	forgetEvery = 24 * time.Hour
)

// retain deletes batches that are kept no longer.
func (h *Housekeeper) retain(ctx context.Context) {
	for {
		h.retainOnce(ctx, time.Now())
		h.checkDisk(ctx)
		if (clock.Real{}).Sleep(ctx, retainEvery) != nil {
			return
		}
	}
}

// forget removes what is remembered of deleted batches and kept no longer. With much to look through and others at
// work it takes hours, for which batches do not wait.
func (h *Housekeeper) forget(ctx context.Context) {
	requests := repeated{every: forgetEvery, do: h.keeper.ForgetRequests}
	results := repeated{every: h.retention.ForgetEvery(), do: func(ctx context.Context, now time.Time) error {
		return h.keeper.ForgetResults(ctx, h.retention, now)
	}}
	for {
		now := time.Now()
		for _, r := range []*repeated{&requests, &results} {
			if err := r.doIfDue(ctx, now); err != nil && ctx.Err() == nil {
				h.log.Warn("what is remembered of deleted batches was not looked through", "err", err)
			}
		}
		if (clock.Real{}).Sleep(ctx, retainEvery) != nil {
			return
		}
	}
}

// repeated is something that is done again after a time.
type repeated struct {
	every time.Duration
	do    func(ctx context.Context, now time.Time) error
	done  time.Time // when it succeeded last
}

func (r *repeated) doIfDue(ctx context.Context, now time.Time) error {
	if now.Sub(r.done) < r.every {
		return nil
	}
	if err := r.do(ctx, now); err != nil {
		return err
	}
	r.done = now
	return nil
}

// checkDisk says when the disk has too little room for more jobs, and when it has enough again.
func (h *Housekeeper) checkDisk(ctx context.Context) {
	space, err := h.keeper.ReadSpace(ctx)
	if err != nil || space.Low() == h.diskLow {
		return
	}
	h.diskLow = space.Low()
	if h.diskLow {
		h.log.Warn("the disk of the job table has too little room: no jobs are taken until there is more; those that were taken go on",
			"free", job.FormatBytes(space.Free), "floor", job.FormatBytes(space.Floor))
		return
	}
	h.log.Info("the disk of the job table has enough room again: jobs are taken", "free", job.FormatBytes(space.Free))
}

func (h *Housekeeper) retainOnce(ctx context.Context, now time.Time) {
	done, err := h.keeper.Retain(ctx, h.retention, now)
	if ctx.Err() != nil {
		return
	}
	h.mu.Lock()
	h.state.Deleted.Batches += done.Batches
	h.state.Deleted.Jobs += done.Jobs
	h.state.RetentionFailed = err != nil
	h.mu.Unlock()
	if done.Batches > 0 {
		h.log.Info("batches that are kept no longer were deleted", "batches", done.Batches, "jobs", done.Jobs)
	}
	if err != nil {
		h.log.Warn("batches that are kept no longer were not deleted", "err", err)
	}
}

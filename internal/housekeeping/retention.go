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
	// forgetEvery is how often what is remembered of deleted batches is looked through.
	forgetEvery = 24 * time.Hour
)

// retain deletes batches that are kept no longer.
func (h *Housekeeper) retain(ctx context.Context) {
	var forgotten time.Time
	for {
		now := time.Now()
		h.retainOnce(ctx, now)
		h.checkDisk(ctx)
		if now.Sub(forgotten) >= forgetEvery {
			if err := h.keeper.Forget(ctx, h.retention, now); err == nil {
				forgotten = now
			} else if ctx.Err() == nil {
				h.log.Warn("what is remembered of deleted batches was not looked through", "err", err)
			}
		}
		if (clock.Real{}).Sleep(ctx, retainEvery) != nil {
			return
		}
	}
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

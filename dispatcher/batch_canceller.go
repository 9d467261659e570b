package dispatcher

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/stokerd/stoker/job"
)

const (
	// cancelChunk is how many jobs are cancelled in one transaction: a large batch must not keep
	// others from the job table for long.
	cancelChunk = 500
	// cancelInterval is how often to look for CANCELLING batches if no wakeup comes;
	// cancelRetryPause is the pause after a failure.
	cancelInterval   = time.Minute
	cancelRetryPause = time.Second
)

// batchCanceller cancels the jobs of batches that are being cancelled. Because the job table has
// the batch as CANCELLING until all its jobs have ended, a crash in between loses nothing.
type batchCanceller struct {
	store  Store
	log    *slog.Logger
	wakeup wakeup
}

// run cancels jobs until ctx ends.
func (c *batchCanceller) run(ctx context.Context) {
	for {
		next := cancelInterval
		if err := c.cancelBatches(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("cannot cancel jobs of a batch", "err", err)
			next = cancelRetryPause
		}
		select {
		case <-ctx.Done():
			return
		case <-c.wakeup:
		case <-time.After(next):
		}
	}
}

func (c *batchCanceller) cancelBatches(ctx context.Context) error {
	ids, err := c.store.CancellingBatches(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := c.cancelJobs(ctx, id); err != nil && !errors.Is(err, job.ErrNotFound) { // ended, and deleted meanwhile
			return err
		}
	}
	return nil
}

// cancelJobs cancels every job of a batch that has not ended, chunk by chunk.
func (c *batchCanceller) cancelJobs(ctx context.Context, batchID string) error {
	b, err := c.store.Batch(ctx, batchID)
	if err != nil {
		return err
	}
	pending := job.Filter{
		BatchID: batchID, Limit: cancelChunk,
		States: []job.State{job.Waiting, job.Starting, job.Queued, job.Running},
	}
	for {
		now := time.Now()
		n, err := c.store.UpdateJobs(ctx, pending, now, func(u *job.Update) error {
			return u.Cancel(b.StateReason, now)
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

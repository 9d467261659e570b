package dispatcher

import (
	"context"
	"log/slog"
	"time"

	"github.com/stokerd/stoker/job"
)

// cancelChunk is how many jobs are cancelled in one transaction: a large batch must
// not keep others from the job table for long.
const cancelChunk = 500

// recountInterval is the time between two checks of the batches' counts.
const recountInterval = 10 * time.Minute

// batchCanceller carries a batch's cancellation to its jobs. Because the batch says
// that it is CANCELLING, a crash in between loses nothing. It also checks from time to
// time that the counts of batches agree with their jobs.
type batchCanceller struct {
	store  Store
	log    *slog.Logger
	wakeup wakeup
}

func newBatchCanceller(c Config) *batchCanceller {
	return &batchCanceller{store: c.Store, log: c.Logger, wakeup: newWakeup()}
}

func (j *batchCanceller) run(ctx context.Context) error {
	recount := time.Now().Add(recountInterval) // the job table has checked when it was opened
	for {
		retry := time.Minute
		if err := j.cancelBatches(ctx); err != nil && ctx.Err() == nil {
			j.log.Error("cannot cancel jobs of a batch", "err", err)
			retry = time.Second
		}
		if now := time.Now(); !now.Before(recount) {
			recount = now.Add(recountInterval)
			if _, err := j.store.Recount(ctx, now); err != nil && ctx.Err() == nil {
				j.log.Error("cannot check the counts of batches", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-j.wakeup:
		case <-time.After(retry):
		}
	}
}

func (j *batchCanceller) cancelBatches(ctx context.Context) error {
	ids, err := j.store.CancellingBatches(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := j.cancelJobs(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// cancelJobs asks for the end of every job of a batch, chunk by chunk.
func (j *batchCanceller) cancelJobs(ctx context.Context, batchID string) error {
	b, err := j.store.Batch(ctx, batchID)
	if err != nil {
		return err
	}
	pending := job.Filter{
		BatchID: batchID, Limit: cancelChunk,
		States: []job.State{job.Waiting, job.Starting, job.Queued, job.Running},
	}
	for {
		now := time.Now()
		n, err := j.store.UpdateJobs(ctx, pending, now, func(u *job.Update) error {
			return u.Cancel(b.StateReason, now)
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

package service

import (
	"context"
	"log/slog"

	"github.com/stokerd/stoker/job"
)

// batchLog logs when batches end or pause themselves. Transactions hand over what they have changed, and do
// not wait for the log.
type batchLog struct {
	log     *slog.Logger
	changes chan job.BatchStateChange
}

// maxUnwritten is how many changes may wait to be logged. Those beyond have no line: the job table has them.
const maxUnwritten = 1_000

func newBatchLog(log *slog.Logger) *batchLog {
	return &batchLog{log: log, changes: make(chan job.BatchStateChange, maxUnwritten)}
}

// note hands over changes. It does not block.
func (b *batchLog) note(changes []job.BatchStateChange) {
	for _, m := range changes {
		select {
		case b.changes <- m:
		default:
		}
	}
}

// run logs changes until ctx ends, and then those that were handed over. It returns nil.
func (b *batchLog) run(ctx context.Context) error {
	for {
		select {
		case m := <-b.changes:
			b.write(ctx, m)
		case <-ctx.Done():
			for {
				select {
				case m := <-b.changes:
					b.write(ctx, m)
				default:
					return nil
				}
			}
		}
	}
}

func (b *batchLog) write(ctx context.Context, m job.BatchStateChange) {
	attrs := []any{
		"account", m.AccountID, "batch", m.ID, "batch_number", m.Number, "state", string(m.State),
		"succeeded", m.Counts.Succeeded, "failed", m.Counts.Failed, "cancelled", m.Counts.Cancelled,
	}
	switch {
	case m.State == job.BatchPaused: // by its failure limit: somebody has to decide how to go on
		b.log.WarnContext(ctx, "batch paused itself", append(attrs, "why", m.Reason)...)
	case m.State.Terminal():
		b.log.InfoContext(ctx, "batch ended", attrs...)
	default: // a job of a batch that had ended is retried
		b.log.InfoContext(ctx, "batch goes on", attrs...)
	}
}

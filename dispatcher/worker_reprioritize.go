package dispatcher

import (
	"context"

	"github.com/stokerd/stoker/bitmovin"
)

// reprioritize tells the platform the priority that a queued job's batch has now. Nothing is
// recorded: only this process knows what the platform was told, and the next one tells it
// again.
func (w *worker) reprioritize(ctx context.Context, t trackedJob) outcome {
	err := w.account.Client.Reprioritize(ctx, bitmovin.EncodingID(t.job.EncodingID), t.batch.Priority)
	if bitmovin.Forbidden(err) { // it must not open the breaker; see accountLoop.applyDelete
		w.log.Warn("the platform forbids changing an encoding's priority", "job", t.job.ID.String(), "err", err)
		err = nil // the encoding keeps its place
	}
	return outcome{called: true, callErr: err}
}

package dispatcher

import (
	"context"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// unknownPriority is the priority of an encoding that a predecessor has started.
const unknownPriority = -1

// reprioritize tells the platform the priority that a queued job's batch has by now.
// It needs no record: what the platform was told is known to this process only, so that
// its successor tells it again.
func (w *worker) reprioritize(ctx context.Context, e trackedJob) outcome {
	err := w.account.Client.Reprioritize(ctx, bitmovin.EncodingID(e.job.EncodingID), e.batch.Priority)
	if bitmovin.Forbidden(err) { // no reason to stop all others, as in driver.deleted
		w.log.Warn("the priority cannot be changed", "job", e.job.ID.String(), "err", err)
		err = nil // it stays where it is
	}
	return outcome{called: true, callErr: err}
}

// hasWrongPriority reports whether a job waits in the platform's queue under another
// priority than its batch's.
func (d *accountLoop) hasWrongPriority(e *trackedJob) bool {
	b := d.batches[e.job.ID.Batch]
	return e.job.State == job.Queued && b != nil && e.platformPriority != b.Priority
}

// notePriority takes note of the priority the platform knows.
func (e *trackedJob) notePriority(kind taskKind, o outcome) {
	switch {
	case kind == taskStart && o.called:
		e.platformPriority = e.batch.Priority
	case kind == taskReprioritize && !bitmovin.Outage(o.callErr):
		e.platformPriority = e.batch.Priority // done, or refused because it is no longer queued
	}
}

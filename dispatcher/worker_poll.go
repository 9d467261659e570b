package dispatcher

import (
	"context"
	"errors"
	"fmt"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// pollStatus asks the platform for the status of a job's encoding and records it.
func (w *worker) pollStatus(ctx context.Context, t trackedJob) outcome {
	if t.job.EncodingID == "" {
		return w.findUnansweredStart(ctx, t)
	}
	task, fromEncoding, err := w.readStatus(ctx, t)
	o := outcome{called: true, callErr: err, fromEncoding: fromEncoding}
	if t.batch.Template != nil && !task.QueuedAt.IsZero() && !task.CreatedAt.IsZero() {
		o.setupTime = task.QueuedAt.Sub(task.CreatedAt.Time)
	}
	w.completeError(ctx, &task)
	seen := taskObservation(t.job.EncodingID, task)
	o.remaining, o.finishTime = remaining{task.ETA(), estimateRemaining(seen, w.now())}, seen.FinishedAt
	if bitmovin.NotFound(err) {
		o.missing = true
		certain, other, err := w.confirmMissing(ctx, t)
		switch {
		case other != "":
			return w.correctEncodingID(ctx, t, other)
		case errors.Is(err, errListed):
			o.inconclusive = err
			return o
		case !certain:
			o.sharedErr = err
			return o
		}
		seen.Status, seen.Unknown = job.RemoteGone, ""
	} else if err != nil {
		o.inconclusive = err
		return o
	}
	o.job, o.storeErr = w.recordObservation(ctx, t, seen)
	return o
}

// failuresToBelieveError is how often in a row the status of an encoding must be without an
// answer before an ERROR that is read from the encoding itself, without its reason, is believed.
const failuresToBelieveError = 10

// readStatus reads the status of an encoding. If the status call fails a second time in a row,
// readStatus reads the encoding itself, which shows all but the reason of a failed run.
func (w *worker) readStatus(ctx context.Context, t trackedJob) (task bitmovin.Task, fromEncoding bool, err error) {
	id := bitmovin.EncodingID(t.job.EncodingID)
	task, err = w.account.Client.ReadStatus(ctx, id)
	if err == nil {
		err = w.checkAnsweredID(ctx, id, task.ID)
	}
	if err == nil || t.failures == 0 && !t.readsEncoding || bitmovin.NotFound(err) || bitmovin.Unauthorized(err) || bitmovin.Throttled(err) || ctx.Err() != nil {
		return task, false, err
	}
	read, readErr := w.account.Client.ReadEncoding(ctx, id)
	if readErr != nil || read.ID != id || read.Status == "" {
		return task, false, err
	}
	failed := read.Status == bitmovin.StatusError || read.Status == bitmovin.StatusTransferError
	if failed && t.failures < failuresToBelieveError {
		return task, false, err
	}
	task = bitmovin.Task{
		ID: id, Status: read.Status, Progress: read.Progress, CreatedAt: read.CreatedAt,
		QueuedAt: read.QueuedAt, RunningAt: read.RunningAt, FinishedAt: read.FinishedAt,
	}
	if failed {
		task.Error = &bitmovin.TaskError{Text: "the platform does not say why: " + err.Error()}
	}
	return task, true, nil
}

// checkAnsweredID returns an error if the platform, asked for one encoding, answered about
// another one of ours. An id that no job has is accepted: the platform's documentation does
// not say what the id of a status is.
func (w *worker) checkAnsweredID(ctx context.Context, asked, answered bitmovin.EncodingID) error {
	if answered == "" || answered == asked || !w.belongsToJob(ctx, string(answered)) {
		return nil
	}
	return fmt.Errorf("encoding %s: %w", asked, errOtherObject)
}

// recordObservation records what the platform shows of a job's encoding. If that changes
// nothing, nothing is written.
func (w *worker) recordObservation(ctx context.Context, t trackedJob, seen job.Observation) (job.Job, error) {
	rules, now := w.rulesFor(t.batch, w.settle), w.now()
	try := job.NewUpdate(t.job)
	if err := try.Observe(seen, rules, now); err == nil && !try.Changed() {
		return t.job, nil
	}
	return w.updateJob(ctx, t.job.ID, func(u *job.Update) error { return u.Observe(seen, rules, now) })
}

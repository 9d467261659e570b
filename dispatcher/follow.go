package dispatcher

import (
	"context"
	"errors"
	"fmt"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// pollStatus asks the platform how a job's encoding stands and records it.
func (w *worker) pollStatus(ctx context.Context, e trackedJob) outcome {
	if e.job.EncodingID == "" {
		return w.findUnansweredStart(ctx, e)
	}
	task, elsewhere, err := w.readStatus(ctx, e)
	o := outcome{called: true, callErr: err, eta: task.ETA(), readsEncoding: elsewhere}
	if e.batch.Template != nil && !task.QueuedAt.IsZero() && !task.CreatedAt.IsZero() {
		o.setupTime = task.QueuedAt.Sub(task.CreatedAt.Time)
	}
	w.completeError(ctx, &task)
	seen := taskObservation(e.job.EncodingID, task)
	if bitmovin.NotFound(err) {
		o.missing = true
		certain, other, err := w.confirmMissing(ctx, e)
		switch {
		case other != "":
			return w.correctEncodingID(ctx, e, other)
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
	o.job, o.storeErr = w.recordObservation(ctx, e, seen)
	return o
}

// failuresToBelieveError is how often in a row the status of an encoding must be without an answer
// before an ERROR that is read elsewhere, without its reason, is believed.
const failuresToBelieveError = 10

// readStatus reads how an encoding stands. Where the platform breaks on its status, the
// encoding itself tells enough, apart from why it failed.
func (w *worker) readStatus(ctx context.Context, e trackedJob) (task bitmovin.Task, elsewhere bool, err error) {
	id := bitmovin.EncodingID(e.job.EncodingID)
	task, err = w.account.Client.Status(ctx, id)
	if err == nil {
		err = w.checkAnsweredID(ctx, id, task.ID)
	}
	if err == nil || e.failures == 0 && !e.readsEncoding || bitmovin.NotFound(err) || bitmovin.Unauthorized(err) || bitmovin.Throttled(err) || ctx.Err() != nil {
		return task, false, err
	}
	read, readErr := w.account.Client.Encoding(ctx, id)
	if readErr != nil || read.ID != id || read.Status == "" {
		return task, false, err
	}
	failed := read.Status == bitmovin.StatusError || read.Status == bitmovin.StatusTransferError
	if failed && e.failures < failuresToBelieveError {
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

// errOtherObject is an answer about something that was not asked for.
var errOtherObject = errors.New("the platform answered about another encoding of ours")

// checkAnsweredID is an error if the platform, asked for one encoding, answered about another one of
// ours. An id that is nobody's is not held against it: nowhere is it said what the id of a
// status is.
func (w *worker) checkAnsweredID(ctx context.Context, asked, answered bitmovin.EncodingID) error {
	if answered == "" || answered == asked || !w.belongsToJob(ctx, string(answered)) {
		return nil
	}
	return fmt.Errorf("encoding %s: %w", asked, errOtherObject)
}

// belongsToJob reports whether an encoding belongs, or belonged, to a job. Where the job table
// cannot tell, nothing can be recorded of the encoding either.
func (w *worker) belongsToJob(ctx context.Context, encoding string) bool {
	known, err := w.store.EncodingJobs(ctx, w.account.ID, []string{encoding})
	return err == nil && len(known) > 0
}

// recordObservation applies an observation to a job. What would change nothing is not written.
func (w *worker) recordObservation(ctx context.Context, e trackedJob, seen job.Observation) (job.Job, error) {
	rules, now := w.rulesFor(e.batch, w.settle), w.now()
	try := job.NewUpdate(e.job)
	if err := try.Observe(seen, rules, now); err == nil && !try.Changed() {
		return e.job, nil
	}
	return w.updateJob(ctx, e.job.ID, func(u *job.Update) error { return u.Observe(seen, rules, now) })
}

// updateJob changes a job. What happened at the platform has happened: it is
// recorded even if ctx has ended meanwhile.
func (w *worker) updateJob(ctx context.Context, id job.ID, f func(*job.Update) error) (job.Job, error) {
	return w.store.UpdateJob(context.WithoutCancel(ctx), id, w.now(), f)
}

// taskObservation translates the platform's answer.
func taskObservation(encodingID string, t bitmovin.Task) job.Observation {
	o := job.Observation{
		EncodingID: encodingID,
		Progress:   int(t.Progress),
		QueuedAt:   t.QueuedAt.Time,
		RunningAt:  t.RunningAt.Time,
		FinishedAt: t.FinishedAt.Time,
		Messages:   t.ErrorTexts(),
	}
	o.Status, o.Unknown = statusOf(t.Status)
	if o.FinishedAt.IsZero() {
		o.FinishedAt = t.ErrorAt.Time
	}
	if t.Error != nil {
		o.Failure = &job.Failure{
			Code: t.Error.Code, Category: t.Error.Category, Text: t.Error.Text,
			Hint: job.RetryHint(t.Error.RetryHint),
		}
	}
	return o
}

// requestStop asks the platform to stop a job's encoding. Whether it did is for the
// next look to tell.
func (w *worker) requestStop(ctx context.Context, e trackedJob) outcome {
	j, err := w.updateJob(ctx, e.job.ID, func(u *job.Update) error { return u.BeginStop(w.now()) })
	if err != nil {
		return outcome{storeErr: err}
	}
	err = w.account.Client.StopEncoding(ctx, bitmovin.EncodingID(j.EncodingID))
	return outcome{job: j, called: true, callErr: err, inconclusive: err}
}

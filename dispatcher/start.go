package dispatcher

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// maxForbidden is how often the platform may forbid (403) one job's calls, while it
// allows others, before that is taken for a refusal of the job.
const maxForbidden = 3

// start puts a prepared job on the platform's queue: it records the intent, makes
// the call, and records what came of it. Whatever happens in between, the job table
// says that a start may have been made.
func (w *worker) start(ctx context.Context, e trackedJob) outcome {
	if ctx.Err() != nil {
		return outcome{}
	}
	if e.batch.Template != nil {
		return w.startTemplate(ctx, e)
	}
	if e.job.StaleMark != "" && w.restartsRefused.Load() {
		j, err := w.updateJob(ctx, e.job.ID, func(u *job.Update) error { return u.Renew(w.now()) })
		return outcome{job: j, storeErr: err}
	}
	j, err := w.updateJob(ctx, e.job.ID, func(u *job.Update) error { return u.BeginStart(w.now()) })
	if err != nil {
		return outcome{storeErr: err}
	}
	e.job = j
	err = w.account.Client.StartEncoding(ctx, bitmovin.EncodingID(j.EncodingID), provision.StartRequest(&e.batch.Batch, &j), w.startPermit(ctx, j))
	o := startOutcome(err)
	if o.job, o.storeErr = w.recordStart(ctx, e, err); o.storeErr != nil {
		o.job = j // it stays STARTING until the platform has been asked
	}
	return o
}

// startOutcome is what came of a start call. One that was not made says nothing of the platform.
func startOutcome(err error) outcome {
	if _, yes := notPermitted(err); yes {
		return outcome{}
	}
	return outcome{called: true, callErr: err}
}

// recordStart records how a start call ended.
func (w *worker) recordStart(ctx context.Context, e trackedJob, err error) (job.Job, error) {
	now := w.now()
	record := inconclusiveStartUpdate(e, err, now)
	switch {
	case err == nil:
		record = func(u *job.Update) error { return u.StartAccepted(now) }
	case record == nil:
		return w.handleStartRefusal(ctx, e, err)
	}
	return w.updateJob(ctx, e.job.ID, record)
}

// inconclusiveStartUpdate is what a start comes to that ended without the platform's word on this
// very job; nil if the platform took or refused it.
func inconclusiveStartUpdate(e trackedJob, err error, now time.Time) func(*job.Update) error {
	if reason, yes := notPermitted(err); yes {
		return notMadeUpdate(reason, now)
	}
	switch {
	case err == nil:
		return nil
	case bitmovin.QueueFull(err):
		return notMadeUpdate("the platform's queue is full", now)
	case bitmovin.Throttled(err), bitmovin.QuotaExhausted(err):
		return notMadeUpdate(err.Error(), now)
	case bitmovin.Unauthorized(err) && e.forbiddenCount < maxForbidden:
		return notMadeUpdate(err.Error(), now)
	case bitmovin.Ambiguous(err):
		return func(u *job.Update) error { return u.StartUnknown(now) }
	case bitmovin.Outage(err) && !bitmovin.Unauthorized(err):
		return notMadeUpdate(err.Error(), now)
	}
	return nil
}

func notMadeUpdate(reason string, now time.Time) func(*job.Update) error {
	return func(u *job.Update) error { return u.StartNotMade(reason, now) }
}

// handleStartRefusal handles a start that the platform refused for this very job. It may
// have been refused because an earlier start, whose answer was lost, had worked after
// all: so the encoding is looked at before the refusal counts. One that has run before was
// perhaps refused for that: it is given up for a new one.
func (w *worker) handleStartRefusal(ctx context.Context, e trackedJob, refusal error) (job.Job, error) {
	task, err := w.account.Client.Status(ctx, bitmovin.EncodingID(e.job.EncodingID))
	now := w.now()
	if err != nil {
		return w.updateJob(ctx, e.job.ID, func(u *job.Update) error { return u.StartUnknown(now) })
	}
	f := newFailure(job.FailedStart, refusal, now)
	seen, rules := taskObservation(e.job.EncodingID, task), w.rulesFor(e.batch, 0)
	if e.job.Ran(seen) && !w.restartsRefused.Swap(true) {
		w.log.Warn("the platform does not start encodings again that have run: retries are configured anew", "job", e.job.ID.String(), "err", refusal)
	}
	return w.updateJob(ctx, e.job.ID, func(u *job.Update) error {
		if u.Job.Ran(seen) {
			return u.RestartRefused("a restart was refused: "+f.Text, now)
		}
		if seen.Status == job.RemoteCreated || u.Job.Stale(seen) {
			return u.StartRefused(f, rules, now)
		}
		return u.Observe(seen, rules, now)
	})
}

// newFailure is a refused call in a job's words.
func newFailure(kind job.FailureKind, err error, now time.Time) job.Failure {
	f := job.Failure{Kind: kind, Text: err.Error(), Time: now}
	if e, ok := errors.AsType[*bitmovin.APIError](err); ok {
		f.Code, f.HTTPStatus, f.RequestID = e.Code, e.Status, e.RequestID
		f.Text = e.Message
		if f.Text == "" {
			f.Text = http.StatusText(e.Status)
		}
		for _, m := range e.Details {
			if m.Text != "" {
				f.Messages = append(f.Messages, m.Text)
			}
		}
	}
	return f
}

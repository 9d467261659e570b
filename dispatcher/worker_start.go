package dispatcher

import (
	"context"
	"errors"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// maxForbidden is how often in a row the platform may forbid (403) one job's calls, while it
// allows others, before that counts as a refusal of the job.
const maxForbidden = 3

// start puts a job's encoding into the platform's queue: it records the intent, makes the call,
// and records the result. Whatever happens in between, the job table says that a start may have
// been made.
func (w *worker) start(ctx context.Context, t trackedJob) outcome {
	if ctx.Err() != nil {
		return outcome{}
	}
	if t.batch.Template != nil {
		return w.startTemplate(ctx, t)
	}
	if t.job.StaleMark != "" && w.restartsRefused.Load() {
		j, err := w.updateJob(ctx, t.job.ID, func(u *job.Update) error { return u.Renew(w.now()) })
		return outcome{job: j, storeErr: err}
	}
	j, err := w.updateJob(ctx, t.job.ID, func(u *job.Update) error { return u.BeginStart(w.now()) })
	if err != nil {
		return outcome{storeErr: err}
	}
	t.job = j
	request := provision.StartRequest(&t.batch.Batch, &j)
	err = w.account.Client.StartEncoding(ctx, bitmovin.EncodingID(j.EncodingID), request, w.startPermit(ctx, t))
	o := callOutcome(err)
	if o.job, o.storeErr = w.recordStart(ctx, t, err); o.storeErr != nil {
		o.job = j // it stays STARTING until the platform has been asked
	}
	return o
}

// callOutcome is the outcome of a call. A call that was not made proves nothing about the platform. The loop knows why one
// was withdrawn; any other is made again after a pause.
func callOutcome(err error) outcome {
	if _, yes := notPermitted(err); !yes {
		return outcome{called: true, callErr: err}
	}
	if _, withdrawn := errors.AsType[withdrawnError](err); withdrawn {
		return outcome{}
	}
	return outcome{inconclusive: err}
}

// recordStart records how a start call ended.
func (w *worker) recordStart(ctx context.Context, t trackedJob, err error) (job.Job, error) {
	now := w.now()
	record := inconclusiveStartUpdate(t, err, now)
	switch {
	case err == nil:
		record = func(u *job.Update) error { return u.StartAccepted(now) }
	case record == nil:
		return w.handleStartRefusal(ctx, t, err)
	}
	return w.updateJob(ctx, t.job.ID, record)
}

// inconclusiveStartUpdate is the update of a job whose start ended without the platform's answer
// on this very job. It is nil if the platform took the job or refused it.
func inconclusiveStartUpdate(t trackedJob, err error, now time.Time) func(*job.Update) error {
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
	case bitmovin.Unauthorized(err) && t.forbiddenCount < maxForbidden:
		return notMadeUpdate(err.Error(), now)
	case bitmovin.Ambiguous(err):
		return func(u *job.Update) error { return u.StartUnknown(now) }
	case bitmovin.Outage(err) && !bitmovin.Unauthorized(err):
		return notMadeUpdate(err.Error(), now)
	}
	return nil
}

// notMadeUpdate is the update of a job whose start was certainly not made.
func notMadeUpdate(reason string, now time.Time) func(*job.Update) error {
	return func(u *job.Update) error { return u.StartNotMade(reason, now) }
}

// handleStartRefusal records a start that the platform refused for this very job. The reason may be
// that an earlier start, whose answer was lost, had worked after all: so the encoding is polled
// before the refusal counts. An encoding that has run before may be refused for that: a new one
// replaces it.
func (w *worker) handleStartRefusal(ctx context.Context, t trackedJob, refusal error) (job.Job, error) {
	task, err := w.account.Client.ReadStatus(ctx, bitmovin.EncodingID(t.job.EncodingID))
	now := w.now()
	if err != nil {
		return w.updateJob(ctx, t.job.ID, func(u *job.Update) error { return u.StartUnknown(now) })
	}
	f := newFailure(job.FailedStart, refusal, now)
	seen, rules := taskObservation(t.job.EncodingID, task), w.rulesFor(t.batch, 0)
	if t.job.Ran(seen) && !w.restartsRefused.Swap(true) {
		w.log.Info("the platform refuses to start an encoding again that has run; retries get a new encoding from now on", "job", t.job.ID.String(), "err", refusal)
	}
	return w.updateJob(ctx, t.job.ID, func(u *job.Update) error {
		if u.Job.Ran(seen) {
			return u.RestartRefused("a restart was refused: "+f.Text, now)
		}
		if seen.Status == job.RemoteCreated || u.Job.Stale(seen) {
			return u.StartRefused(f, rules, now)
		}
		return u.Observe(seen, rules, now)
	})
}

package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// A template's job needs no preparing: one call creates its encoding and starts it.
// That call has no encoding to be looked at afterwards if its answer is lost. So
// each attempt's encoding has a name of its own, which is known before the call, and
// the platform is asked for that name before the call is repeated.

// hasTemplate reports whether a batch that has been read before has a template.
func (d *accountLoop) hasTemplate(batchID string) bool {
	b := d.batches[batchID]
	return b != nil && b.Template != nil
}

// startTemplate creates and starts an encoding from the batch's template: it records the
// intent, makes the call, and records what came of it.
func (w *worker) startTemplate(ctx context.Context, e trackedJob) outcome {
	t, err := provision.ParseTemplate(e.batch.Template)
	var shared provision.Shared
	if err == nil {
		if shared, err = w.provisioner.EnsureStorages(ctx, &e.batch.Batch, t); err != nil {
			return prepareOutcome(e, job.Job{}, nil, err)
		}
	}
	j, storeErr := w.updateJob(ctx, e.job.ID, func(u *job.Update) error { return u.BeginTemplateStart(w.now()) })
	if storeErr != nil {
		return outcome{storeErr: storeErr}
	}
	e.job = j
	text := ""
	if err == nil {
		text, err = w.provisioner.RenderTemplate(t, &e.batch.Batch, &e.job, shared)
	}
	if err != nil { // it was checked at submission: the rules were others then
		f := job.Failure{Kind: job.FailedConfigure, Text: err.Error(), Time: w.now(), Permanent: true}
		j, storeErr = w.updateJob(ctx, j.ID, func(u *job.Update) error { return u.StartRefused(f, e.batch.rules(0), f.Time) })
		return outcome{job: j, storeErr: storeErr}
	}
	encoding, err := w.account.Client.StartTemplate(ctx, text, w.startPermit(ctx, j))
	o := startOutcome(err)
	if err == nil && w.belongsToJob(ctx, string(encoding)) {
		err = fmt.Errorf("start a template: encoding %s: %w", encoding, errOtherObject)
		o.inconclusive = err
	}
	record, shares := w.templateStartUpdate(ctx, e, shared, string(encoding), err)
	if shares != nil {
		o.sharedErr, o.callErr = shares, nil
	}
	if o.job, o.storeErr = w.updateJob(ctx, e.job.ID, record); o.storeErr != nil {
		o.job = j // it stays STARTING until the platform has been asked
	}
	return o
}

// templateStartUpdate is how to record the end of a template's start; shares is set if something
// that all jobs of the batch share is to blame.
func (w *worker) templateStartUpdate(ctx context.Context, e trackedJob, shared provision.Shared, encoding string, err error) (record func(*job.Update) error, shares error) {
	now := w.now()
	if record = inconclusiveStartUpdate(e, err, now); record != nil {
		return record, nil
	}
	switch {
	case err == nil:
		return func(u *job.Update) error { return u.TemplateAccepted(encoding, now) }, nil
	case errors.Is(err, errOtherObject):
		return func(u *job.Update) error { return u.StartUnknown(now) }, nil
	case !w.isJobsFault(ctx, e, shared, err):
		shares = sharedMissingError(err)
	}
	if shares == nil || e.toleranceExceeded(err) {
		f, rules := newFailure(job.FailedConfigure, err, now), e.batch.rules(0)
		return func(u *job.Update) error { return u.StartRefused(f, rules, now) }, shares
	}
	return notMadeUpdate("a storage of the batch has vanished at the platform", now), shares
}

// findUnansweredStart looks for the encoding of a template whose start was not answered. One that is there
// is looked at. One has not been started if it is still not there after the settle time,
// among all that was created meanwhile; a search by its name that finds nothing, or has no
// answer, proves nothing.
func (w *worker) findUnansweredStart(ctx context.Context, e trackedJob) outcome {
	encoding, err := w.findByName(ctx, &e.job)
	if encoding != "" {
		return w.continueWithFound(ctx, e, encoding)
	}
	if w.now().Sub(e.job.StepTime) < w.settle {
		return outcome{called: true, callErr: err, inconclusive: err} // the list may be behind, and the platform as well
	}
	encoding, asked, listErr := w.findInFullList(ctx, &e.job)
	switch {
	case listErr != nil:
		return outcome{called: true, callErr: listErr, inconclusive: listErr}
	case encoding == "":
		return w.recordNotStarted(ctx, e, asked)
	case err == nil && w.encodings.usable(bitmovin.ParamName):
		w.encodings.noteFault(ctx, job.ParameterMisses, nil, bitmovin.ParamName)
	}
	return w.continueWithFound(ctx, e, encoding)
}

// correctEncodingID goes on with an encoding whose id is not the one that the answer to a template's
// start had told.
func (w *worker) correctEncodingID(ctx context.Context, e trackedJob, encoding string) (o outcome) {
	o.called = true
	o.job, o.storeErr = w.updateJob(ctx, e.job.ID, func(u *job.Update) error {
		return u.TemplateCorrected(encoding, e.job.Attempt, w.now())
	})
	if o.storeErr == nil {
		w.log.Warn("an encoding has another id than its start was answered with", "job", e.job.ID.String(), "encoding", encoding, "answered", e.job.EncodingID)
	}
	return o
}

// continueWithFound goes on with the encoding that a template's unanswered start has made.
func (w *worker) continueWithFound(ctx context.Context, e trackedJob, encoding string) (o outcome) {
	o.called = true
	o.job, o.storeErr = w.updateJob(ctx, e.job.ID, func(u *job.Update) error {
		return u.TemplateFound(encoding, e.job.Attempt, w.now())
	})
	if o.storeErr != nil {
		return o
	}
	e.job = o.job
	if o = w.pollStatus(ctx, e); o.job.Version == 0 {
		o.job = e.job
	}
	return o
}

// recordNotStarted records that a template's start was not made: its encoding was not there when
// the platform was asked, zero if that is still to come.
func (w *worker) recordNotStarted(ctx context.Context, e trackedJob, asked time.Time) outcome {
	o := outcome{called: true}
	missing := asked.Sub(e.job.StepTime)
	if missing < w.settle {
		return o
	}
	if o.sharedErr = w.checkOrganisation(ctx, e, missing); o.sharedErr != nil {
		return o // it may be in the organisation it was started in
	}
	o.job, o.storeErr = w.updateJob(ctx, e.job.ID, func(u *job.Update) error {
		if u.Job.EncodingID != "" || u.Job.Attempt != e.job.Attempt {
			return job.ErrConflict
		}
		return u.StartNotMade("the start was not accepted", w.now())
	})
	return o
}

// setupTime is how long an encoding is being set up after its start, as far as that is known:
// one made from a template is CREATED and in no queue meanwhile.
func (d *accountLoop) setupTime(e *trackedJob) time.Duration {
	if d.hasTemplate(e.job.ID.Batch) {
		return d.drain.setupTime
	}
	return 0
}

// settingUp reports whether there is nothing new to be seen of an encoding yet.
func (d *accountLoop) settingUp(e *trackedJob, now time.Time) bool {
	return now.Before(e.job.StartTime.Add(d.setupTime(e)))
}

// nextLookupTime is when to look for the encoding of an unanswered start again: soon, since
// most often it is there, and then when its absence proves something. Each look takes
// a call of a class that allows few.
func (d *accountLoop) nextLookupTime(kind taskKind, e *trackedJob, now time.Time) time.Time {
	next, settled := now.Add(changePoll), e.job.StepTime.Add(d.settle)
	switch {
	case kind != taskPoll:
		return next
	case settled.After(next):
		return settled
	}
	return now.Add(d.pollInterval) // what was created since is being listed
}

// reconcileTemplateEncoding decides about an encoding of ours that was made from a template and
// belongs to no job: the one its name tells goes on with it, if it waits for an
// answer, or knows of no such attempt because the job table was restored from a backup.
func (w *worker) reconcileTemplateEncoding(ctx context.Context, e bitmovin.Encoding, id job.ID, attempt int) (claimed bool, err error) {
	j, err := w.store.Job(ctx, id)
	if errors.Is(err, job.ErrNotFound) {
		return false, nil
	}
	if err == nil && j.Attempt < attempt {
		j, err = w.refreshJob(ctx, j)
	}
	if err != nil {
		return false, err
	}
	j, err = w.updateJob(ctx, id, func(u *job.Update) error { return u.TemplateFound(string(e.ID), attempt, w.now()) })
	if err != nil || j.EncodingID != string(e.ID) {
		return false, err
	}
	w.log.Info("adopted an encoding", "job", id.String(), "encoding", j.EncodingID, "status", string(e.Status))
	return true, nil
}

// refreshJob has a job see how its encoding ended, before it can go on with a later one.
func (w *worker) refreshJob(ctx context.Context, j job.Job) (job.Job, error) {
	if !j.State.OnPlatform() || j.EncodingID == "" {
		return j, nil
	}
	read, err := w.store.Batch(ctx, j.ID.Batch)
	if err != nil {
		return j, err
	}
	task, err := w.account.Client.Status(ctx, bitmovin.EncodingID(j.EncodingID))
	if err != nil {
		if bitmovin.NotFound(err) {
			return j, nil // to be believed only after a while
		}
		return j, err
	}
	return w.recordObservation(ctx, trackedJob{job: j, batch: &batch{read}}, taskObservation(j.EncodingID, task))
}

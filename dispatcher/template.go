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

// templated reports whether a batch that has been read before has a template.
func (d *driver) templated(batchID string) bool {
	b := d.batches[batchID]
	return b != nil && b.Template != nil
}

// startTemplate creates and starts an encoding from the batch's template: it records the
// intent, makes the call, and records what came of it.
func (w *worker) startTemplate(ctx context.Context, e entry) outcome {
	t, err := provision.ParseTemplate(e.batch.Template)
	var shared provision.Shared
	if err == nil {
		if shared, err = w.provisioner.EnsureStorages(ctx, &e.batch.Batch, t); err != nil {
			return prepared(e, job.Job{}, nil, err)
		}
	}
	j, storeErr := w.update(ctx, e.job.ID, func(u *job.Update) error { return u.BeginTemplateStart(w.now()) })
	if storeErr != nil {
		return outcome{store: storeErr}
	}
	e.job = j
	text := ""
	if err == nil {
		text, err = w.provisioner.RenderTemplate(t, &e.batch.Batch, &e.job, shared)
	}
	if err != nil { // it was checked at submission: the rules were others then
		f := job.Failure{Kind: job.FailedConfigure, Text: err.Error(), Time: w.now(), Permanent: true}
		j, storeErr = w.update(ctx, j.ID, func(u *job.Update) error { return u.StartRefused(f, e.batch.rules(0), f.Time) })
		return outcome{job: j, store: storeErr}
	}
	encoding, err := w.account.Client.StartTemplate(ctx, text, w.permit(ctx, j))
	o := started(err)
	if err == nil && w.another(ctx, string(encoding)) {
		err = fmt.Errorf("start a template: encoding %s: %w", encoding, errOtherObject)
		o.unsettled = err
	}
	record, shares := w.templateRecord(ctx, e, shared, string(encoding), err)
	if shares != nil {
		o.foreign, o.platform = shares, nil
	}
	if o.job, o.store = w.update(ctx, e.job.ID, record); o.store != nil {
		o.job = j // it stays STARTING until the platform has been asked
	}
	return o
}

// templateRecord is how to record the end of a template's start; shares is set if something
// that all jobs of the batch share is to blame.
func (w *worker) templateRecord(ctx context.Context, e entry, shared provision.Shared, encoding string, err error) (record func(*job.Update) error, shares error) {
	now := w.now()
	if record = undecided(e, err, now); record != nil {
		return record, nil
	}
	switch {
	case err == nil:
		return func(u *job.Update) error { return u.TemplateAccepted(encoding, now) }, nil
	case errors.Is(err, errOtherObject):
		return func(u *job.Update) error { return u.StartUnknown(now) }, nil
	case !w.blames(ctx, e, shared, err):
		shares = vanishes(err)
	}
	if shares == nil || e.exhausted(err) {
		f, rules := failureOf(job.FailedConfigure, err, now), e.batch.rules(0)
		return func(u *job.Update) error { return u.StartRefused(f, rules, now) }, shares
	}
	return notMade("a storage of the batch has vanished at the platform", now), shares
}

// lookUp looks for the encoding of a template whose start was not answered. One that is there
// is looked at. One has not been started if it is still not there after the settle time,
// among all that was created meanwhile; a search by its name that finds nothing, or has no
// answer, proves nothing.
func (w *worker) lookUp(ctx context.Context, e entry) outcome {
	encoding, err := w.named(ctx, &e.job)
	if encoding != "" {
		return w.found(ctx, e, encoding)
	}
	if w.now().Sub(e.job.StepTime) < w.settle {
		return outcome{called: true, platform: err, unsettled: err} // the list may be behind, and the platform as well
	}
	encoding, asked, listErr := w.absent(ctx, &e.job)
	switch {
	case listErr != nil:
		return outcome{called: true, platform: listErr, unsettled: listErr}
	case encoding == "":
		return w.notStarted(ctx, e, asked)
	case err == nil && w.listing.usable(bitmovin.ParamName):
		w.listing.blame(ctx, job.ParameterMisses, nil, bitmovin.ParamName)
	}
	return w.found(ctx, e, encoding)
}

// corrected goes on with an encoding whose id is not the one that the answer to a template's
// start had told.
func (w *worker) corrected(ctx context.Context, e entry, encoding string) (o outcome) {
	o.called = true
	o.job, o.store = w.update(ctx, e.job.ID, func(u *job.Update) error {
		return u.TemplateCorrected(encoding, e.job.Attempt, w.now())
	})
	if o.store == nil {
		w.log.Warn("an encoding has another id than its start was answered with", "job", e.job.ID.String(), "encoding", encoding, "answered", e.job.EncodingID)
	}
	return o
}

// found goes on with the encoding that a template's unanswered start has made.
func (w *worker) found(ctx context.Context, e entry, encoding string) (o outcome) {
	o.called = true
	o.job, o.store = w.update(ctx, e.job.ID, func(u *job.Update) error {
		return u.TemplateFound(encoding, e.job.Attempt, w.now())
	})
	if o.store != nil {
		return o
	}
	e.job = o.job
	if o = w.look(ctx, e); o.job.Version == 0 {
		o.job = e.job
	}
	return o
}

// notStarted records that a template's start was not made: its encoding was not there when
// the platform was asked, zero if that is still to come.
func (w *worker) notStarted(ctx context.Context, e entry, asked time.Time) outcome {
	o := outcome{called: true}
	missing := asked.Sub(e.job.StepTime)
	if missing < w.settle {
		return o
	}
	if o.foreign = w.sameOrganisation(ctx, e, missing); o.foreign != nil {
		return o // it may be in the organisation it was started in
	}
	o.job, o.store = w.update(ctx, e.job.ID, func(u *job.Update) error {
		if u.Job.EncodingID != "" || u.Job.Attempt != e.job.Attempt {
			return job.ErrConflict
		}
		return u.StartNotMade("the start was not accepted", w.now())
	})
	return o
}

// setup is how long an encoding is being set up after its start, as far as that is known:
// one made from a template is CREATED and in no queue meanwhile.
func (d *driver) setup(e *entry) time.Duration {
	if d.templated(e.job.ID.Batch) {
		return d.pace.setup
	}
	return 0
}

// settingUp reports whether there is nothing new to be seen of an encoding yet.
func (d *driver) settingUp(e *entry, now time.Time) bool {
	return now.Before(e.job.StartTime.Add(d.setup(e)))
}

// lookUpNext is when to look for the encoding of an unanswered start again: soon, since
// most often it is there, and then when its absence proves something. Each look takes
// a call of a class that allows few.
func (d *driver) lookUpNext(kind taskKind, e *entry, now time.Time) time.Time {
	next, settled := now.Add(soon), e.job.StepTime.Add(d.settle)
	switch {
	case kind != taskLook:
		return next
	case settled.After(next):
		return settled
	}
	return now.Add(d.poll) // what was created since is being listed
}

// claimTemplate decides about an encoding of ours that was made from a template and
// belongs to no job: the one its name tells goes on with it, if it waits for an
// answer, or knows of no such attempt because the job table was restored from a backup.
func (w *worker) claimTemplate(ctx context.Context, e bitmovin.Encoding, id job.ID, attempt int) (claimed bool, err error) {
	j, err := w.store.Job(ctx, id)
	if errors.Is(err, job.ErrNotFound) {
		return false, nil
	}
	if err == nil && j.Attempt < attempt {
		j, err = w.catchUp(ctx, j)
	}
	if err != nil {
		return false, err
	}
	j, err = w.update(ctx, id, func(u *job.Update) error { return u.TemplateFound(string(e.ID), attempt, w.now()) })
	if err != nil || j.EncodingID != string(e.ID) {
		return false, err
	}
	w.log.Info("adopted an encoding", "job", id.String(), "encoding", j.EncodingID, "status", string(e.Status))
	return true, nil
}

// catchUp has a job see how its encoding ended, before it can go on with a later one.
func (w *worker) catchUp(ctx context.Context, j job.Job) (job.Job, error) {
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
	return w.record(ctx, entry{job: j, batch: &batch{read}}, observation(j.EncodingID, task))
}

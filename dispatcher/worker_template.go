package dispatcher

import (
	"context"
	"errors"
	"fmt"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// A template's job needs no configuring: one call creates its encoding and starts it. If the
// answer to that call is lost, there is no id by which to poll the encoding. So the
// encoding of each attempt has a name of its own, which is known before the call, and the
// platform is asked for that name before the call is repeated.

// startTemplate creates and starts an encoding from the batch's template in one call: it records
// the intent, makes the call, and records the result.
func (w *worker) startTemplate(ctx context.Context, t trackedJob) outcome {
	parsed, err := provision.ParseTemplate(t.batch.Template)
	var shared provision.Shared
	var secrets map[string]string
	if err == nil {
		var secretErr error
		if secrets, secretErr = w.provisioner.Secrets(parsed, &t.batch.Batch); secretErr != nil {
			return outcome{sharedErr: secretErr} // the batch waits until the service has the secret
		}
		if shared, err = w.provisioner.EnsureStorages(ctx, &t.batch.Batch, parsed, t.job.OutputPath); err != nil {
			return prepareOutcome(t, job.Job{}, nil, err)
		}
	}
	j, storeErr := w.updateJob(ctx, t.job.ID, func(u *job.Update) error { return u.BeginTemplateStart(w.now()) })
	if storeErr != nil {
		return outcome{storeErr: storeErr}
	}
	t.job = j
	text := ""
	if err == nil {
		text, err = w.provisioner.RenderTemplate(parsed, &t.batch.Batch, &t.job, shared, secrets)
	}
	if err != nil { // an earlier version, with other rules, has accepted the template
		f := job.Failure{Kind: job.FailedConfigure, Text: err.Error(), Time: w.now(), Permanent: true}
		j, storeErr = w.updateJob(ctx, j.ID, func(u *job.Update) error { return u.StartRefused(f, t.batch.rules(0), f.Time) })
		return outcome{job: j, storeErr: storeErr}
	}
	encoding, err := w.account.Client.StartTemplate(ctx, text, w.startPermit(ctx, t), hidden(secrets)...)
	o := callOutcome(err)
	if err == nil && w.belongsToJob(ctx, string(encoding)) {
		err = fmt.Errorf("start a template: encoding %s: %w", encoding, errOtherObject)
		o.inconclusive = err
	}
	record, sharedErr := w.templateStartUpdate(ctx, t, shared, string(encoding), err)
	if sharedErr != nil {
		o.sharedErr, o.callErr = sharedErr, nil
	}
	if o.job, o.storeErr = w.updateJob(ctx, t.job.ID, record); o.storeErr != nil {
		o.job = j // it stays STARTING until the platform has been asked
	}
	return o
}

// hidden lists the values of secrets for the client of the platform.
func hidden(secrets map[string]string) (list []bitmovin.Secret) {
	for _, value := range secrets {
		list = append(list, bitmovin.Secret(value))
	}
	return list
}

// templateStartUpdate is the update of a job whose start from a template ended with err. sharedErr
// is set if a resource that the batch's jobs share is missing.
func (w *worker) templateStartUpdate(ctx context.Context, t trackedJob, shared provision.Shared, encoding string, err error) (record func(*job.Update) error, sharedErr error) {
	now := w.now()
	if record = inconclusiveStartUpdate(t, err, now); record != nil {
		return record, nil
	}
	switch {
	case err == nil:
		return func(u *job.Update) error { return u.TemplateAccepted(encoding, now) }, nil
	case errors.Is(err, errOtherObject):
		return func(u *job.Update) error { return u.StartUnknown(now) }, nil
	case !w.isJobsFault(ctx, t, shared, err):
		sharedErr = sharedMissing(err)
	}
	if sharedErr == nil || t.exceedsTolerance(err) {
		f, rules := newFailure(job.FailedConfigure, err, now), t.batch.rules(0)
		return func(u *job.Update) error { return u.StartRefused(f, rules, now) }, sharedErr
	}
	return notMadeUpdate("a storage of the batch is missing at the platform", now), sharedErr
}

package dispatcher

import (
	"context"
	"errors"
	"fmt"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// prepare configures an encoding for a waiting job, so that a free place in the
// queue costs one call.
func (w *worker) prepare(ctx context.Context, e trackedJob) outcome {
	if ctx.Err() != nil {
		return outcome{}
	}
	shared, err := w.provisioner.EnsureShared(ctx, &e.batch.Batch)
	if err != nil {
		return w.handleSharedError(ctx, e, err)
	}
	j, storeErr := w.updateJob(ctx, e.job.ID, func(u *job.Update) error { return u.BeginCreate(w.now()) })
	if storeErr != nil {
		return outcome{storeErr: storeErr}
	}
	e.job = j
	encoding, manifests, err := w.configure(ctx, e, shared)
	defer w.underConfiguration.Delete(encoding) // once it is recorded
	now := w.now()
	switch {
	case err == nil:
		j, storeErr = w.updateJob(ctx, j.ID, func(u *job.Update) error {
			return u.Configured(encoding, manifests, now)
		})
	case w.isJobsFault(ctx, e, shared, err), e.toleranceExceeded(err):
		f, rules := newFailure(job.FailedConfigure, err, now), e.batch.rules(0)
		j, storeErr = w.updateJob(ctx, j.ID, func(u *job.Update) error {
			return u.ConfigureRefused(encoding, f, rules, now)
		})
		if e.toleranceExceeded(err) {
			err = sharedMissingError(err) // the others of the batch will not fare better
		}
	default:
		j, storeErr = w.updateJob(ctx, j.ID, func(u *job.Update) error {
			return u.CreateAbandoned(encoding, now)
		})
		if e.isAnswer(err) {
			err = sharedMissingError(err)
		}
	}
	return prepareOutcome(e, j, storeErr, err)
}

// sharedMissingError is that something was refused because what the batch's jobs share is not there.
func sharedMissingError(err error) error {
	return provision.SharedError{Err: fmt.Errorf("%w: %w", errSharedMissing, err)}
}

// toleranceExceeded reports whether a refusal counts as the job's failure although something that
// its batch shares has vanished: that has happened again and again, however often it was
// made anew.
func (e *trackedJob) toleranceExceeded(err error) bool {
	return e.batchFailures >= sharedFailuresTolerated && e.isAnswer(err) && !bitmovin.Unauthorized(err)
}

// handleSharedError handles that something that all jobs of a batch use cannot be had. A part
// of the recipe that the platform refuses is the job's trouble, any other is not.
func (w *worker) handleSharedError(ctx context.Context, e trackedJob, err error) outcome {
	if _, common := errors.AsType[provision.SharedError](err); common || !e.isAnswer(err) {
		return prepareOutcome(e, job.Job{}, nil, err)
	}
	now := w.now()
	f, rules := newFailure(job.FailedConfigure, err, now), e.batch.rules(0)
	j, storeErr := w.updateJob(ctx, e.job.ID, func(u *job.Update) error { return u.ConfigureRefused("", f, rules, now) })
	return prepareOutcome(e, j, storeErr, err)
}

// isAnswer reports whether err is the platform's word on what was asked of it, rather
// than trouble on the way there or with the account.
func (e *trackedJob) isAnswer(err error) bool {
	if bitmovin.Unauthorized(err) {
		return e.forbiddenCount >= maxForbidden
	}
	return !bitmovin.Outage(err)
}

// prepareOutcome sorts out whose trouble err is.
func prepareOutcome(e trackedJob, j job.Job, storeErr, err error) outcome {
	o := outcome{job: j, storeErr: storeErr, called: true, callErr: err}
	if shared, ok := errors.AsType[provision.SharedError](err); ok && e.isAnswer(err) {
		o.sharedErr, o.callErr = shared, nil
	}
	return o
}

// isJobsFault reports whether a refused configuration is the job's fault: not if the
// platform is out of order, and not if something that all jobs share has vanished there.
func (w *worker) isJobsFault(ctx context.Context, e trackedJob, shared provision.Shared, err error) bool {
	if !e.isAnswer(err) {
		return false
	}
	return bitmovin.Unauthorized(err) || w.provisioner.Verify(ctx, shared)
}

// configure creates an encoding and adds its parts. On an error it returns the encoding as
// far as it got.
func (w *worker) configure(ctx context.Context, e trackedJob, shared provision.Shared) (string, []job.ManifestRef, error) {
	encoding, err := w.provisioner.CreateEncoding(ctx, e.batch.Recipe, &e.job)
	if err != nil {
		return "", nil, err
	}
	if err := w.reserve(ctx, string(encoding)); err != nil {
		return "", nil, err
	}
	manifests, err := w.provisioner.Configure(ctx, encoding, e.batch.Recipe, &e.job, shared)
	return string(encoding), manifests, err
}

// reserve is an error if an encoding that is said to have been created just now has been
// there before, for another job. It notes that the encoding is being configured.
func (w *worker) reserve(ctx context.Context, id string) error {
	if _, making := w.underConfiguration.LoadOrStore(id, true); making {
		return fmt.Errorf("create encoding %s: %w", id, errOtherObject)
	}
	if w.belongsToJob(ctx, id) {
		w.underConfiguration.Delete(id)
		return fmt.Errorf("create encoding %s: %w", id, errOtherObject)
	}
	return nil
}

package dispatcher

import (
	"context"
	"errors"
	"fmt"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// prepare configures an encoding for a waiting job, so that filling a free place in the queue
// takes one call.
func (w *worker) prepare(ctx context.Context, t trackedJob) outcome {
	if ctx.Err() != nil {
		return outcome{}
	}
	shared, err := w.provisioner.EnsureShared(ctx, &t.batch.Batch, t.job.OutputPath)
	if err != nil {
		return w.handleSharedError(ctx, t, err)
	}
	unrecorded, _ := w.unrecorded.Load(t.job.ID)
	j, storeErr := w.updateJob(ctx, t.job.ID, func(u *job.Update) error {
		if err := u.BeginCreate(w.now()); err != nil {
			return err
		}
		u.Orphan, _ = unrecorded.(string) // the job has no encoding, so nothing needs that one
		return nil
	})
	if storeErr == nil || errors.Is(storeErr, job.ErrConflict) { // it is an orphan, or the job's own
		w.unrecorded.Delete(t.job.ID)
	}
	if storeErr != nil {
		return outcome{storeErr: storeErr}
	}
	t.job = j
	encoding, manifests, err := w.configure(ctx, t, shared)
	defer w.underConfiguration.Delete(encoding) // once it is recorded
	now := w.now()
	switch {
	case err == nil:
		j, storeErr = w.updateJob(ctx, j.ID, func(u *job.Update) error {
			return u.Configured(encoding, manifests, now)
		})
	case w.isJobsFault(ctx, t, shared, err), t.exceedsTolerance(err):
		f, rules := newFailure(job.FailedConfigure, err, now), t.batch.rules(0)
		j, storeErr = w.updateJob(ctx, j.ID, func(u *job.Update) error {
			return u.ConfigureRefused(encoding, f, rules, now)
		})
		if t.exceedsTolerance(err) {
			err = sharedMissing(err) // the other jobs of the batch will not fare better
		}
	default:
		j, storeErr = w.updateJob(ctx, j.ID, func(u *job.Update) error {
			return u.CreateAbandoned(encoding, now)
		})
		if t.isAnswer(err) {
			err = sharedMissing(err)
		}
	}
	if storeErr != nil && encoding != "" {
		w.unrecorded.Store(t.job.ID, encoding)
	}
	return prepareOutcome(t, j, storeErr, err)
}

// ensureShared finds or creates what the jobs of a batch with a recipe share.
func (w *worker) ensureShared(ctx context.Context, b *batch) error {
	_, err := w.provisioner.EnsureShared(ctx, &b.Batch, "")
	return err
}

// configure creates an encoding and adds its parts. After an error the returned id is that of the
// incomplete encoding, or empty. The next driver looks for encodings that its job table does not know when it takes
// over: one that is created later, by a call that has waited for its budget, would be left at the platform until a sweep.
func (w *worker) configure(ctx context.Context, t trackedJob, shared provision.Shared) (string, []job.ManifestRef, error) {
	encoding, err := w.provisioner.CreateEncoding(ctx, t.batch.Recipe, &t.job, w.store.Trusted)
	if err != nil {
		return "", nil, err
	}
	if err := w.reserve(ctx, string(encoding)); err != nil {
		return "", nil, err
	}
	manifests, err := w.provisioner.Configure(ctx, encoding, t.batch.Recipe, &t.job, shared)
	return string(encoding), manifests, err
}

// reserve records that an encoding is being configured. It returns an error if the platform
// answered a create call with the id of another job's encoding.
func (w *worker) reserve(ctx context.Context, id string) error {
	if _, taken := w.underConfiguration.LoadOrStore(id, true); taken {
		return fmt.Errorf("create encoding %s: %w", id, errOtherObject)
	}
	if w.belongsToJob(ctx, id) {
		w.underConfiguration.Delete(id)
		return fmt.Errorf("create encoding %s: %w", id, errOtherObject)
	}
	return nil
}

// handleSharedError records that a resource cannot be used that the jobs of the batch share. A
// codec configuration that the platform refuses is the job's failure; anything else is not.
func (w *worker) handleSharedError(ctx context.Context, t trackedJob, err error) outcome {
	if _, shared := errors.AsType[provision.SharedError](err); shared || !t.isAnswer(err) {
		return prepareOutcome(t, job.Job{}, nil, err)
	}
	now := w.now()
	f, rules := newFailure(job.FailedConfigure, err, now), t.batch.rules(0)
	j, storeErr := w.updateJob(ctx, t.job.ID, func(u *job.Update) error { return u.ConfigureRefused("", f, rules, now) })
	return prepareOutcome(t, j, storeErr, err)
}

// isJobsFault reports whether a refused call is the job's fault. It is not in an outage, nor if a
// shared resource is missing at the platform.
func (w *worker) isJobsFault(ctx context.Context, t trackedJob, shared provision.Shared, err error) bool {
	if !t.isAnswer(err) {
		return false
	}
	return bitmovin.Unauthorized(err) || w.provisioner.Verify(ctx, shared)
}

// sharedMissing is the error of a call that was refused because a shared resource is missing.
func sharedMissing(err error) error {
	return provision.SharedError{Err: fmt.Errorf("%w: %w", errSharedMissing, err)}
}

// prepareOutcome is the outcome of configuring a job, or of starting one from a template.
func prepareOutcome(t trackedJob, j job.Job, storeErr, err error) outcome {
	o := callOutcome(err)
	o.job, o.storeErr = j, storeErr
	if shared, ok := errors.AsType[provision.SharedError](err); ok && t.isAnswer(err) {
		o.sharedErr, o.callErr = shared, nil
	}
	return o
}

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
func (w *worker) prepare(ctx context.Context, e entry) outcome {
	if ctx.Err() != nil {
		return outcome{}
	}
	shared, err := w.provisioner.EnsureShared(ctx, &e.batch.Batch)
	if err != nil {
		return w.unshared(ctx, e, err)
	}
	j, storeErr := w.update(ctx, e.job.ID, func(u *job.Update) error { return u.BeginCreate(w.now()) })
	if storeErr != nil {
		return outcome{store: storeErr}
	}
	e.job = j
	encoding, manifests, err := w.configure(ctx, e, shared)
	defer w.making.Delete(encoding) // once it is recorded
	now := w.now()
	switch {
	case err == nil:
		j, storeErr = w.update(ctx, j.ID, func(u *job.Update) error {
			return u.Configured(encoding, manifests, now)
		})
	case w.blames(ctx, e, shared, err), e.exhausted(err):
		f, rules := failureOf(job.FailedConfigure, err, now), e.batch.rules(0)
		j, storeErr = w.update(ctx, j.ID, func(u *job.Update) error {
			return u.ConfigureRefused(encoding, f, rules, now)
		})
		if e.exhausted(err) {
			err = vanishes(err) // the others of the batch will not fare better
		}
	default:
		j, storeErr = w.update(ctx, j.ID, func(u *job.Update) error {
			return u.CreateAbandoned(encoding, now)
		})
		if e.answered(err) {
			err = vanishes(err)
		}
	}
	return prepared(e, j, storeErr, err)
}

// vanishes is that something was refused because what the batch's jobs share is not there.
func vanishes(err error) error {
	return provision.SharedError{Err: fmt.Errorf("%w: %w", errVanishes, err)}
}

// exhausted reports whether a refusal counts as the job's failure although something that
// its batch shares has vanished: that has happened again and again, however often it was
// made anew.
func (e *entry) exhausted(err error) bool {
	return e.setbacks >= tolerated && e.answered(err) && !bitmovin.Unauthorized(err)
}

// unshared handles that something that all jobs of a batch use cannot be had. A part
// of the recipe that the platform refuses is the job's trouble, any other is not.
func (w *worker) unshared(ctx context.Context, e entry, err error) outcome {
	if _, common := errors.AsType[provision.SharedError](err); common || !e.answered(err) {
		return prepared(e, job.Job{}, nil, err)
	}
	now := w.now()
	f, rules := failureOf(job.FailedConfigure, err, now), e.batch.rules(0)
	j, storeErr := w.update(ctx, e.job.ID, func(u *job.Update) error { return u.ConfigureRefused("", f, rules, now) })
	return prepared(e, j, storeErr, err)
}

// answered reports whether err is the platform's word on what was asked of it, rather
// than trouble on the way there or with the account.
func (e *entry) answered(err error) bool {
	if bitmovin.Unauthorized(err) {
		return e.forbidden >= patience
	}
	return !bitmovin.Outage(err)
}

// prepared sorts out whose trouble err is.
func prepared(e entry, j job.Job, storeErr, err error) outcome {
	o := outcome{job: j, store: storeErr, called: true, platform: err}
	if shared, ok := errors.AsType[provision.SharedError](err); ok && e.answered(err) {
		o.foreign, o.platform = shared, nil
	}
	return o
}

// blames reports whether a refused configuration is the job's fault: not if the
// platform is out of order, and not if something that all jobs share has vanished there.
func (w *worker) blames(ctx context.Context, e entry, shared provision.Shared, err error) bool {
	if !e.answered(err) {
		return false
	}
	return bitmovin.Unauthorized(err) || w.provisioner.Verify(ctx, shared)
}

// configure creates an encoding and adds its parts. On an error it returns the encoding as
// far as it got.
func (w *worker) configure(ctx context.Context, e entry, shared provision.Shared) (string, []job.ManifestRef, error) {
	encoding, err := w.provisioner.CreateEncoding(ctx, e.batch.Recipe, &e.job)
	if err != nil {
		return "", nil, err
	}
	if err := w.unclaimed(ctx, string(encoding)); err != nil {
		return "", nil, err
	}
	manifests, err := w.provisioner.Configure(ctx, encoding, e.batch.Recipe, &e.job, shared)
	return string(encoding), manifests, err
}

// unclaimed is an error if an encoding that is said to have been created just now has been
// there before, for another job. It notes that the encoding is being configured.
func (w *worker) unclaimed(ctx context.Context, id string) error {
	if _, making := w.making.LoadOrStore(id, true); making {
		return fmt.Errorf("create encoding %s: %w", id, errOtherObject)
	}
	if w.another(ctx, id) {
		w.making.Delete(id)
		return fmt.Errorf("create encoding %s: %w", id, errOtherObject)
	}
	return nil
}

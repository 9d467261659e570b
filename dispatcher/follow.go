package dispatcher

import (
	"context"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// look asks the platform how a job's encoding stands and records it.
func (d *driver) look(ctx context.Context, e entry) outcome {
	if e.job.EncodingID == "" {
		return d.lookUp(ctx, e)
	}
	task, err := d.account.Client.Status(ctx, bitmovin.EncodingID(e.job.EncodingID))
	o := outcome{called: true, platform: err, eta: task.ETA()}
	if e.batch.Template != nil && !task.QueuedAt.IsZero() && !task.CreatedAt.IsZero() {
		o.setup = task.QueuedAt.Sub(task.CreatedAt.Time)
	}
	seen := observation(e.job.EncodingID, task)
	if bitmovin.NotFound(err) {
		o.missing = true
		certain, err := d.vanished(ctx, e)
		if !certain {
			o.foreign = err
			return o
		}
		seen.Status = job.RemoteGone
	} else if err != nil {
		return o
	}
	o.job, o.store = d.record(ctx, e, seen)
	return o
}

// record applies an observation to a job. What would change nothing is not written.
func (d *driver) record(ctx context.Context, e entry, seen job.Observation) (job.Job, error) {
	rules, now := d.rules(e.batch, d.settle), d.now()
	try := job.NewUpdate(e.job)
	if err := try.Observe(seen, rules, now); err == nil && !try.Changed() {
		return e.job, nil
	}
	return d.update(ctx, e.job.ID, func(u *job.Update) error { return u.Observe(seen, rules, now) })
}

// update changes a job. What happened at the platform has happened: it is
// recorded even if ctx has ended meanwhile.
func (d *driver) update(ctx context.Context, id job.ID, f func(*job.Update) error) (job.Job, error) {
	return d.store.UpdateJob(context.WithoutCancel(ctx), id, d.now(), f)
}

// observation translates the platform's answer.
func observation(encodingID string, t bitmovin.Task) job.Observation {
	o := job.Observation{
		EncodingID: encodingID,
		Status:     job.Remote(t.Status),
		Progress:   int(t.Progress),
		QueuedAt:   t.QueuedAt.Time,
		RunningAt:  t.RunningAt.Time,
		FinishedAt: t.FinishedAt.Time,
		Messages:   t.ErrorTexts(),
	}
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

// stop asks the platform to stop a job's encoding. Whether it did is for the
// next look to tell.
func (d *driver) stop(ctx context.Context, e entry) outcome {
	j, err := d.update(ctx, e.job.ID, func(u *job.Update) error { return u.BeginStop(d.now()) })
	if err != nil {
		return outcome{store: err}
	}
	err = d.account.Client.StopEncoding(ctx, bitmovin.EncodingID(j.EncodingID))
	return outcome{job: j, called: true, platform: err}
}

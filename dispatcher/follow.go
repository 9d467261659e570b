package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// soon is when to look again at something that is expected to change at once.
const soon = time.Second

// look asks the platform how a job's encoding stands and records it.
func (d *driver) look(ctx context.Context, e entry) outcome {
	task, err := d.account.Client.Status(ctx, bitmovin.EncodingID(e.job.EncodingID))
	o := outcome{called: true, platform: err, eta: task.ETA()}
	seen := observation(e.job.EncodingID, task)
	if bitmovin.NotFound(err) {
		o.missing = true
		if e.goneSince.IsZero() || time.Since(e.goneSince) < d.settle {
			return o // perhaps only a replica that does not know it yet
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
	rules, now := e.batch.rules(d.settle), time.Now()
	try := job.NewUpdate(e.job)
	if err := try.Observe(seen, rules, now); err == nil && !try.Changed() {
		return e.job, nil
	}
	return d.update(ctx, e.job.ID, func(u *job.Update) error { return u.Observe(seen, rules, now) })
}

// update changes a job. What happened at the platform has happened: it is
// recorded even if ctx has ended meanwhile.
func (d *driver) update(ctx context.Context, id job.ID, f func(*job.Update) error) (job.Job, error) {
	return d.store.UpdateJob(context.WithoutCancel(ctx), id, time.Now(), f)
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

// schedule decides when to look at a job again.
func (d *driver) schedule(kind taskKind, e *entry, o outcome, now time.Time) {
	if kind == taskLook {
		e.looked = now
		switch {
		case !o.missing:
			e.goneSince = time.Time{}
		case e.goneSince.IsZero():
			e.goneSince = now
		}
	}
	switch {
	case e.failures > 0:
		e.look = e.notBefore
	case e.job.Step == job.StepStart, e.goneSince == now:
		e.look = now.Add(soon)
	case e.job.State == job.Cancelling:
		e.look = now.Add(soon)
	case e.job.State == job.Running && o.eta > 0:
		e.look = now.Add(min(max(o.eta*9/10, soon/2), d.poll))
	default:
		e.look = now.Add(d.poll)
	}
}

// nudge has the head of our queue looked at: an encoder became free, so that it
// has probably been taken.
func (d *driver) nudge(now time.Time) {
	if head := d.head(); head != nil && head.look.After(now) {
		head.look = now
	}
}

// head is our job that the platform takes next: the highest priority, then the
// first that was queued.
func (d *driver) head() *entry {
	var head *entry
	for _, e := range d.live {
		if e.job.State == job.Queued && (head == nil || d.before(&e.job, &head.job)) {
			head = e
		}
	}
	return head
}

func (d *driver) before(a, b *job.Job) bool {
	if pa, pb := d.priority(a.ID.Batch), d.priority(b.ID.Batch); pa != pb {
		return pa > pb
	}
	if !a.StartTime.Equal(b.StartTime) {
		return a.StartTime.Before(b.StartTime)
	}
	return a.ID.Number < b.ID.Number
}

// watchHead keeps an eye on the head of our queue: when it goes, there is a free
// place. The others go after it.
func (d *driver) watchHead(now time.Time) {
	head := d.head()
	if head == nil {
		return
	}
	if next := head.looked.Add(soon); next.Before(head.look) {
		head.look = next
		if head.looked.IsZero() {
			head.look = now.Add(soon)
			head.looked = now
		}
	}
}

// stop asks the platform to stop a job's encoding. Whether it did is for the
// next look to tell.
func (d *driver) stop(ctx context.Context, e entry) outcome {
	j, err := d.update(ctx, e.job.ID, func(u *job.Update) error { return u.BeginStop(time.Now()) })
	if err != nil {
		return outcome{store: err}
	}
	err = d.account.Client.StopEncoding(ctx, bitmovin.EncodingID(j.EncodingID))
	return outcome{job: j, called: true, platform: err}
}

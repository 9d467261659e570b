package dispatcher

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// Tracer follows what is done for jobs.
type Tracer interface {
	// StartTask begins a task of a kind, such as start, for a job. end is called when it has ended.
	StartTask(ctx context.Context, kind string, b *job.Batch, j *job.Job) (_ context.Context, end func(error))
	// EndAttempt is told of each attempt that has ended, and when that was seen.
	EndAttempt(b *job.Batch, j *job.Job, end time.Time)
}

// traced reports whether tasks of a kind are followed: those that change something at the platform. Polls are
// made all the time.
func (k taskKind) traced() bool {
	return k == taskPrepare || k == taskStart || k == taskStop || k == taskReprioritize
}

// taskTraces tells a Tracer, if there is one, of the tasks of jobs.
type taskTraces struct{ tracer Tracer }

// follow makes the calls of a job's task known by the call that submitted its batch, and traces the task.
func (x taskTraces) follow(ctx context.Context, kind taskKind, t *trackedJob) (_ context.Context, end func(outcome)) {
	if id := t.batch.CallID; id != "" {
		ctx = bitmovin.WithRequestID(ctx, id+"."+strconv.FormatInt(t.job.ID.Number, 10))
	}
	if x.tracer == nil || !kind.traced() {
		return ctx, func(outcome) {}
	}
	ctx, endSpan := x.tracer.StartTask(ctx, kind.String(), &t.batch.Batch, &t.job)
	return ctx, func(o outcome) { endSpan(cmp.Or(o.callErr, o.sharedErr, o.storeErr)) }
}

// noteAttempt traces the attempt that a task has seen to end.
func (x taskTraces) noteAttempt(r taskResult) {
	j := &r.tracked.job
	if x.tracer != nil && r.before.State.OnPlatform() && !j.State.OnPlatform() && !j.StartTime.IsZero() {
		x.tracer.EndAttempt(&r.tracked.batch.Batch, j, r.now)
	}
}

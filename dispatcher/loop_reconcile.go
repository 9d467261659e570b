package dispatcher

import (
	"context"
	"maps"
	"time"

	"github.com/stokerd/stoker/job"
)

// sweepRetryPause is the pause after a failed sweep.
const sweepRetryPause = time.Minute

// spawnReconcile compares the platform with the job table. A process does so once, and repeats it
// until it has succeeded.
func (l *accountLoop) spawnReconcile(ctx context.Context) {
	r := &l.reconciliation
	r.tries++
	began, prepared, try := l.now(), l.jobs.preparedEncodings(), r.tries
	maps.DeleteFunc(prepared, func(encoding string, _ job.ID) bool { return !r.inherited[encoding] })
	l.tasks.spawn(taskReconcile, func() func() {
		err := l.worker.reconcile(ctx, prepared, try)
		return func() { l.applySweep(taskReconcile, began, err) }
	})
}

// spawnSweep looks for orphans.
func (l *accountLoop) spawnSweep(ctx context.Context) {
	began, from := l.now(), l.reconciliation.sweepFrom
	l.tasks.spawn(taskSweep, func() func() {
		err := l.worker.sweep(ctx, from, began.Add(-minOrphanAge))
		return func() { l.applySweep(taskSweep, began, err) }
	})
}

// applySweep records how a reconciliation or a sweep ended.
func (l *accountLoop) applySweep(kind taskKind, began time.Time, err error) {
	now, r := l.now(), &l.reconciliation
	again := l.finishAccountTask(kind, err, now)
	if err != nil {
		l.log.Info("cannot reconcile or sweep the account", "task", kind.String(), "err", err)
		r.due = now.Add(sweepRetryPause)
		if !r.done {
			r.err, r.due = err, again
		}
		return
	}
	r.finish(began, now)
	l.outdated.inFlight, l.outdated.nextJobs, l.outdated.orphans = true, true, true
}

// spawnConfirm asks the platform whether a waiting job has been started without the job table
// knowing.
func (l *accountLoop) spawnConfirm(ctx context.Context, id job.ID, now time.Time) {
	reference, ok := l.jobs.findReference()
	j := l.line.find(id)
	name := l.jobs.nextEncodingName(&j)
	l.spawnJobTask(ctx, taskConfirm, id, now, func(ctx context.Context, t trackedJob) outcome {
		o := l.worker.confirmNotStarted(ctx, t, name, reference, ok)
		o.confirmation.name = name
		return o
	})
}

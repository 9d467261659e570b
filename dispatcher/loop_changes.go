package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/job"
)

// spawnListChanges lists the encodings that encoders have taken last, or those that have ended last.
func (l *accountLoop) spawnListChanges(ctx context.Context, kind taskKind, now time.Time) {
	read := l.worker.encodings.listTaken
	if kind == taskListEnded {
		after := l.polls.changes.endsSince(now)
		read = func(ctx context.Context) (encodingsSeen, error) { return l.worker.encodings.listEnded(ctx, after) }
	}
	l.tasks.spawn(kind, func() func() {
		list, err := read(ctx)
		return func() { l.applyChanges(ctx, kind, list, err) }
	})
}

// applyChanges records the changes that a list shows. Why an encoding has failed is not in a list: it is
// polled.
func (l *accountLoop) applyChanges(ctx context.Context, kind taskKind, list encodingsSeen, err error) {
	now, changes := l.now(), 0
	l.polls.changes.noteListed(kind, list.time, l.finishAccountTask(kind, err, now))
	if err != nil {
		l.log.Info("cannot list the encodings that have changed", "err", err)
		return
	}
	for id, seen := range list.encodings {
		l.polls.changes.noteEnd(seen.FinishedAt)
		t := l.jobs.index.byEncoding[id]
		if t == nil || !t.job.UpdateTime.Before(list.time) || !t.isPredictable() {
			continue
		}
		queued, running := t.job.State == job.Queued, t.job.State == job.Running
		switch {
		case queued && seen.Status == job.RemoteRunning, (queued || running) && seen.Status == job.RemoteFinished:
			changes++
			if t.task == taskNone {
				l.spawnRecord(ctx, t.job.ID, seen, list.time, now)
			}
		case (queued || running) && !seen.FinishedAt.IsZero():
			changes++
			l.polls.pollSingly(t, now)
		}
	}
	l.polls.changes.noteChanges(kind, changes)
	if kind == taskListTaken && changes == 0 { // does the list miss what there is?
		for _, head := range l.jobs.nextQueued(minListChanges) {
			l.polls.pollSingly(head, now)
		}
	}
}

// spawnRecord records what a list shows of a job's encoding.
func (l *accountLoop) spawnRecord(ctx context.Context, id job.ID, seen job.Observation, listed, now time.Time) {
	l.spawnJobTask(ctx, taskRecord, id, now, func(ctx context.Context, t trackedJob) outcome {
		j, err := l.worker.recordObservation(ctx, t, seen)
		return outcome{job: j, storeErr: err, remaining: remaining{byProgress: estimateRemaining(seen, listed)}, finishTime: seen.FinishedAt}
	})
}

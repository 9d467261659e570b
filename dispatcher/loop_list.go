package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// listPageSpacing is the time to allow for each page, so that listing what runs takes less than
// half of the list calls that all users of the API key share.
const listPageSpacing = 2500 * time.Millisecond

// spawnList lists our running encodings: one call shows the progress of a hundred, and an
// encoding that is missing from the list has ended. Where the platform cannot list by
// status, each of them is polled instead.
func (l *accountLoop) spawnList(ctx context.Context) {
	if !l.worker.encodings.usable(bitmovin.ParamStatus) {
		l.listDue = l.polls.pollRunning(l.now())
		return
	}
	l.tasks.spawn(taskList, func() func() {
		list, err := l.worker.listRunning(ctx)
		return func() { l.applyList(ctx, list, err) }
	})
}

// applyList records the progress that a list shows, and polls what is missing from it.
func (l *accountLoop) applyList(ctx context.Context, list runningList, err error) {
	now := l.now()
	again := l.finishAccountTask(taskList, err, now)
	l.listDue = later(again, now.Add(max(l.pollInterval, time.Duration(1+list.length/pageSize)*listPageSpacing)))
	if err != nil {
		l.log.Warn("cannot list what runs", "err", err)
		return
	}
	for id, t := range l.jobs.tracked {
		if !t.job.UpdateTime.Before(list.time) {
			continue // the list may show a run before the latest start
		}
		seen, listed := list.running[t.job.EncodingID]
		if listed {
			t.unlistedCount = 0
		}
		switch {
		case listed && t.task == taskNone && t.job.State.OnPlatform() && (t.job.State != job.Running || seen.Progress > t.job.Progress):
			l.spawnJobTask(ctx, taskRecord, id, now, func(ctx context.Context, t trackedJob) outcome {
				j, err := l.worker.recordObservation(ctx, t, seen)
				return outcome{job: j, storeErr: err, eta: estimateRemaining(seen, list.time)}
			})
		case !listed && t.job.State == job.Running && !t.hasUnknownStatus():
			t.pollIfUnlisted(now)
		}
	}
}

// spawnWalk walks the whole list, looking for all encodings of tracked jobs.
func (l *accountLoop) spawnWalk(ctx context.Context, now time.Time) {
	w := listWalk{began: now, wanted: map[string]bool{}, ids: map[string]bool{}, names: map[string]string{}}
	for _, t := range l.jobs.tracked {
		if t.job.EncodingID != "" {
			w.wanted[t.job.EncodingID] = true
		}
		if l.jobs.hasTemplate(t.job.ID.Batch) {
			w.wanted[provision.AttemptName(&t.job)] = true
		}
	}
	ctx, l.walks.cancel = context.WithCancelCause(ctx)
	l.tasks.spawn(taskWalk, func() func() {
		err := l.worker.walkList(ctx, &w)
		return func() { l.applyWalk(w, err) }
	})
}

// applyWalk takes over a walk, and polls the encodings about which it proves something.
func (l *accountLoop) applyWalk(w listWalk, err error) {
	now := l.now()
	l.walks.cancel(nil)
	l.noteCall(taskWalk, "", err, now)
	if err == nil {
		err = w.check(l.jobs.tracked, l.worker.settle)
	}
	again := l.retries.note(taskWalk, err, now)
	l.walks.due = later(again, now.Add(max(minWalkPause, now.Sub(w.began))))
	if err != nil {
		l.log.Warn("cannot walk the list of encodings to see whether one is missing", "err", err)
		return
	}
	l.walks.last = w
	for _, t := range l.jobs.tracked {
		if w.evidenceFor(t, l.worker.settle) != evidenceNone && t.nextPoll.After(now) {
			t.nextPoll = now
		}
	}
}

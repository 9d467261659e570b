package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/internal/provision"
)

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
		l.log.Info("cannot walk the list of encodings to see whether one is missing", "err", err)
		return
	}
	l.walks.last = w
	for _, t := range l.jobs.tracked {
		if w.evidenceFor(t, l.worker.settle) != evidenceNone && t.nextPoll.After(now) {
			l.polls.pollAt(t, now)
		}
	}
}

package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
)

// orphanDeletion is the state of the deletion of an orphan.
type orphanDeletion struct {
	task      taskKind
	notBefore time.Time
	failures  int
}

// spawnDelete deletes an orphan.
func (l *accountLoop) spawnDelete(ctx context.Context, id string) {
	l.orphans[id].task = taskDelete
	l.tasks.spawn(taskDelete, func() func() {
		err := l.worker.deleteOrphan(ctx, id)
		return func() { l.applyDelete(id, err) }
	})
}

// applyDelete records how the deletion of an orphan ended.
func (l *accountLoop) applyDelete(id string, err error) {
	now := l.now()
	// Nothing depends on the deletion, so that a 403 must not open the breaker: a key may have the
	// right to encode, and not the right to move or delete encodings. If it has no rights at
	// all, other calls show it.
	if !bitmovin.Forbidden(err) {
		l.noteCall(taskDelete, id, err, now)
	}
	if err == nil {
		delete(l.orphans, id)
		readMoreOrphans(l)
		return
	}
	o := l.orphans[id]
	o.task = taskNone
	o.failures++
	l.retries.total[taskDelete]++
	o.notBefore = now.Add(growingPause(firstSkipPause, o.failures, maxDeletePause))
	l.log.Info("cannot delete an orphan; it is tried again", "encoding", id, "err", err)
	readMoreOrphans(l)
}

// readMoreOrphans has more orphans be read, if there are more, once each of those that were read has been tried.
func readMoreOrphans(l *accountLoop) {
	if !l.moreOrphans {
		return
	}
	for _, o := range l.orphans {
		if o.failures == 0 {
			return
		}
	}
	l.outdated.orphans = true
}

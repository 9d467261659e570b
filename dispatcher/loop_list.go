package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// listPageSpacing is the time to allow for each page, so that listing the running encodings takes
// less than half of the list calls that all users of the API key share.
const listPageSpacing = 2500 * time.Millisecond

// spawnList lists our running encodings: one call shows the progress of a hundred, and an
// encoding that is missing from the list has probably ended. Where the platform cannot list by
// status, each running encoding is polled instead.
func (l *accountLoop) spawnList(ctx context.Context) {
	if !l.worker.encodings.usable(bitmovin.ParamStatus) {
		l.listDue = l.polls.pollRunning(l.now())
		return
	}
	pause := time.Duration(0)
	if l.polls.changes.inUse { // lists of changes must not wait for it
		pause = listPageSpacing
	}
	l.tasks.spawn(taskList, func() func() {
		list, err := l.worker.listRunning(ctx, pause)
		return func() { l.applyList(ctx, list, err) }
	})
}

// applyList records the progress that a list shows, and polls the running encodings that the list
// lacks.
func (l *accountLoop) applyList(ctx context.Context, list runningList, err error) {
	now := l.now()
	again := l.finishAccountTask(taskList, err, now)
	spacing := listPageSpacing
	if l.polls.changes.inUse { // changes are listed as well
		spacing *= 2
	}
	l.listDue = later(again, now.Add(max(sharedInterval(l.pollInterval, l.worker.account.Client, listShare), time.Duration(1+list.length/pageSize)*spacing)))
	if err != nil {
		l.log.Info("cannot list the running encodings", "err", err)
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
			l.spawnRecord(ctx, id, seen, list.time, now)
		case !listed && t.job.State == job.Running && !t.hasUnknownStatus():
			t.pollIfUnlisted(now)
			l.jobs.refresh(t)
		}
	}
}

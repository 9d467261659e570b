package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

const (
	// pageSize is how many encodings one call lists.
	pageSize = 100
	// listPageSpacing is the time to allow for each page, so that listing what runs takes
	// less than half of the calls that all users of the key share.
	listPageSpacing = 2500 * time.Millisecond
	// pollSpacing is the same for looks at single encodings.
	pollSpacing = 25 * time.Millisecond
)

// runningList is what one pass over the running encodings showed.
type runningList struct {
	time    time.Time // before the first call
	running map[string]job.Observation
	length  int
}

// spawnList lists our running encodings: one call tells the progress of a hundred,
// and who is missing from the list has ended. Where the platform cannot list by status,
// each of them is looked at instead.
func (d *accountLoop) spawnList(ctx context.Context) {
	if !d.worker.encodings.usable(bitmovin.ParamStatus) {
		d.pollRunning(d.now())
		return
	}
	d.busy[taskList]++
	d.runTask(func() func() {
		l, err := d.worker.listRunning(ctx)
		return func() { d.applyList(ctx, l, err) }
	})
}

// pollRunning has all that runs looked at, in less than half of the calls that there are
// for it.
func (d *accountLoop) pollRunning(now time.Time) {
	running := 0
	for _, e := range d.tracked {
		if e.job.State == job.Running {
			running++
			if e.nextPoll.After(now) {
				e.nextPoll = now
			}
		}
	}
	d.listDue = now.Add(max(d.pollInterval, time.Duration(running)*pollSpacing))
}

func (w *worker) listRunning(ctx context.Context) (runningList, error) {
	l := runningList{time: w.now(), running: map[string]job.Observation{}}
	query := bitmovin.ListEncodings{Status: bitmovin.StatusRunning, SkipTotalCount: true}
	if w.encodings.usable(bitmovin.ParamSearch) {
		query.Search = w.encodings.searchQuery()
	}
	err := w.encodings.eachListed(ctx, query, func(e bitmovin.Encoding) (bool, error) {
		l.length++
		if e.Status.Known() && e.Status != bitmovin.StatusRunning {
			// Once the platform has refused to select by status, the list has no end.
			return l.length >= job.MaxQueueTarget && !w.encodings.usable(bitmovin.ParamStatus), nil
		}
		l.running[string(e.ID)] = listedObservation(e)
		return false, nil
	})
	return l, err
}

// applyList records progress and has a closer look at what is missing.
func (d *accountLoop) applyList(ctx context.Context, l runningList, err error) {
	now := d.now()
	d.busy[taskList]--
	d.noteCall(taskList, "", err, now)
	again := d.noteTaskEnd(taskList, err, now)
	d.listDue = later(again, now.Add(max(d.pollInterval, time.Duration(1+l.length/pageSize)*listPageSpacing)))
	if err != nil {
		d.log.Warn("cannot list what runs", "err", err)
		return
	}
	for id, e := range d.tracked {
		if !e.job.UpdateTime.Before(l.time) {
			continue // the list may speak of a run before the latest start
		}
		seen, ok := l.running[e.job.EncodingID]
		if ok {
			e.unlistedCount = 0
		}
		switch {
		case ok && e.task == taskNone && e.job.State.OnPlatform() && (e.job.State != job.Running || seen.Progress > e.job.Progress):
			d.spawnJobTask(ctx, taskRecord, id, now, func(ctx context.Context, e trackedJob) outcome {
				j, err := d.worker.recordObservation(ctx, e, seen)
				return outcome{job: j, storeErr: err, eta: estimateRemaining(seen, l.time)}
			})
		case !ok && e.job.State == job.Running && !e.hasUnknownStatus():
			e.pollIfUnlisted(now)
		}
	}
}

// estimateRemaining guesses from the progress when an encoding ends: lists tell no estimate.
func estimateRemaining(o job.Observation, now time.Time) time.Duration {
	if o.Progress < 5 || o.RunningAt.IsZero() {
		return 0
	}
	return now.Sub(o.RunningAt) * time.Duration(200-2*o.Progress-1) / time.Duration(2*o.Progress+1) // it is rounded down
}

package dispatcher

import (
	"context"
	"errors"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
)

const (
	// minWalkPause is the least time between two walks of the whole list. One that took longer
	// is followed by as long a pause: its calls are few, and everybody's.
	minWalkPause = 10 * time.Second
	// walkValid is how long a walk tells something of an encoding that is still missing.
	walkValid = 10 * time.Minute
)

// errIncomplete is a list that lacks encodings that are there.
var errIncomplete = errors.New("the list lacks encodings whose status is known")

// listWalk is one complete pass over the list of all encodings of the account, whatever their
// status and whosever they are: no filter could be misunderstood. A hundred thousand take a
// quarter of an hour. One walk serves all encodings that are missing when it begins.
type listWalk struct {
	began  time.Time         // zero: there was none
	wanted map[string]bool   // ids and names that were looked for
	ids    map[string]bool   // those of them that are there
	names  map[string]string // likewise, with their ids
}

// evidenceFor is what the walk says of a job's encoding.
func (w *listWalk) evidenceFor(e *trackedJob, settle time.Duration) evidence {
	id, since := e.job.EncodingID, e.missingSince
	switch {
	case since.IsZero() || !w.wanted[id] || w.began.Before(since.Add(settle)):
		return evidenceNone
	case w.ids[id]:
		return evidencePresent
	}
	return evidenceAbsent
}

// wantsWalk reports whether the list has to be walked: an encoding has been missing for
// the settle time, and the latest walk says nothing of it, or has become old.
func (d *accountLoop) wantsWalk(now time.Time) bool {
	for _, e := range d.tracked {
		if !e.missingForLong(now, d.settle) {
			continue
		}
		if d.lastWalk.evidenceFor(e, d.settle) == evidenceNone || now.Sub(d.lastWalk.began) >= max(walkValid, d.walkDue.Sub(d.lastWalk.began)) {
			return true
		}
	}
	return false
}

// spawnWalk walks the list.
func (d *accountLoop) spawnWalk(ctx context.Context, now time.Time) {
	d.busy[taskWalk]++
	w := listWalk{began: now, wanted: map[string]bool{}, ids: map[string]bool{}, names: map[string]string{}}
	for _, e := range d.tracked {
		if e.job.EncodingID != "" {
			w.wanted[e.job.EncodingID] = true
		}
		if d.hasTemplate(e.job.ID.Batch) {
			w.wanted[provision.AttemptName(&e.job)] = true
		}
	}
	ctx, d.cancelWalk = context.WithCancelCause(ctx)
	d.runTask(func() func() {
		err := d.worker.walkList(ctx, &w)
		return func() { d.applyWalk(w, err) }
	})
}

func (w *worker) walkList(ctx context.Context, all *listWalk) error {
	everything := bitmovin.ListEncodings{SkipTotalCount: true, Overlap: listOverlap}
	return w.encodings.eachListed(ctx, everything, func(e bitmovin.Encoding) (enough bool, err error) {
		if all.wanted[string(e.ID)] {
			all.ids[string(e.ID)] = true
		}
		if all.wanted[e.Name] {
			all.names[e.Name] = string(e.ID)
		}
		return false, nil
	})
}

// applyWalk has those looked at again that are missing.
func (d *accountLoop) applyWalk(w listWalk, err error) {
	now := d.now()
	d.busy[taskWalk]--
	d.cancelWalk(nil)
	d.noteCall(taskWalk, "", err, now)
	if err == nil {
		err = d.checkWalk(w)
	}
	again := d.noteTaskEnd(taskWalk, err, now)
	d.walkDue = later(again, now.Add(max(minWalkPause, now.Sub(w.began))))
	if err != nil {
		d.log.Warn("cannot walk the list of encodings to see whether one has gone", "err", err)
		return
	}
	d.lastWalk = w
	for _, e := range d.tracked {
		if d.lastWalk.evidenceFor(e, d.settle) != evidenceNone && e.nextPoll.After(now) {
			e.nextPoll = now
		}
	}
}

// checkWalk is an error if the walk did not come across encodings that are known to be
// there, and not so new that the list may be behind: then it says nothing of those that are missing.
func (d *accountLoop) checkWalk(w listWalk) error {
	for _, e := range d.tracked {
		id := e.job.EncodingID
		there := !e.cannotBePolled() && e.job.StartTime.Before(w.began.Add(-d.settle)) && e.lastPoll.After(w.began.Add(-queuedPoll)) && e.job.State.OnPlatform()
		if there && w.wanted[id] && !w.ids[id] {
			return errIncomplete
		}
	}
	return nil
}

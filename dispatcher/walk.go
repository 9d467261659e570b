package dispatcher

import (
	"context"
	"errors"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
)

const (
	// walkPace is the least time between two walks of the whole list. One that took longer
	// is followed by as long a pause: its calls are few, and everybody's.
	walkPace = 10 * time.Second
	// walkValid is how long a walk tells something of an encoding that is still missing.
	walkValid = 10 * time.Minute
)

// errIncomplete is a list that lacks encodings that are there.
var errIncomplete = errors.New("the list lacks encodings whose status is known")

// walk is one complete pass over the list of all encodings of the account, whatever their
// status and whosever they are: no filter could be misunderstood. A hundred thousand take a
// quarter of an hour. One walk serves all encodings that are missing when it begins.
type walk struct {
	began  time.Time         // zero: there was none
	wanted map[string]bool   // ids and names that were looked for
	ids    map[string]bool   // those of them that are there
	names  map[string]string // likewise, with their ids
}

// says is what the walk says of a job's encoding.
func (w *walk) says(e *entry, settle time.Duration) evidence {
	id, since := e.job.EncodingID, e.goneSince
	switch {
	case since.IsZero() || !w.wanted[id] || w.began.Before(since.Add(settle)):
		return noWord
	case w.ids[id]:
		return shown
	}
	return absent
}

// walkWanted reports whether the list has to be walked: an encoding has been missing for
// the settle time, and the latest walk says nothing of it, or has become old.
func (d *driver) walkWanted(now time.Time) bool {
	for _, e := range d.live {
		if !e.missed(now, d.settle) {
			continue
		}
		if d.walks.says(e, d.settle) == noWord || now.Sub(d.walks.began) >= max(walkValid, d.walkDue.Sub(d.walks.began)) {
			return true
		}
	}
	return false
}

// spawnWalk walks the list.
func (d *driver) spawnWalk(ctx context.Context, now time.Time) {
	d.busy[taskWalk]++
	w := walk{began: now, wanted: map[string]bool{}, ids: map[string]bool{}, names: map[string]string{}}
	for _, e := range d.live {
		if e.job.EncodingID != "" {
			w.wanted[e.job.EncodingID] = true
		}
		if d.templated(e.job.ID.Batch) {
			w.wanted[provision.AttemptName(&e.job)] = true
		}
	}
	ctx, d.endWalk = context.WithCancelCause(ctx)
	d.beside(func() func() {
		err := d.worker.walkAll(ctx, &w)
		return func() { d.walked(w, err) }
	})
}

func (w *worker) walkAll(ctx context.Context, all *walk) error {
	everything := bitmovin.ListEncodings{SkipTotalCount: true, Overlap: overlap}
	return w.listing.raw(ctx, everything, func(e bitmovin.Encoding) (enough bool, err error) {
		if all.wanted[string(e.ID)] {
			all.ids[string(e.ID)] = true
		}
		if all.wanted[e.Name] {
			all.names[e.Name] = string(e.ID)
		}
		return false, nil
	})
}

// walked has those looked at again that are missing.
func (d *driver) walked(w walk, err error) {
	now := d.now()
	d.busy[taskWalk]--
	d.endWalk(nil)
	d.observe(taskWalk, "", err, now)
	if err == nil {
		err = d.incomplete(w)
	}
	again := d.repeat(taskWalk, err, now)
	d.walkDue = later(again, now.Add(max(walkPace, now.Sub(w.began))))
	if err != nil {
		d.log.Warn("cannot walk the list of encodings to see whether one has gone", "err", err)
		return
	}
	d.walks = w
	for _, e := range d.live {
		if d.walks.says(e, d.settle) != noWord && e.look.After(now) {
			e.look = now
		}
	}
}

// incomplete is an error if the walk did not come across encodings that are known to be
// there, and not so new that the list may be behind: then it says nothing of those that are missing.
func (d *driver) incomplete(w walk) error {
	for _, e := range d.live {
		id := e.job.EncodingID
		there := !e.unclear() && e.job.StartTime.Before(w.began.Add(-d.settle)) && e.looked.After(w.began.Add(-queuedLook)) && e.job.State.OnPlatform()
		if there && w.wanted[id] && !w.ids[id] {
			return errIncomplete
		}
	}
	return nil
}

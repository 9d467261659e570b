package dispatcher

import (
	"context"
	"errors"
	"time"

	"github.com/stokerd/stoker/job"
)

const (
	// minWalkPause is the shortest time between two walks of the whole list. After a longer walk
	// the pause is as long as the walk took: everybody shares the few list calls.
	minWalkPause = 10 * time.Second
	// walkValid is how long a walk proves anything about an encoding that is still missing.
	walkValid = 10 * time.Minute
)

// errIncomplete is the error of a walk whose list lacks encodings that are there.
var errIncomplete = errors.New("the list lacks encodings whose status is known")

// listWalk is one complete pass over the list of all encodings of the account, whatever their
// status and whosever they are. It sends no filter that the platform could misunderstand. A
// hundred thousand encodings take a quarter of an hour. One walk serves all encodings that are
// missing when it begins.
type listWalk struct {
	began  time.Time         // zero: there was none
	wanted map[string]bool   // ids and names of the encodings to look for
	ids    map[string]bool   // the wanted ids that the list has
	names  map[string]string // the ids of the listed encodings with wanted names, by name
}

// evidenceFor is what the walk proves about a job's encoding.
func (w *listWalk) evidenceFor(t *trackedJob, settle time.Duration) evidence {
	id, since := t.job.EncodingID, t.missingSince
	switch {
	case since.IsZero() || !w.wanted[id] || w.began.Before(since.Add(settle)):
		return evidenceNone
	case w.ids[id]:
		return evidencePresent
	}
	return evidenceAbsent
}

// check returns an error if the list lacks an encoding that is known to be at the platform and
// was started at least the settle time before the walk. Then the walk proves nothing about other
// encodings.
func (w *listWalk) check(tracked map[job.ID]*trackedJob, settle time.Duration) error {
	for _, t := range tracked {
		id := t.job.EncodingID
		there := !t.cannotBePolled() && t.job.StartTime.Before(w.began.Add(-settle)) && t.lastPoll.After(w.began.Add(-queuedPoll)) && t.job.State.OnPlatform()
		if there && w.wanted[id] && !w.ids[id] {
			return errIncomplete
		}
	}
	return nil
}

// listWalks are the latest walk and the next one.
type listWalks struct {
	last   listWalk
	due    time.Time
	cancel context.CancelCauseFunc // ends the walk under way
}

// wanted reports whether the list has to be walked: an encoding has been missing for the settle
// time, and the latest walk proves nothing about it or has become old.
func (w *listWalks) wanted(jobs *jobIndex, settle time.Duration, now time.Time) bool {
	for t := range jobs.unusual {
		if !t.missingForLong(now, settle) {
			continue
		}
		if w.last.evidenceFor(t, settle) == evidenceNone || now.Sub(w.last.began) >= max(walkValid, w.due.Sub(w.last.began)) {
			return true
		}
	}
	return false
}

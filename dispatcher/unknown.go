package dispatcher

import (
	"cmp"
	"errors"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// errUnknownStatus is why an encoding that nobody needs is not forgotten.
var errUnknownStatus = errors.New("the encoding shows a status that is not known")

// The pause between two looks at an encoding with a status that nobody knows grows with
// the time that it has shown it, within these bounds.
const (
	minUnknownPoll = time.Second
	maxUnknownPoll = 2 * time.Minute
)

// maxUnknownValues is how many of the values that nobody knew an account shows.
const maxUnknownValues = 20

// unknownStatusPause is how long to wait before the next look at an encoding with a status that nobody
// knows: not long after it has first shown it, or was told to stop.
func (e *trackedJob) unknownStatusPause(now time.Time) time.Duration {
	since := e.job.PlatformStatusTime
	if e.job.Step == job.StepStop && e.job.StepTime.After(since) {
		since = e.job.StepTime
	}
	return min(max(now.Sub(since)/2, minUnknownPoll), maxUnknownPoll)
}

// statusOf is the status of an encoding, or the platform's word for one that nobody knows.
func statusOf(s bitmovin.Status) (known job.Remote, unknown string) {
	if s.Known() {
		return job.Remote(s), ""
	}
	return "", cmp.Or(string(s), "(none)")
}

// hasUnknownStatus reports whether the job's encoding shows a status that nobody knows. Then nothing
// is expected of it: it is neither the head of the queue nor about to end.
func (e *trackedJob) hasUnknownStatus() bool { return e.job.PlatformStatus != "" }

// mayBeQueued reports whether the platform counts such an encoding as queued. As long as nobody
// has counted since it first showed its status, it may.
func (d *accountLoop) mayBeQueued(e *trackedJob) bool {
	return e.inLastCount || !d.queue.time.After(e.job.PlatformStatusTime)
}

// mayHoldUnknownStatus reports whether a place in the queue is taken by an encoding with a status that nobody
// knows, so that only a count tells when the place is free.
func (d *accountLoop) mayHoldUnknownStatus() bool {
	for _, e := range d.tracked {
		if e.hasUnknownStatus() && d.mayBeQueued(e) {
			return true
		}
	}
	return false
}

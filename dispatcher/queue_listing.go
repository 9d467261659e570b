package dispatcher

import (
	"time"

	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// listedAfter is how long an encoding has to be queued before every count must contain it: the
// platform's lists may be behind.
const listedAfter = time.Minute

// queueListing is the list of queued encodings at one moment.
type queueListing struct {
	time   time.Time         // before the call: a later start is not in the list
	queued map[string]string // names by id
	total  int
	pages  int
	// complete says that the whole queue was listed: a missing encoding is not queued.
	complete bool
	// partial says that the list had encodings that are not queued, or could not be read to its
	// end.
	partial bool
}

// excludes reports whether the list proves that an encoding holds no place in the queue: the
// list is complete, and was read so long after the encoding's start that the encoding would
// be in it.
func (c *queueListing) excludes(t *trackedJob, settle time.Duration) bool {
	at := t.job.StartTime.Add(changePoll)
	if t.job.Step == job.StepStart {
		at = t.job.StepTime.Add(settle)
	}
	if !t.missingSince.IsZero() {
		at = t.missingSince.Add(settle)
	}
	name := provision.AttemptName(&t.job)
	for _, queued := range c.queued {
		if t.job.EncodingID == "" && queued == name {
			return false
		}
	}
	return c.complete && at.Before(c.time)
}

// mustContain reports whether the list must contain a queued encoding whose set-up takes as long
// as given.
func (c *queueListing) mustContain(t *trackedJob, setup time.Duration) bool {
	return t.job.State == job.Queued && !c.partial && !t.cannotBePolled() && !t.hasUnknownStatus() && c.time.Sub(t.job.StartTime) >= listedAfter+setup
}

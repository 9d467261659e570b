package dispatcher

import (
	"time"

	"github.com/stokerd/stoker/job"
)

// sharesInterval is how often the line is read anew while batches of the account share its places:
// which of them goes first depends on how many of their jobs are in flight.
const sharesInterval = time.Second

// line holds the waiting jobs that are next in dispatch order. They are read from the job table when
// the set has changed otherwise than by jobs that have left it, and when few are left.
type line struct {
	jobs     []job.Job
	left     map[job.ID]bool // of these, those that do not wait any more
	complete bool            // no other job is due
	shared   bool            // they are of more than one batch
	readTime time.Time
	changed  bool // a job in flight has changed since
}

// newLine is the line as it was just read, with at most limit jobs.
func newLine(jobs []job.Job, limit int, now time.Time) line {
	l := line{jobs: jobs, left: map[job.ID]bool{}, complete: len(jobs) < limit, readTime: now}
	for i := range jobs {
		l.shared = l.shared || jobs[i].ID.Batch != jobs[0].ID.Batch
	}
	return l
}

// count is how many jobs are in line, as far as they have been read.
func (l *line) count() int { return len(l.jobs) - len(l.left) }

// leave takes a job out of the line.
func (l *line) leave(id job.ID) {
	if _, found := l.find(id); found {
		l.left[id] = true
	}
}

// find returns a job of the line.
func (l *line) find(id job.ID) (j job.Job, found bool) {
	for i := range l.jobs {
		if l.jobs[i].ID == id {
			return l.jobs[i], !l.left[id]
		}
	}
	return job.Job{ID: id}, false
}

// isOutdated reports whether the line has to be read anew, of which so many jobs are needed.
func (l *line) isOutdated(needed int, now time.Time) bool {
	return !l.complete && l.count() < needed || l.shared && l.changed && now.Sub(l.readTime) >= sharesInterval
}

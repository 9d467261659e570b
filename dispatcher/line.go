package dispatcher

import (
	"iter"
	"time"

	"github.com/stokerd/stoker/job"
)

// sharesInterval is how often the line is read anew while batches of the account share its places:
// which of them goes first depends on how many of their jobs are in flight.
const sharesInterval = time.Second

// line holds the waiting jobs that are next in dispatch order. They are read from the job table when
// the set has changed otherwise than by jobs that have left it, and when few are left.
type line struct {
	jobs     []job.Job      // as they were read
	index    map[job.ID]int // in jobs, of those that still wait
	first    int            // of jobs: no earlier one still waits
	batches  map[string]int // how many of them are of each batch
	complete bool           // no other job is due
	shared   bool           // they are of more than one batch
	readTime time.Time
	changed  bool // a job in flight has changed since
}

// newLine is the line as it was just read, with at most limit jobs.
func newLine(jobs []job.Job, limit int, now time.Time) line {
	l := line{jobs: jobs, index: make(map[job.ID]int, len(jobs)), batches: map[string]int{}, complete: len(jobs) < limit, readTime: now}
	for i := range jobs {
		l.index[jobs[i].ID] = i
		l.batches[jobs[i].ID.Batch]++
		l.shared = l.shared || jobs[i].ID.Batch != jobs[0].ID.Batch
	}
	return l
}

// count is how many jobs are in line, as far as they have been read.
func (l *line) count() int { return len(l.index) }

// leave takes a job out of the line.
func (l *line) leave(id job.ID) {
	if !l.has(id) {
		return
	}
	delete(l.index, id)
	if l.batches[id.Batch]--; l.batches[id.Batch] == 0 {
		delete(l.batches, id.Batch)
	}
	for l.first < len(l.jobs) && !l.has(l.jobs[l.first].ID) {
		l.first++
	}
}

// has reports whether a job is in line.
func (l *line) has(id job.ID) bool {
	_, ok := l.index[id]
	return ok
}

// hasJobsOf reports whether any job of a batch is in line.
func (l *line) hasJobsOf(batchID string) bool { return l.batches[batchID] > 0 }

// last returns the last job that was read, even if it has left the line since; nil if the line is empty.
func (l *line) last() *job.Job {
	if l.count() == 0 {
		return nil
	}
	return &l.jobs[len(l.jobs)-1]
}

// find returns a job of the line; one with nothing but its id if it is not in line.
func (l *line) find(id job.ID) job.Job {
	if i, ok := l.index[id]; ok {
		return l.jobs[i]
	}
	return job.Job{ID: id}
}

// waiting yields the jobs in line, in dispatch order.
func (l *line) waiting() iter.Seq[*job.Job] {
	return func(yield func(*job.Job) bool) {
		for i := l.first; i < len(l.jobs); i++ {
			if l.has(l.jobs[i].ID) && !yield(&l.jobs[i]) {
				return
			}
		}
	}
}

// isOutdated reports whether the line has to be read anew, of which so many jobs are needed.
func (l *line) isOutdated(needed int, now time.Time) bool {
	return !l.complete && l.count() < needed || l.shared && l.changed && now.Sub(l.readTime) >= sharesInterval
}

// noteBatch takes into account that a batch has changed to b, and reports whether the line has to be
// read at once. jobs has the batches as they were read before.
func (l *line) noteBatch(jobs *jobTracker, b *job.Batch) (moved bool) {
	known, inLine := jobs.batches[b.ID], l.hasJobsOf(b.ID)
	if inLine && (known == nil || known.Priority != b.Priority || !b.State.Dispatches()) {
		return true
	}
	if !b.State.Dispatches() || b.Counts.Waiting == 0 {
		return false
	}
	l.complete = false // it may have more jobs now
	switch last := l.last(); {
	case inLine: // the others are behind those
		return false
	case last == nil || b.Priority > jobs.batchPriority(last.ID.Batch):
		return true
	case b.Priority == jobs.batchPriority(last.ID.Batch):
		l.shared, l.changed = true, true
	}
	return false
}

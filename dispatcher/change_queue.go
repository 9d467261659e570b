package dispatcher

import (
	"sync"

	"github.com/stokerd/stoker/job"
)

// maxChanges is how many changed batches and jobs wait to be read one by one. If there are more,
// everything is read.
const maxChanges = 10_000

// changes say what others than the loop have changed in the job table.
type changes struct {
	everything bool // there were too many to remember
	account    bool // its settings, or how many starts it has left today
	batches    map[string]bool
	jobs       map[job.ID]bool // that were cancelled or retried
}

func noChanges() changes { return changes{batches: map[string]bool{}, jobs: map[job.ID]bool{}} }

// add adds a change.
func (c *changes) add(change job.Change) {
	switch {
	case change.Everything:
		*c = changes{everything: true, account: true}
		return
	case change.BatchID == "":
		c.account = true
		return
	case c.everything:
		return
	}
	c.batches[change.BatchID] = true
	for _, n := range change.Numbers {
		c.jobs[job.ID{Batch: change.BatchID, Number: n}] = true
	}
	if len(c.batches)+len(c.jobs) > maxChanges {
		*c = changes{everything: true, account: c.account}
	}
}

// changeQueue holds the changes that the loop has not reacted to.
type changeQueue struct {
	wakeup  wakeup
	mu      sync.Mutex
	changes changes
}

func newChangeQueue() *changeQueue { return &changeQueue{wakeup: newWakeup(), changes: noChanges()} }

// add queues a change and wakes the loop.
func (q *changeQueue) add(change job.Change) {
	q.mu.Lock()
	q.changes.add(change)
	q.mu.Unlock()
	q.wakeup.notify()
}

// take empties the queue.
func (q *changeQueue) take() changes {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.changes
	q.changes = noChanges()
	return taken
}

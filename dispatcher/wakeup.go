package dispatcher

import (
	"maps"
	"sync"
)

// wakeup wakes one loop. It says that something may have changed: several wakeups become one, and
// the loop reads for itself what has changed.
type wakeup chan struct{}

func newWakeup() wakeup { return make(wakeup, 1) }

// notify wakes the loop. It never blocks.
func (w wakeup) notify() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// maxHints is how many hints wait for a loop that does not run; more are lost.
const maxHints = 10_000

// hintQueue holds the ids of encodings that are said to have changed and that the loop has not
// polled since. A hint may be lost: the loop polls every encoding without it, only later.
type hintQueue struct {
	wakeup    wakeup
	mu        sync.Mutex
	encodings map[string]bool
}

func newHintQueue() *hintQueue { return &hintQueue{wakeup: newWakeup(), encodings: map[string]bool{}} }

// add queues a hint and wakes the loop.
func (q *hintQueue) add(encodingID string) {
	q.mu.Lock()
	if len(q.encodings) < maxHints {
		q.encodings[encodingID] = true
	}
	q.mu.Unlock()
	q.wakeup.notify()
}

// moveTo moves all hints to pending.
func (q *hintQueue) moveTo(pending map[string]bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	maps.Copy(pending, q.encodings)
	clear(q.encodings)
}

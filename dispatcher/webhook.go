package dispatcher

import (
	"maps"
	"sync"
	"time"
)

// maxHints bounds the encodings that wait for a loop that does not run, or not yet.
const maxHints = 10_000

// hintQueue are the encodings that are said to have changed and that the loop has not
// heard of yet.
type hintQueue struct {
	wakeup    wakeup
	mu        sync.Mutex
	encodings map[string]bool
}

func newHintQueue() *hintQueue { return &hintQueue{wakeup: newWakeup(), encodings: map[string]bool{}} }

func (r *hintQueue) add(encodingID string) {
	r.mu.Lock()
	if len(r.encodings) < maxHints {
		r.encodings[encodingID] = true
	}
	r.mu.Unlock()
	r.wakeup.notify()
}

// moveTo moves all rings to heard.
func (r *hintQueue) moveTo(heard map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.Copy(heard, r.encodings)
	clear(r.encodings)
}

// pollHinted has the encodings looked at that somebody has rung for. Where a task is under
// way, the answer it gets may be older than the ring, so that the look follows it.
func (d *accountLoop) pollHinted(now time.Time) {
	d.hints.moveTo(d.pendingHints)
	if len(d.pendingHints) == 0 {
		return
	}
	busy := map[string]bool{}
	for _, e := range d.tracked {
		switch id := e.job.EncodingID; {
		case !d.pendingHints[id]:
		case e.task != taskNone:
			busy[id] = true
		case e.nextPoll.After(now) && !e.notBefore.After(now):
			e.nextPoll = now
		}
	}
	d.pendingHints = busy
}

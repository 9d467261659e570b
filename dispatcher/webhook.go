package dispatcher

import (
	"maps"
	"sync"
	"time"
)

// maxRings bounds the encodings that wait for a loop that does not run, or not yet.
const maxRings = 10_000

// rings are the encodings that are said to have changed and that the loop has not
// heard of yet.
type rings struct {
	bell      bell
	mu        sync.Mutex
	encodings map[string]bool
}

func newRings() *rings { return &rings{bell: newBell(), encodings: map[string]bool{}} }

func (r *rings) add(encodingID string) {
	r.mu.Lock()
	if len(r.encodings) < maxRings {
		r.encodings[encodingID] = true
	}
	r.mu.Unlock()
	r.bell.ring()
}

// take moves all rings to heard.
func (r *rings) take(heard map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.Copy(heard, r.encodings)
	clear(r.encodings)
}

// hear has the encodings looked at that somebody has rung for. Where a task is under
// way, the answer it gets may be older than the ring, so that the look follows it.
func (d *driver) hear(now time.Time) {
	d.rings.take(d.heard)
	if len(d.heard) == 0 {
		return
	}
	busy := map[string]bool{}
	for _, e := range d.live {
		switch id := e.job.EncodingID; {
		case !d.heard[id]:
		case e.task != taskNone:
			busy[id] = true
		case e.look.After(now) && !e.notBefore.After(now):
			e.look = now
		}
	}
	d.heard = busy
}

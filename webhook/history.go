package webhook

import (
	"crypto/sha256"
	"sync"
)

// historySize is how many events of an account are remembered. An account can start 600
// encodings a minute, so these are the events of more than maxAge.
const historySize = 16384

// digest stands for the id of an event, which can have any length.
type digest [sha256.Size]byte

// history remembers the latest events of an account, so that each is used once. The zero
// value is empty.
type history struct {
	mu     sync.Mutex
	seen   map[digest]struct{}
	order  []digest // in order; once it has historySize digests, a ring
	oldest int      // index of the oldest digest in the ring
}

// add remembers the event with an id, and reports whether the event is new.
func (h *history) add(id string) bool {
	d := digest(sha256.Sum256([]byte(id)))
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, seen := h.seen[d]; seen {
		return false
	}
	if h.seen == nil {
		h.seen = map[digest]struct{}{}
	}
	h.seen[d] = struct{}{}
	if len(h.order) < historySize {
		h.order = append(h.order, d)
		return true
	}
	delete(h.seen, h.order[h.oldest])
	h.order[h.oldest] = d
	h.oldest = (h.oldest + 1) % historySize
	return true
}

package webhook

import (
	"crypto/sha256"
	"sync"
)

// historySize is how many events of an account are remembered. The platform allows 600 starts
// a minute, so this covers more than maxAge.
const historySize = 16384

// digest stands for the id of an event, which can have any length.
type digest [sha256.Size]byte

// history remembers the latest events of an account, so that each is used once. The zero
// value is empty.
type history struct {
	mu     sync.Mutex
	seen   map[digest]struct{}
	order  []digest // a ring once it is full
	oldest int
}

// add remembers an event and reports whether it is new.
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

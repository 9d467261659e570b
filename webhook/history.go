package webhook

import (
	"crypto/sha256"
	"sync"
)

// remembered is how many events an account remembers. The platform allows 600
// starts a minute, so that these are more than ten minutes' worth.
const remembered = 16384

// digest stands for an event's id, which could have any length.
type digest [sha256.Size]byte

// history remembers the latest events, so that each counts once. The zero value
// remembers nothing yet.
type history struct {
	mu     sync.Mutex
	seen   map[digest]struct{}
	order  []digest // a ring once it is full
	oldest int
}

// first remembers an event and reports whether it is a new one.
func (h *history) first(id string) bool {
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
	if len(h.order) < remembered {
		h.order = append(h.order, d)
		return true
	}
	delete(h.seen, h.order[h.oldest])
	h.order[h.oldest] = d
	h.oldest = (h.oldest + 1) % remembered
	return true
}

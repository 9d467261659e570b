package bitmovin

import (
	"sort"
	"time"
)

// callWindow remembers the latest calls, so that no more than it holds leave within any
// limitWindow.
type callWindow struct {
	times []time.Time // a ring; the zero time is no call
	next  int         // the oldest, which the next call replaces
}

// windowEdge is by how much two calls are further apart than the window that must not hold
// both.
const windowEdge = time.Millisecond

// add remembers a call.
func (w *callWindow) add(now time.Time) {
	w.times[w.next] = now
	w.next = (w.next + 1) % len(w.times)
}

// freeAt returns when the next call may leave; a time in the past if it may leave now.
func (w *callWindow) freeAt() time.Time {
	if oldest := w.times[w.next]; !oldest.IsZero() {
		return oldest.Add(limitWindow + windowEdge)
	}
	return time.Time{}
}

// free returns how many calls may leave at now.
func (w *callWindow) free(now time.Time) int {
	return sort.Search(len(w.times), func(n int) bool { // the oldest come first
		at := w.times[(w.next+n)%len(w.times)]
		return !at.IsZero() && at.Add(limitWindow+windowEdge).After(now)
	})
}

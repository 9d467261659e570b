package bitmovin

import (
	"sort"
	"time"
)

// callWindow remembers the latest calls, so that no more than limit of them leave within any
// limitWindow.
type callWindow struct {
	limit int
	times []time.Time // of the calls of the latest limitWindow, the oldest first; older ones may precede them
}

// windowEdge is by how much two calls are further apart than the window that must not hold
// both.
const windowEdge = time.Millisecond

// leaves is when a call no longer counts.
func leaves(call time.Time) time.Time { return call.Add(limitWindow + windowEdge) }

// add remembers a call.
func (w *callWindow) add(now time.Time) {
	if len(w.times) == cap(w.times) { // forget before the slice grows
		w.times = append(w.times[:0], w.times[w.past(now):]...)
	}
	w.times = append(w.times, now)
}

// past is how many of the remembered calls no longer count.
func (w *callWindow) past(now time.Time) int {
	return sort.Search(len(w.times), func(n int) bool { return leaves(w.times[n]).After(now) })
}

// free returns how many calls may leave at now.
func (w *callWindow) free(now time.Time) int { return w.limit - (len(w.times) - w.past(now)) }

// freeAt returns when the next call may leave; a time in the past if it may leave now.
func (w *callWindow) freeAt() time.Time {
	if n := len(w.times) - w.limit; n >= 0 {
		return leaves(w.times[n])
	}
	return time.Time{}
}

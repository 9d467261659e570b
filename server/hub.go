package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/stokerd/stoker/job"
)

// hub wakes the watchers of a batch when it changes, bounds how many watches
// there are, and lets watchers that stand at the same position share one read.
type hub struct {
	limits Limits
	done   chan struct{} // closed by close

	mu      sync.Mutex
	cause   error // why there are no watches any more; set before done is closed
	batches map[string]*watchedBatch
	callers map[string]int // watches per caller
	watches int
}

func newHub(l Limits) *hub {
	return &hub{limits: l, done: make(chan struct{}), batches: map[string]*watchedBatch{}, callers: map[string]int{}}
}

// readSharingTime is how long a read is good for others although the batch has changed since:
// watchers that wake at the same moment are then sent the same message and go on from
// the same position, however fast the batch changes. What came later is read with the
// next message.
const readSharingTime = 50 * time.Millisecond

// maxKeptReads is how many reads of a batch are kept for others. Watchers who follow stand
// at a few positions. Who catches up passes many, and nothing clears them away while the
// batch rests.
const maxKeptReads = 32

// watchedBatch is a batch that is being watched.
type watchedBatch struct {
	mu            sync.Mutex
	subscriptions map[*subscription]struct{}
	changeCount   int                       // how often the bells have been rung
	clearedTime   time.Time                 // when reads was last cleared
	reads         map[position]*pendingRead // under way, or kept; none is older than sharing, unless it is up to date

	waitMutex sync.Mutex // one watcher at a time finds out why the batch waits
	lastWait  waitAnswer // what came of it
}

// subscription is one watcher's place at a topic.
type subscription struct {
	*watchedBatch
	hub    *hub
	batch  string
	caller string
	// wakeup is rung after the batch changed. Rings that are not heard yet are one.
	wakeup chan struct{}
}

// subscribe takes a seat at a batch. The caller has to leave it.
func (h *hub) subscribe(caller, batch string) (*subscription, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.cause != nil:
		return nil, h.cause
	case h.callers[caller] >= h.limits.WatchesPerCaller:
		return nil, fmt.Errorf("%w: one caller may hold %d; end one first", errTooManyWatches, h.limits.WatchesPerCaller)
	case h.watches >= h.limits.Watches:
		return nil, fmt.Errorf("%w: the server can hold %d; try again later", errTooManyWatches, h.limits.Watches)
	}
	t := h.batches[batch]
	if t == nil {
		t = &watchedBatch{subscriptions: map[*subscription]struct{}{}, reads: map[position]*pendingRead{}}
		h.batches[batch] = t
	}
	s := &subscription{watchedBatch: t, hub: h, batch: batch, caller: caller, wakeup: make(chan struct{}, 1)}
	t.mu.Lock()
	t.subscriptions[s] = struct{}{}
	t.mu.Unlock()
	h.callers[caller]++
	h.watches++
	return s, nil
}

// watchCount is how many watches there are, as a factor.
func (h *hub) watchCount() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Duration(h.watches)
}

// close gives the seat back.
func (s *subscription) close() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watches--
	if h.callers[s.caller]--; h.callers[s.caller] == 0 {
		delete(h.callers, s.caller)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.subscriptions, s)
	if len(s.subscriptions) == 0 {
		delete(h.batches, s.batch)
	}
}

// clearWakeup takes back a ring that was not heard: what it tells of is about to be read.
func (s *subscription) clearWakeup() {
	select {
	case <-s.wakeup:
	default:
	}
}

// notify wakes the watchers of a batch. It never blocks on one of them.
func (h *hub) notify(batch string) {
	h.mu.Lock()
	t := h.batches[batch]
	h.mu.Unlock()
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changeCount++
	if now := time.Now(); now.Sub(t.clearedTime) >= readSharingTime {
		clear(t.reads)
		t.clearedTime = now
	}
	for s := range t.subscriptions {
		select {
		case s.wakeup <- struct{}{}:
		default:
		}
	}
}

// close ends every watch with cause. Later calls change nothing.
func (h *hub) close(cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cause == nil {
		h.cause = cause
		close(h.done)
	}
}

// position is where a watcher stands in the changes of a batch. Watchers that
// stand at the same one are sent the same message.
type position struct {
	revision int64
	jobs     jobScope
	page     int64 // as in [cursor]; 0: not in the midst of a snapshot
}

// change is what has to be sent from a position.
type change struct {
	batch job.Batch
	msg   *message // nil if there is nothing to send; shared, never to be written to
	next  int64    // the revision, or within a snapshot the page, that has been reached with it
	more  bool     // there is more to be read at once
	// snapshot says that the position means nothing any more and that the watcher
	// has to be shown everything.
	snapshot bool
	// outdated says that the batch has changed since this was read.
	outdated bool
}

// pendingRead is a read that is shared.
type pendingRead struct {
	done        chan struct{} // closed when change and err are set
	changeCount int           // of the topic when it began
	change      change
	err         error
}

// sharedWait returns why the batch waits, which f finds out, or what another watcher found out
// less than half of [waitInterval] ago: it costs a look into the job table.
func (t *watchedBatch) sharedWait(now time.Time, f func(time.Time) (waitAnswer, error)) (waitAnswer, error) {
	t.waitMutex.Lock()
	defer t.waitMutex.Unlock()
	if !t.lastWait.time.IsZero() && now.Sub(t.lastWait.time) < waitInterval/2 {
		return t.lastWait, nil
	}
	a, err := f(now)
	if err == nil {
		t.lastWait = a
	}
	return a, err
}

// waitAnswer is the answer to why a batch does not move.
type waitAnswer struct {
	time     time.Time // zero: nobody has asked yet
	wait     job.Wait
	revision int64 // of the batch that it speaks of; 0: it has changed meanwhile
}

// sharedRead returns what f reads at p, or what another watcher has read there since
// the batch last changed, or within [readSharingTime]. f runs at most once at a time for a
// position. Its error is shared with those who waited for it and is not kept, nor is
// what would only fill memory: that there is nothing to send, pages of snapshots, and
// more than [maxKeptReads].
func (t *watchedBatch) sharedRead(ctx context.Context, p position, f func() (change, error)) (change, error) {
	t.mu.Lock()
	r, ok := t.reads[p]
	if ok {
		t.mu.Unlock()
		select {
		case <-r.done:
		case <-ctx.Done():
			return change{}, context.Cause(ctx)
		}
		return t.readResult(r)
	}
	r = &pendingRead{done: make(chan struct{}), changeCount: t.changeCount, err: errReadPanicked}
	t.reads[p] = r
	t.mu.Unlock()

	defer func() { // also when f panics
		t.mu.Lock()
		if useless := r.err != nil || r.change.msg == nil || p.page > 0; t.reads[p] == r && (useless || len(t.reads) > maxKeptReads) {
			delete(t.reads, p)
		}
		t.mu.Unlock()
		close(r.done)
	}()
	r.change, r.err = f()
	return t.readResult(r)
}

// readResult is what a read came to, for one of those who share it.
func (t *watchedBatch) readResult(r *pendingRead) (change, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := r.change
	c.outdated = t.changeCount != r.changeCount
	return c, r.err
}

// errReadPanicked is what those who wait for a read get whose reader panicked.
var errReadPanicked = errors.New("the read was broken off")

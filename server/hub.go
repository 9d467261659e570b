package server

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/stokerd/stoker/job"
)

// hub wakes the watchers of a batch when the batch changes, limits the number of watches, and lets
// watchers at the same position share one read.
type hub struct {
	limits Limits
	done   chan struct{} // closed by close
	pace   pace
	// reading has a place for each read that is under way: what a thousand of them have read at the same
	// moment would take up much memory.
	reading chan struct{}

	mu      sync.Mutex
	cause   error // why all watches have ended; set before done is closed
	batches map[string]*watchedBatch
	callers map[string]int // how many watches each caller has
	watches int            // how many watches there are in all
	watched int            // how many times a batch got its first watcher
}

func newHub(l Limits) *hub {
	return &hub{limits: l, done: make(chan struct{}), reading: make(chan struct{}, 4*runtime.GOMAXPROCS(0)), batches: map[string]*watchedBatch{}, callers: map[string]int{}}
}

// watchRetry is when a watch that a limit has refused is advised to come back.
const watchRetry = 5 * time.Second

// readSharingTime is how long watchers share a read although the batch has changed since.
// Watchers that wake at the same moment then get the same message and continue from the same
// position, however fast the batch changes. The next message has what changed later.
const readSharingTime = 50 * time.Millisecond

// maxKeptReads is how many reads of a batch are kept for other watchers. Watchers that are up to
// date are at a few positions. A watcher that catches up passes many positions, and its reads would
// be kept until the batch changes.
const maxKeptReads = 32

// groupSize is how many watchers of a batch are in a group.
const groupSize = 256

// watchedBatch is a batch with at least one watcher.
type watchedBatch struct {
	mu         sync.Mutex
	watchers   int
	number     int // of the batch among those that have been watched
	subscribed int // how many watchers there have been
	// unwoken are the watchers that the next change wakes. Without this set each change would cost something
	// for each watcher, and not only each message.
	unwoken     map[*subscription]struct{}
	changeCount int                       // how many times the watchers have been notified
	clearedTime time.Time                 // when reads was last cleared
	reads       map[position]*pendingRead // under way, or kept: up to date, or younger than readSharingTime

	waitMutex sync.Mutex // held by the watcher that finds out why the batch waits
	lastWait  waitAnswer // the latest result
}

// subscription makes one watcher known to the hub.
type subscription struct {
	*watchedBatch
	hub    *hub
	id     string // of the batch
	caller string
	group  int // the watchers of a batch that share reads
	// wakeup gets a value when the batch changes after askForWakeup. It has room for one value.
	wakeup chan struct{}
}

// subscribe adds a watcher of a batch. The subscription has to be closed. The error is a [limitError]
// or, after close, the cause.
func (h *hub) subscribe(caller, batch string) (*subscription, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.cause != nil:
		return nil, h.cause
	case h.callers[caller] >= h.limits.WatchesPerCaller:
		return nil, tooManyWatches("watches", "one caller may hold %d; end one first", h.limits.WatchesPerCaller)
	case h.watches >= h.limits.Watches:
		return nil, tooManyWatches("watches_in_all", "the server can hold %d; try again later", h.limits.Watches)
	}
	b := h.batches[batch]
	if b == nil {
		b = &watchedBatch{number: h.watched, unwoken: map[*subscription]struct{}{}, reads: map[position]*pendingRead{}}
		h.batches[batch] = b
		h.watched++
	}
	b.mu.Lock()
	s := &subscription{watchedBatch: b, hub: h, id: batch, caller: caller, group: b.number + b.subscribed/groupSize, wakeup: make(chan struct{}, 1)}
	b.watchers++
	b.subscribed++
	b.unwoken[s] = struct{}{}
	b.mu.Unlock()
	h.callers[caller]++
	h.watches++
	return s, nil
}

func tooManyWatches(limit, format string, most int) error {
	return &limitError{limit: limit, retry: watchRetry, reason: "TOO_MANY_WATCHES", text: "too many watches: " + fmt.Sprintf(format, most)}
}

// watchCount is how many watches there are.
func (h *hub) watchCount() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.watches
}

// changes is how many times the watchers of the batch have been notified.
func (s *subscription) changes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changeCount
}

// close removes the watcher from the hub.
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
	delete(s.unwoken, s)
	if s.watchers--; s.watchers == 0 {
		delete(h.batches, s.id)
	}
}

// askForWakeup has the next change wake the watcher, who calls it right before it reads changes. A wakeup of
// before is removed.
func (s *subscription) askForWakeup() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.wakeup:
	default:
	}
	s.unwoken[s] = struct{}{}
}

// notify wakes the watchers of a batch. It never blocks on one of them.
func (h *hub) notify(batch string) {
	h.mu.Lock()
	b := h.batches[batch]
	h.mu.Unlock()
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changeCount++
	if now := time.Now(); now.Sub(b.clearedTime) >= readSharingTime {
		clear(b.reads)
		b.clearedTime = now
	}
	for s := range b.unwoken {
		s.wakeup <- struct{}{} // there is room
	}
	clear(b.unwoken)
}

// notifyAll wakes all watchers: nobody knows what has changed.
func (h *hub) notifyAll() {
	for _, id := range h.watchedIDs() {
		h.notify(id)
	}
	h.notify(anyBatch)
}

// watchedIDs returns the ids of the batches that have watchers.
func (h *hub) watchedIDs() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]string, 0, len(h.batches))
	for id := range h.batches {
		if id != anyBatch {
			list = append(list, id)
		}
	}
	return list
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

// position is how far a watcher has followed the changes of a batch. Watchers at the same
// position get the same message.
type position struct {
	revision int64
	jobs     jobScope
	page     int64 // as in [cursor]; 0: not within a snapshot
	history  string
}

// change is what changed after a position, for the watchers there.
type change struct {
	batch *job.Batch // shared, never written to
	msg   *message   // to be sent; nil: nothing is to be sent; shared, never written to
	next  int64      // the revision, or within a snapshot the page, of a watcher that has sent msg
	more  bool       // msg did not hold all changes: the next read follows at once
	// snapshot says that the position cannot be used any more: the watcher needs a new snapshot.
	snapshot bool
	history  string // that batch was read of, for the new snapshot
	// outdated says that the batch has changed since the change was read.
	outdated bool
}

// pendingRead is a read that several watchers may wait for.
type pendingRead struct {
	done        chan struct{} // closed when change and err are set
	changeCount int           // of the batch when the read began
	change      change
	err         error
}

// waitAnswer is why a batch does not move.
type waitAnswer struct {
	time     time.Time // when the wait was read; zero: never
	wait     job.Wait
	revision int64 // of the batch at that time; 0: the batch changed during the read
}

// sharedWait returns why the batch does not move: the answer of find, which reads the job table, or
// the answer that another watcher got less than half of [waitInterval] ago.
func (b *watchedBatch) sharedWait(now time.Time, find func(time.Time) (waitAnswer, error)) (waitAnswer, error) {
	b.waitMutex.Lock()
	defer b.waitMutex.Unlock()
	if !b.lastWait.time.IsZero() && now.Sub(b.lastWait.time) < waitInterval/2 {
		return b.lastWait, nil
	}
	a, err := find(now)
	if err == nil {
		b.lastWait = a
	}
	return a, err
}

// sharedRead returns the change after a position: the result of read, or the result that another
// watcher got since the batch last changed or within [readSharingTime]. Only one read at a time runs
// for a position.
//
// Watchers that waited for a read share its error. An error is not kept for others, nor are
// reads that found nothing to send, pages of snapshots, or more than [maxKeptReads].
func (b *watchedBatch) sharedRead(ctx context.Context, p position, read func() (change, error)) (change, error) {
	b.mu.Lock()
	r, ok := b.reads[p]
	if ok {
		b.mu.Unlock()
		select {
		case <-r.done:
		case <-ctx.Done():
			return change{}, context.Cause(ctx)
		}
		return b.readResult(r)
	}
	r = &pendingRead{done: make(chan struct{}), changeCount: b.changeCount, err: errReadPanicked}
	b.reads[p] = r
	b.mu.Unlock()

	defer func() { // deferred, so that waiting watchers go on if read panics
		b.mu.Lock()
		if useless := r.err != nil || r.change.msg == nil || p.page > 0; b.reads[p] == r && (useless || len(b.reads) > maxKeptReads) {
			delete(b.reads, p)
		}
		b.mu.Unlock()
		close(r.done)
	}()
	r.change, r.err = read()
	return b.readResult(r)
}

// read calls read when not many others read.
func (h *hub) read(ctx context.Context, read func(context.Context) (change, error)) (change, error) {
	select {
	case h.reading <- struct{}{}:
	case <-ctx.Done():
		return change{}, ctx.Err()
	}
	defer func() { <-h.reading }()
	return read(ctx)
}

// readResult returns the change of a finished read, and sets whether it is outdated by now.
func (b *watchedBatch) readResult(r *pendingRead) (change, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := r.change
	c.outdated = b.changeCount != r.changeCount
	return c, r.err
}

// errReadPanicked is the error of watchers that waited for a read which panicked.
var errReadPanicked = errors.New("the read was broken off")

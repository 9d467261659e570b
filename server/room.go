package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// roomTime is how long a call waits for room before it is refused, and roomRetry when it is advised to come
// back.
const roomTime, roomRetry = 10 * time.Second, 2 * time.Second

// room is memory that calls share, in bytes. One caller gets at most half of it, or what one request may need,
// so that none of them can keep the others out.
type room struct {
	limit string // its name
	what  string // it is for
	total int64
	share int64 // of one caller
	all   *semaphore.Weighted

	mu      sync.Mutex
	callers map[string]*shareOfRoom
}

// shareOfRoom is the part of a room that one caller may take up.
type shareOfRoom struct {
	*semaphore.Weighted
	users int // calls that hold or wait for a part of it
}

func newRoom(limit, what string, total, largest int) *room {
	total = max(total, largest)
	return &room{
		limit: limit, what: what, total: int64(total), share: int64(max(total/2, largest)), all: semaphore.NewWeighted(int64(total)), callers: map[string]*shareOfRoom{},
	}
}

// reservation is what one call takes up of a room.
type reservation struct {
	room   *room
	caller string
	share  *shareOfRoom
	weight int64
}

// reserve takes up n bytes, or as many as one caller may have, until the reservation is released. It waits for a
// while if there is no room.
func (r *room) reserve(ctx context.Context, caller string, n int) (*reservation, error) {
	weight := min(int64(n), r.share)
	ctx, cancel := context.WithTimeoutCause(ctx, roomTime, errNoRoom)
	defer cancel()
	share := r.join(caller)
	if err := share.Acquire(ctx, weight); err != nil {
		r.leave(caller)
		return nil, r.refusal(ctx, "your other calls take up")
	}
	if err := r.all.Acquire(ctx, weight); err != nil {
		share.Release(weight)
		r.leave(caller)
		return nil, r.refusal(ctx, "calls take up")
	}
	return &reservation{room: r, caller: caller, share: share, weight: weight}, nil
}

// tryReserve is reserve for whoever does not wait. It returns nil if there is no room.
func (r *room) tryReserve(caller string, n int) *reservation {
	weight := min(int64(n), r.share)
	share := r.join(caller)
	if !share.TryAcquire(weight) {
		r.leave(caller)
		return nil
	}
	if !r.all.TryAcquire(weight) {
		share.Release(weight)
		r.leave(caller)
		return nil
	}
	return &reservation{room: r, caller: caller, share: share, weight: weight}
}

// shrink gives back what is more than n bytes.
func (r *reservation) shrink(n int) {
	if more := r.weight - int64(n); more > 0 {
		r.weight -= more
		r.room.all.Release(more)
		r.share.Release(more)
	}
}

// release gives everything back.
func (r *reservation) release() {
	r.room.all.Release(r.weight)
	r.share.Release(r.weight)
	r.room.leave(r.caller)
}

func (r *room) refusal(ctx context.Context, who string) error {
	if cause := context.Cause(ctx); !errors.Is(cause, errNoRoom) {
		return cause
	}
	return &limitError{limit: r.limit, retry: roomRetry, text: fmt.Sprintf("%s the %d MiB that there are for %s; try again", who, r.total>>20, r.what)}
}

func (r *room) join(caller string) *shareOfRoom {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.callers[caller]
	if s == nil {
		s = &shareOfRoom{Weighted: semaphore.NewWeighted(r.share)}
		r.callers[caller] = s
	}
	s.users++
	return s
}

func (r *room) leave(caller string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.callers[caller]; s.users > 1 {
		s.users--
		return
	}
	delete(r.callers, caller)
}

// errNoRoom ends the wait for room.
var errNoRoom = errors.New("no room")

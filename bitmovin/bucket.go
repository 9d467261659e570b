package bitmovin

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/stokerd/stoker/internal/clock"
)

// sameWindow is how far two answers may differ about the end of one rate-limit window:
// the platform reports whole seconds, and answers take time to arrive.
const sameWindow = 2 * time.Second

// bucket is the budget of one class.
type bucket struct {
	clock clock.Clock
	limit int // calls per minute

	mu          sync.Mutex
	tokens      *rate.Limiter
	granted     uint64 // calls allowed so far
	pausedUntil time.Time

	// What the platform says is left of its current window, less what was allowed
	// since. Valid until foreignUntil; foreignTicket is the latest call whose answer is in it.
	foreign       int
	foreignUntil  time.Time
	foreignTicket uint64

	line   []*waiter // who waits, the most urgent first, then who came first
	served bool      // one of them watches the clock for all
}

// waiter is a call that waits for the budget.
type waiter struct {
	urgency Urgency
	since   time.Time
	gate    clock.Event // opens when there is a ticket, or when it is to watch the clock
	ticket  uint64      // 0: not allowed yet
	watches bool        // it is its turn to watch the clock
}

// newBucket returns a full bucket of perMinute calls.
func newBucket(perMinute int, c clock.Clock) *bucket {
	return &bucket{clock: c, limit: perMinute, tokens: rate.NewLimiter(share(perMinute))}
}

// share divides a limit per minute into a burst and a steady rate such that
// burst + 60 s x rate stays 2 % below the limit (exactly at it where it is tiny).
func share(perMinute int) (rate.Limit, int) {
	burst := max(1, perMinute/10)
	steady := float64(perMinute-burst) - float64(perMinute)/50
	if perMinute < 10 {
		steady = float64(perMinute - burst)
	}
	// A limit of one a minute leaves nothing to refill with, yet must refill.
	return rate.Limit(max(steady, 0.5) / window.Seconds()), burst
}

// acquire waits for its turn and for the budget. Of all that wait one watches the clock,
// whoever came first or was handed the watch; the others wait for it at their gates.
func (b *bucket) acquire(ctx context.Context, urgency Urgency) (ticket uint64, err error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.line) == 0 {
		if ticket, delay := b.take(b.clock.Now()); delay <= 0 {
			return ticket, nil
		}
	}
	w := b.join(urgency)
	if b.served {
		b.mu.Unlock()
		err = w.gate.Wait(ctx)
		b.mu.Lock()
		if w.ticket != 0 {
			return w.ticket, nil
		}
	} else {
		b.served, w.watches = true, true
	}
	if err == nil {
		err = b.serve(ctx, w)
	}
	b.leave(w)
	if w.watches {
		b.handOver()
	}
	return w.ticket, err
}

// join puts a waiter behind those that are as urgent. The caller holds b.mu.
func (b *bucket) join(urgency Urgency) *waiter {
	w := &waiter{urgency: urgency, since: b.clock.Now(), gate: b.clock.NewEvent()}
	at, _ := slices.BinarySearchFunc(b.line, urgency, func(other *waiter, u Urgency) int {
		if other.urgency >= u {
			return -1
		}
		return 1
	})
	b.line = slices.Insert(b.line, at, w)
	return w
}

// leave takes a waiter out of the line. The caller holds b.mu.
func (b *bucket) leave(w *waiter) {
	if i := slices.Index(b.line, w); i >= 0 {
		b.line = slices.Delete(b.line, i, i+1)
	}
}

// serve gives tickets to those who wait, in their order, until w has one. The caller
// holds b.mu.
func (b *bucket) serve(ctx context.Context, w *waiter) error {
	for w.ticket == 0 {
		ticket, delay := b.take(b.clock.Now())
		if delay > 0 {
			b.mu.Unlock()
			err := b.clock.Sleep(ctx, delay)
			b.mu.Lock()
			if err != nil {
				return err
			}
			continue // look again: meanwhile a 429 may have paused the class
		}
		next := b.next(ticket)
		b.leave(next)
		next.ticket = ticket
		if next != w {
			next.gate.Set()
		}
	}
	return nil
}

// next is whose turn it is: that of the most urgent, and of every fourth call whoever has
// waited longest, if that is out of patience. The caller holds b.mu.
func (b *bucket) next(ticket uint64) *waiter {
	if ticket%turn == 0 {
		oldest := slices.MinFunc(b.line, func(x, y *waiter) int { return x.since.Compare(y.since) })
		if b.clock.Now().Sub(oldest.since) >= patience {
			return oldest
		}
	}
	return b.line[0]
}

// handOver has the next in line watch the clock. The caller holds b.mu.
func (b *bucket) handOver() {
	b.served = false
	if len(b.line) > 0 {
		b.served, b.line[0].watches = true, true
		b.line[0].gate.Set()
	}
}

// take allows one call at now, or says how long to wait before asking again. The caller
// holds b.mu.
func (b *bucket) take(now time.Time) (ticket uint64, delay time.Duration) {
	if until := b.blockedUntil(now); !until.IsZero() {
		return 0, until.Sub(now)
	}
	r := b.tokens.ReserveN(now, 1)
	if delay := r.DelayFrom(now); delay > 0 {
		r.CancelAt(now)
		return 0, delay
	}
	b.foreign--
	b.granted++
	return b.granted, 0
}

// blockedUntil returns the end of a pause or of a window the platform calls used up, or
// the zero time when neither is in force. The caller holds b.mu.
func (b *bucket) blockedUntil(now time.Time) time.Time {
	var until time.Time
	if b.pausedUntil.After(now) {
		until = b.pausedUntil
	}
	if b.foreign <= 0 && b.foreignUntil.After(now) && b.foreignUntil.After(until) {
		until = b.foreignUntil
	}
	return until
}

// pause stops the class until the given time. It never shortens a pause.
func (b *bucket) pause(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.pausedUntil) {
		b.pausedUntil = until
	}
}

// adoptRemaining takes over the platform's account of its window from the answer to the
// call with ticket. Calls allowed after that one cannot be counted on to be in it.
func (b *bucket) adoptRemaining(now time.Time, ticket uint64, remaining int, reset time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := max(0, remaining-int(b.granted-ticket))
	until := now.Add(reset)
	switch {
	case !b.foreignUntil.After(now), ticket > b.foreignTicket && until.After(b.foreignUntil.Add(sameWindow)):
		b.foreign, b.foreignUntil, b.foreignTicket = left, until, ticket
	default:
		// The same window: answers overtake each other, and the lowest figure is
		// the newest or too careful.
		b.foreign, b.foreignTicket = min(b.foreign, left), max(b.foreignTicket, ticket)
	}
}

// state returns the budget at now, without the class.
func (b *bucket) state(now time.Time) ClassState {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := ClassState{
		LimitPerMinute: b.limit,
		Available:      max(0, int(b.tokens.TokensAt(now))),
		PausedUntil:    b.blockedUntil(now),
	}
	if b.foreignUntil.After(now) {
		s.Available = max(0, min(s.Available, b.foreign))
	}
	if !s.PausedUntil.IsZero() {
		s.Available = 0
	}
	if s.Waiting = len(b.line); s.Waiting > 0 {
		s.Next = b.nextAt(now)
	}
	return s
}

// nextAt is when the budget allows the next call. The caller holds b.mu.
func (b *bucket) nextAt(now time.Time) time.Time {
	if until := b.blockedUntil(now); !until.IsZero() {
		return until
	}
	short := 1 - b.tokens.TokensAt(now)
	return now.Add(max(0, time.Duration(short/float64(b.tokens.Limit())*float64(time.Second))))
}

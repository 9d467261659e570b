package bitmovin

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// sameWindow is how far two answers may differ about the end of one rate-limit window:
// the platform reports whole seconds, and answers take time to arrive.
const sameWindow = 2 * time.Second

// bucket is the budget of one class.
type bucket struct {
	limit int // calls per minute

	// turn holds one token; who has it is next. Channels serve their receivers in
	// order, so waiting callers do too, and only one of them watches the clock.
	turn chan struct{}

	mu          sync.Mutex
	tokens      *rate.Limiter
	granted     uint64 // calls allowed so far
	pausedUntil time.Time

	// What the platform says is left of its current window, less what was allowed
	// since. Valid until foreignUntil.
	foreign      int
	foreignUntil time.Time

	spent    [60]int // calls allowed per second of the last minute, by Unix second modulo 60
	spentSec int64   // the Unix second spent was last advanced to
}

// newBucket returns a full bucket of perMinute calls.
func newBucket(perMinute int) *bucket {
	b := &bucket{limit: perMinute, turn: make(chan struct{}, 1), tokens: rate.NewLimiter(share(perMinute))}
	b.turn <- struct{}{}
	return b
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

// acquire waits for its turn and then for the budget.
func (b *bucket) acquire(ctx context.Context) (ticket uint64, err error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	select {
	case <-b.turn:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	defer func() { b.turn <- struct{}{} }()
	for {
		ticket, delay := b.take(time.Now())
		if delay <= 0 {
			return ticket, nil
		}
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
			// Look again: meanwhile a 429 may have paused the class.
		case <-ctx.Done():
			timer.Stop()
			return 0, context.Cause(ctx)
		}
	}
}

// take allows one call at now, or says how long to wait before asking again.
func (b *bucket) take(now time.Time) (ticket uint64, delay time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
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
	b.advance(now)
	b.spent[now.Unix()%60]++
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
	case !b.foreignUntil.After(now), until.After(b.foreignUntil.Add(sameWindow)):
		b.foreign, b.foreignUntil = left, until
	default:
		// The same window: answers overtake each other, and the lowest figure is
		// the newest or too careful.
		b.foreign = min(b.foreign, left)
	}
}

// state returns the budget at now, without the class.
func (b *bucket) state(now time.Time) ClassState {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(now)
	s := ClassState{
		LimitPerMinute: b.limit,
		Available:      max(0, int(b.tokens.TokensAt(now))),
		PausedUntil:    b.blockedUntil(now),
	}
	spent := 0
	for _, n := range b.spent {
		spent += n
	}
	s.Remaining = max(0, b.limit-spent)
	if b.foreignUntil.After(now) {
		s.Available = max(0, min(s.Available, b.foreign))
		s.Remaining = max(0, min(s.Remaining, b.foreign))
	}
	if !s.PausedUntil.IsZero() {
		s.Available = 0
	}
	return s
}

// advance forgets the seconds of b.spent that are a minute or more past. The caller
// holds b.mu.
func (b *bucket) advance(now time.Time) {
	sec := now.Unix()
	for s := max(b.spentSec+1, sec-59); s <= sec; s++ {
		b.spent[s%60] = 0
	}
	b.spentSec = max(b.spentSec, sec)
}

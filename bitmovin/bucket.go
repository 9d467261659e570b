package bitmovin

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/stokerd/stoker/internal/clock"
)

// windowTolerance is how far two responses may differ about the end of the same window: the
// platform reports whole seconds, and responses take time to arrive.
const windowTolerance = 2 * time.Second

// bucket holds the budget of one endpoint class, and the calls that wait for it.
type bucket struct {
	clock clock.Clock
	limit int // calls per minute

	mu          sync.Mutex
	tokens      *rate.Limiter // spreads the calls
	fullTime    time.Time     // when tokens was last full, or nearly
	window      callWindow    // keeps the limit
	granted     uint64        // calls granted so far; the ticket of a call is its number
	pausedUntil time.Time

	// reported is how many calls are left in the window of the platform: the number that the
	// platform reported, less the calls that were granted since. It is valid until
	// reportedUntil, the end of the window. reportedTicket is the latest call whose response
	// was taken into account.
	reported       int
	reportedUntil  time.Time
	reportedTicket uint64

	claims map[*Client]*claim

	queue   []*waiter // by urgency, then in the order of arrival
	watched bool      // one of the waiters watches the clock
}

// waiter is a call that waits for the budget.
type waiter struct {
	urgency urgency
	since   time.Time
	wake    clock.Event // happens when the waiter has a ticket, or is to watch the clock
	ticket  uint64      // 0: not granted yet
	watches bool        // this waiter watches the clock
}

// newBucket returns a full bucket of perMinute calls.
func newBucket(perMinute int, c clock.Clock) *bucket {
	slow, _ := steadyRates(perMinute)
	return &bucket{
		clock: c, limit: perMinute, tokens: rate.NewLimiter(slow, burstOf(perMinute)),
		window: callWindow{limit: perMinute - slack(perMinute)},
	}
}

// slack is how many calls of a limit are not used: a hundredth, or none of a limit below ten.
func slack(perMinute int) int {
	if perMinute < 10 {
		return 0
	}
	return (perMinute + 99) / 100
}

// burstOf is how many calls may leave at once: a sixtieth of the limit, or a tenth if that is at most
// six calls.
func burstOf(perMinute int) int { return max(1, perMinute/60, min(perMinute/10, 6)) }

// steadyRates are the rates at which a bucket is refilled. A burst and a minute at the slow rate
// use the limit up to its slack; so does a minute at the full rate, without a burst.
func steadyRates(perMinute int) (slow, full rate.Limit) {
	n, burst := perMinute-slack(perMinute), burstOf(perMinute)
	// For a limit of one call a minute, the slow rate would be zero, and the bucket never refilled.
	slow = rate.Limit(max(float64(n-burst), 0.5) / limitWindow.Seconds())
	if perMinute < 10 {
		return slow, slow
	}
	return slow, rate.Limit(float64(n) / limitWindow.Seconds())
}

// adjustRate chooses the rate: the slow one as long as a burst may be in the window. The caller
// holds b.mu.
func (b *bucket) adjustRate(now time.Time) {
	if b.tokens.TokensAt(now) > float64(b.tokens.Burst())-1 {
		b.fullTime = now
	}
	slow, full := steadyRates(b.limit)
	wanted := slow
	if now.Sub(b.fullTime) > limitWindow {
		wanted = full
	}
	if b.tokens.Limit() != wanted {
		b.tokens.SetLimitAt(now, wanted)
	}
}

// acquire waits until the budget grants the call. If ctx ends first, it returns the cause of
// ctx. One of the waiters watches the clock and grants tickets to all waiters in their order;
// the others wait for their events. A watcher that leaves passes the watch on.
func (b *bucket) acquire(ctx context.Context, u urgency) (ticket uint64, err error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		if ticket, delay := b.tryTake(b.clock.Now()); delay <= 0 {
			return ticket, nil
		}
	}
	w := b.enqueue(u)
	if b.watched {
		b.mu.Unlock()
		err = w.wake.Wait(ctx)
		b.mu.Lock()
		if w.ticket != 0 {
			return w.ticket, nil
		}
	} else {
		b.watched, w.watches = true, true
	}
	if err == nil {
		err = b.grantUntil(ctx, w)
	}
	b.dequeue(w)
	if w.watches {
		b.passWatch()
	}
	return w.ticket, err
}

// enqueue adds a waiter behind those of the same urgency. The caller holds b.mu.
func (b *bucket) enqueue(u urgency) *waiter {
	w := &waiter{urgency: u, since: b.clock.Now(), wake: b.clock.NewEvent()}
	at, _ := slices.BinarySearchFunc(b.queue, u, func(other *waiter, u urgency) int {
		if other.urgency >= u {
			return -1
		}
		return 1
	})
	b.queue = slices.Insert(b.queue, at, w)
	return w
}

// dequeue removes a waiter. The caller holds b.mu.
func (b *bucket) dequeue(w *waiter) {
	if i := slices.Index(b.queue, w); i >= 0 {
		b.queue = slices.Delete(b.queue, i, i+1)
	}
}

// grantUntil watches the clock and grants tickets to the waiters in their order until w has
// one. The caller holds b.mu.
func (b *bucket) grantUntil(ctx context.Context, w *waiter) error {
	for w.ticket == 0 {
		ticket, delay := b.tryTake(b.clock.Now())
		if delay > 0 {
			b.mu.Unlock()
			err := b.clock.Sleep(ctx, delay)
			b.mu.Lock()
			if err != nil {
				return err
			}
			continue // take only now: a 429 may have paused the class meanwhile
		}
		chosen := b.chooseNext(ticket)
		b.dequeue(chosen)
		chosen.ticket = ticket
		if chosen != w {
			chosen.wake.Set()
		}
	}
	return nil
}

// chooseNext returns the waiter that gets the ticket: the first of the queue, or at every fourth
// ticket the one that has waited longest, if that is overtakingLimit or more. The caller holds
// b.mu.
func (b *bucket) chooseNext(ticket uint64) *waiter {
	if ticket%oldestEvery == 0 {
		oldest := slices.MinFunc(b.queue, func(x, y *waiter) int { return x.since.Compare(y.since) })
		if b.clock.Now().Sub(oldest.since) >= overtakingLimit {
			return oldest
		}
	}
	return b.queue[0]
}

// passWatch lets the first of the queue watch the clock. The caller holds b.mu.
func (b *bucket) passWatch() {
	b.watched = false
	if len(b.queue) > 0 {
		b.watched, b.queue[0].watches = true, true
		b.queue[0].wake.Set()
	}
}

// tryTake grants one call at now, or returns how long to wait before the next try. The caller
// holds b.mu.
func (b *bucket) tryTake(now time.Time) (ticket uint64, delay time.Duration) {
	if until := b.blockedUntil(now); !until.IsZero() {
		return 0, until.Sub(now)
	}
	b.adjustRate(now)
	if free := b.window.freeAt(); free.After(now) {
		return 0, free.Sub(now)
	}
	r := b.tokens.ReserveN(now, 1)
	if delay := r.DelayFrom(now); delay > 0 {
		r.CancelAt(now)
		return 0, delay
	}
	b.reported--
	b.granted++
	b.window.add(now)
	return b.granted, 0
}

// blockedUntil returns the end of a pause, or of a window that the platform reports as used up.
// It returns the zero time if there is neither. The caller holds b.mu.
func (b *bucket) blockedUntil(now time.Time) time.Time {
	var until time.Time
	if b.pausedUntil.After(now) {
		until = b.pausedUntil
	}
	if b.reported <= 0 && b.reportedUntil.After(now) && b.reportedUntil.After(until) {
		until = b.reportedUntil
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

// adoptReport takes over what the platform reports about its window in the response to the call
// with ticket. Calls that were granted after that one may be missing from the report, so
// adoptReport subtracts them.
func (b *bucket) adoptReport(now time.Time, ticket uint64, remaining int, reset time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := max(0, remaining-int(b.granted-ticket))
	until := now.Add(reset)
	switch {
	case !b.reportedUntil.After(now), ticket > b.reportedTicket && until.After(b.reportedUntil.Add(windowTolerance)):
		b.reported, b.reportedUntil, b.reportedTicket = left, until, ticket
	case ticket < b.reportedTicket && until.Before(b.reportedUntil.Add(-windowTolerance)):
		// The report is about an earlier window, which is over or nearly so.
	default:
		// The report is about the same window. Responses may arrive out of order: the lowest
		// number is the newest, or errs on the safe side.
		b.reported, b.reportedTicket = min(b.reported, left), max(b.reportedTicket, ticket)
	}
}

// state returns the budget at now. It leaves Class zero.
func (b *bucket) state(now time.Time) ClassState {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := ClassState{
		LimitPerMinute: b.limit,
		Available:      max(0, min(int(b.tokens.TokensAt(now)), b.window.free(now))),
		PausedUntil:    b.blockedUntil(now),
	}
	if b.reportedUntil.After(now) {
		s.Available = max(0, min(s.Available, b.reported))
	}
	s.Full = s.Available >= b.tokens.Burst() && s.PausedUntil.IsZero() && len(b.queue) == 0
	if !s.PausedUntil.IsZero() {
		s.Available = 0
	}
	if s.Waiting = len(b.queue); s.Waiting > 0 {
		s.Next = b.nextCallTime(now)
	}
	return s
}

// budget returns the budget at now, for a client that wants to make a call. It is nil if none does.
func (b *bucket) budget(now time.Time, wants *Client) Budget {
	b.mu.Lock()
	defer b.mu.Unlock()
	free := min(int(b.tokens.TokensAt(now)), b.window.free(now))
	if b.reportedUntil.After(now) {
		free = min(free, b.reported)
	}
	if b.pausedUntil.After(now) {
		free = 0
	}
	free -= len(b.queue)
	if wants != nil {
		free -= b.noteClaim(wants, free, now)
	}
	r := Budget{PerMinute: b.limit, Free: max(free, 0), Next: now}
	if free <= 0 {
		waiting := time.Duration(float64(len(b.queue)) / float64(b.tokens.Limit()) * float64(time.Second))
		r.Next = b.nextCallTime(now).Add(waiting)
	}
	return r
}

// nextCallTime returns when the budget grants the next call. The caller holds b.mu.
func (b *bucket) nextCallTime(now time.Time) time.Time {
	if until := b.blockedUntil(now); !until.IsZero() {
		return until
	}
	short := 1 - b.tokens.TokensAt(now)
	next := now.Add(max(0, time.Duration(short/float64(b.tokens.Limit())*float64(time.Second))))
	if free := b.window.freeAt(); free.After(next) {
		return free
	}
	return next
}

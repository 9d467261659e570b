package bitmovin

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stokerd/stoker/internal/clock"
)

// limitWindow is the time over which the platform counts calls for its rate limits.
const limitWindow = time.Minute

// The headers in which the platform reports the window of a class.
const (
	headerRemaining = "X-Ratelimit-Remaining"
	headerReset     = "X-Ratelimit-Reset" // seconds to the end of the window, at most 60
)

// Governor keeps the calls of one API key below the platform's rate limits. It is safe
// for concurrent use and meant to be shared by all clients of that key.
//
// For each class it guarantees that no more calls than the limit leave within any 60 seconds, less
// one percent, which allows for calls that leave evenly and arrive bunched. A token bucket
// spreads the calls: after a pause a sixtieth of the limit may leave at once, and the rest evenly.
//
// A new Governor starts with full buckets: it does not know the calls of an earlier process, or
// of others with the same key. The responses of the platform correct the budget. Their
// x-ratelimit-* headers reduce the budget and never increase it. A 429 pauses the class for the
// time that its headers name, at most an hour, or for a minute if they name none.
//
// Calls that wait for the same class leave in the order of their urgency, and within an urgency
// in the order of their arrival. Cancelling an encoding comes first, then starting one, reading
// the status of one, counting the queue, walking a list, and everything else. No call is
// overtaken for ever: every fourth call to leave is the one that has waited longest, if that is
// a minute or more. Calls of different classes do not wait for each other.
type Governor struct {
	clock   clock.Clock
	buckets [classEnd]*bucket
	clients atomic.Int64
}

// urgency orders the calls that wait for the budget of one class. The kind of a call decides its
// urgency. So a cancellation does not wait for the configuration of later jobs, and the count
// of the queue does not wait for a list of many pages.
type urgency int

// The urgencies, the least urgent first.
const (
	urgencyPrepare urgency = iota // everything else, such as configuring and deleting
	urgencyList                   // reading all pages of a list
	urgencyCount                  // reading one page of a list, as the count of the queue does
	urgencyStatus                 // reading one encoding, by its id or its name
	urgencyStart                  // starting or reprioritizing an encoding
	urgencyCancel                 // stopping an encoding
)

// Others who use the same key may leave less budget than the urgent calls need. Without the
// following bounds the less urgent calls would then wait for ever. For example, counts of the
// queue could keep an account from being reconciled.
const (
	overtakingLimit = limitWindow // a call that has waited this long may leave before more urgent ones
	oldestEvery     = 4           // one call in so many is the one that has waited longest
)

// NewGovernor returns a governor with the given limits.
func NewGovernor(limits Limits) *Governor { return NewGovernorWithClock(clock.Real{}, limits) }

// NewGovernorWithClock returns a governor with the given limits and clock.
func NewGovernorWithClock(c clock.Clock, limits Limits) *Governor {
	g := &Governor{clock: c}
	for class, perMinute := range DefaultLimits() {
		if limits[class] > 0 {
			perMinute = limits[class]
		}
		g.buckets[class] = newBucket(perMinute, c)
	}
	return g
}

// bucketOf returns the bucket of a class. A value that is no class has the bucket of ClassOther.
func (g *Governor) bucketOf(class Class) *bucket {
	if class <= 0 || class >= classEnd {
		class = ClassOther
	}
	return g.buckets[class]
}

// CountClients returns how many clients share the budgets.
func (g *Governor) CountClients() int { return int(g.clients.Load()) }

// ClassState describes the budget of one class at one moment.
type ClassState struct {
	Class          Class
	LimitPerMinute int
	Available      int       // calls that could leave now
	Full           bool      // Available is as large as it gets, until the next call
	Waiting        int       // calls that wait
	Next           time.Time // when the next waiting call leaves; zero if none waits
	PausedUntil    time.Time // end of a pause after a 429 or of a used-up window; zero if there is none
}

// State returns the budgets of all classes, in the order in which the classes are declared.
func (g *Governor) State() []ClassState {
	now := g.clock.Now()
	states := make([]ClassState, 0, classEnd-1)
	for class := ClassEncodingCreate; class < classEnd; class++ {
		s := g.buckets[class].state(now)
		s.Class = class
		states = append(states, s)
	}
	return states
}

// Budget is how the budget of one class stands for a caller that makes no call which has to wait.
type Budget struct {
	PerMinute int
	Free      int       // calls that could leave now, besides those that wait
	Next      time.Time // when another call could leave, if none is free
}

// PerSecond is how many calls of the class the platform allows each second, on average.
func (b Budget) PerSecond() float64 { return float64(b.PerMinute) / time.Minute.Seconds() }

// ReadBudget returns the budget of a class.
func (g *Governor) ReadBudget(class Class) Budget {
	return g.bucketOf(class).budget(g.clock.Now(), nil)
}

// acquire waits until a call of class may leave, and counts it. If ctx ends first it returns the
// cause of ctx and counts nothing. The ticket identifies the call in observe.
func (g *Governor) acquire(ctx context.Context, class Class, u urgency) (ticket uint64, err error) {
	return g.bucketOf(class).acquire(ctx, u)
}

// observe corrects the budget by the headers of the response to the call with ticket. It does
// nothing if h is nil, which means that there was no response.
func (g *Governor) observe(class Class, ticket uint64, h http.Header, throttled bool) {
	if h == nil {
		return
	}
	now := g.clock.Now()
	b := g.bucketOf(class)
	if throttled {
		wait := retryAfter(h, now)
		if reset, known := seconds(h.Get(headerReset)); known && wait == 0 {
			wait = min(max(reset, time.Second), limitWindow) // 0 means less than a second
		}
		b.pause(now.Add(cmp.Or(wait, limitWindow)))
	}
	remaining, ok := count(h.Get(headerRemaining))
	reset, known := seconds(h.Get(headerReset))
	if ok && known {
		b.adoptReport(now, ticket, remaining, min(reset, limitWindow))
	}
}

// count parses a non-negative whole number.
func count(s string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	return n, err == nil && n >= 0
}

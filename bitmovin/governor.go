package bitmovin

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stokerd/stoker/internal/clock"
)

// window is the span the platform's rate limits are counted over.
const window = time.Minute

// The headers that report the platform's own account of a class.
const (
	headerRemaining = "X-Ratelimit-Remaining"
	headerReset     = "X-Ratelimit-Reset" // seconds to the end of the window, at most 60
)

// Governor keeps the calls of one API key below the platform's rate limits. It is safe
// for concurrent use and meant to be shared by all clients of that key.
//
// For each class it guarantees that no span of 60 seconds, wherever it begins, sees
// more calls leave than the limit: a token bucket holds a tenth of the limit for
// bursts and refills with the rest, less two percent, which absorb calls that
// leave evenly and arrive bunched. A new Governor starts with a full bucket and knows
// nothing of what an earlier process spent; there, and wherever others use the same
// key, the platform's answers correct it: its x-ratelimit-* headers take away budget
// (they never add to it), and a 429 pauses the class until the reset, or for a minute
// when the answer names none.
//
// Calls of one class that have to wait leave in the order of their [Urgency], and of those
// that are as urgent the one that came first goes first. No call is overtaken for ever:
// of those that have waited for a minute one leaves with every fourth call, whatever its
// urgency. Calls of different classes do not wait for each other.
type Governor struct {
	clock   clock.Clock
	buckets [classEnd]*bucket
}

// Urgency orders calls that wait for the budget of one class. It follows from the kind
// of call: stopping what is to be cancelled does not wait behind what is configured
// ahead, and counting the queue not behind a list of many pages.
type Urgency int

// The urgencies, the least urgent first.
const (
	UrgencyPrepare Urgency = iota // configuring, deleting, and whatever else can wait
	UrgencyList                   // walking through all pages of a list
	UrgencyCount                  // one page of a list, which is how the queue is counted
	UrgencyStatus                 // how one encoding stands, or whether there is one of a name
	UrgencyStart                  // starting an encoding, or moving it up in the queue
	UrgencyCancel                 // stopping one
)

// Others may use the same key and leave less than the urgent calls alone would take: the
// count of the queue, say, less than would let the account be reconciled.
const (
	patience = window // how long a call may be overtaken by more urgent ones
	turn     = 4      // then every so many calls one is given to whoever has waited longest
)

// NewGovernor returns a governor with the given limits.
func NewGovernor(limits Limits) *Governor { return NewGovernorWithClock(clock.Real{}, limits) }

// NewGovernorWithClock returns a governor that lives by a clock other than the world's.
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

// bucket returns the bucket of class; a value that is no class shares ClassOther's.
func (g *Governor) bucket(class Class) *bucket {
	if class <= 0 || class >= classEnd {
		class = ClassOther
	}
	return g.buckets[class]
}

// ClassState is the budget of one class at one moment.
type ClassState struct {
	Class          Class
	LimitPerMinute int
	Available      int       // calls that could be sent right now
	Waiting        int       // calls that wait for their turn
	Next           time.Time // when the next of them can be sent; zero if none waits
	PausedUntil    time.Time // zero unless a 429 or a used-up window has paused the class
}

// State returns the budget of every class, in the order of their declaration.
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

// acquire is Wait; its ticket tells observe which of the calls an answer belongs to.
func (g *Governor) acquire(ctx context.Context, class Class, urgency Urgency) (ticket uint64, err error) {
	return g.bucket(class).acquire(ctx, urgency)
}

// observe learns from the answer to the call with ticket. The header is nil when there
// was no answer.
func (g *Governor) observe(class Class, ticket uint64, h http.Header, throttled bool) {
	if h == nil {
		return
	}
	now := g.clock.Now()
	b := g.bucket(class)
	if throttled {
		wait := retryAfter(h, now)
		if reset, known := seconds(h.Get(headerReset)); known && wait == 0 {
			wait = min(max(reset, time.Second), window) // 0 is less than a second
		}
		b.pause(now.Add(cmp.Or(wait, window)))
	}
	remaining, ok := count(h.Get(headerRemaining))
	reset, known := seconds(h.Get(headerReset))
	if ok && known {
		b.adoptRemaining(now, ticket, remaining, min(reset, window))
	}
}

// count parses a non-negative whole number.
func count(s string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	return n, err == nil && n >= 0
}

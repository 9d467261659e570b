package notifier

import (
	"maps"
	"sync"

	"github.com/stokerd/stoker/internal/notification"
)

// Outcome is what became of an attempt, or of a delivery without one.
type Outcome string

// The outcomes.
const (
	OutcomeDelivered Outcome = "delivered" // the endpoint has accepted the message
	OutcomeRetried   Outcome = "retried"   // the attempt failed, and there will be another
	OutcomeFailed    Outcome = "failed"    // the delivery was given up
)

// Outcomes lists the outcomes.
func Outcomes() []Outcome { return []Outcome{OutcomeDelivered, OutcomeRetried, OutcomeFailed} }

// Counted is what is counted separately.
type Counted struct {
	Event   notification.Event
	Outcome Outcome
}

// counters counts outcomes since the process started.
type counters struct {
	mu     sync.Mutex
	counts map[Counted]int64
}

func (c *counters) count(event notification.Event, outcome Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[Counted]int64{}
	}
	c.counts[Counted{event, outcome}]++
}

// Counts returns how often each outcome came about since the process started.
func (n *Notifier) Counts() map[Counted]int64 {
	n.counters.mu.Lock()
	defer n.counters.mu.Unlock()
	return maps.Clone(n.counters.counts)
}

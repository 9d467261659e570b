package webhook

import (
	"net/http"
	"sync"
	"time"

	"github.com/stokerd/stoker/job"
)

// outcome is what became of a delivery.
type outcome int

const (
	accepted     outcome = iota // the store is told the encoding
	duplicate                   // the event was accepted before
	outdated                    // the event is too old, from the future, or without a readable time
	irrelevant                  // the event is not about an encoding
	forged                      // the delivery is not signed with the key of the account
	malformed                   // the delivery is too large, cannot be received, or is no event
	outcomeCount                // how many outcomes there are
)

func (o outcome) String() string {
	return [outcomeCount]string{"accepted", "duplicate", "stale", "irrelevant", "forged", "malformed"}[o]
}

// status returns the HTTP status of the answer.
func (o outcome) status() int {
	switch o {
	case forged:
		return http.StatusUnauthorized
	case malformed:
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// logInterval is the least time between two log lines about suspicious deliveries: the senders
// must not be able to flood the log.
const logInterval = time.Minute

// counters counts the deliveries of an account by their outcomes.
type counters struct {
	mu           sync.Mutex
	counts       [outcomeCount]int64
	lastAccepted time.Time
	nextLog      time.Time // before this time nothing is logged
}

// count counts a delivery. It logs a forged, malformed or stale one, but only one per
// logInterval.
func (a *account) count(o outcome, from string) {
	now, c := time.Now(), &a.counters
	c.mu.Lock()
	c.counts[o]++
	if o == accepted {
		c.lastAccepted = now
	}
	suspicious := o == forged || o == malformed || o == outdated
	logged := suspicious && !now.Before(c.nextLog)
	if logged {
		c.nextLog = now.Add(logInterval)
	}
	counts := c.counts
	c.mu.Unlock()
	if logged {
		a.log.Warn("webhook delivery not used", "outcome", o.String(), "address", from,
			"forged", counts[forged], "malformed", counts[malformed], "stale", counts[outdated])
	}
}

// publish passes the state of the webhooks of an account to the store, unless the account gets none any more.
func (r *Receiver) publish(a *account) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.accounts[a.ID] == a {
		r.publishKnown(a)
	}
}

// publishKnown is publish for an account that gets webhooks. The caller holds r.mu, or is alone.
func (r *Receiver) publishKnown(a *account) {
	a.counters.mu.Lock()
	defer a.counters.mu.Unlock()
	n := &a.counters.counts
	r.store.PublishWebhooks(a.ID, job.Webhooks{
		Problem: a.registration.text(), LastUsedTime: a.counters.lastAccepted,
		UsedCount: n[accepted], IgnoredCount: n[duplicate] + n[outdated] + n[irrelevant], RejectedCount: n[forged] + n[malformed],
	})
}

package webhook

import (
	"net/http"
	"sync"
	"time"

	"github.com/stokerd/stoker/job"
)

// verdict is what a delivery turned out to be.
type verdict int

const (
	accepted   verdict = iota // rang
	duplicate                 // rang before
	stale                     // too old, from the future, or of no known time
	irrelevant                // not about an encoding
	forged                    // not signed with the account's key
	malformed                 // not to be read
	verdicts                  // how many there are
)

func (v verdict) String() string {
	return [verdicts]string{"accepted", "duplicate", "stale", "irrelevant", "forged", "malformed"}[v]
}

// status is how a delivery is answered.
func (v verdict) status() int {
	switch v {
	case forged:
		return http.StatusUnauthorized
	case malformed:
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// quiet is the time between two log lines about deliveries that came to nothing: who
// sends them shall not decide how much is logged.
const quiet = time.Minute

// tally counts an account's deliveries.
type tally struct {
	mu       sync.Mutex
	counts   [verdicts]int64
	latest   time.Time // when one was accepted
	logAgain time.Time
}

// count takes note of a delivery.
func (a *account) count(v verdict, from string) {
	now, t := time.Now(), &a.tally
	t.mu.Lock()
	t.counts[v]++
	if v == accepted {
		t.latest = now
	}
	suspicious := v == forged || v == malformed || v == stale
	logged := suspicious && !now.Before(t.logAgain)
	if logged {
		t.logAgain = now.Add(quiet)
	}
	counts := t.counts
	t.mu.Unlock()
	if logged {
		a.log.Warn("webhook delivery not used", "verdict", v.String(), "from", from,
			"forged", counts[forged], "malformed", counts[malformed], "stale", counts[stale])
	}
}

// publish shows how the webhooks of an account stand.
func (r *Receiver) publish(a *account) {
	if a == r.stranger {
		return
	}
	a.tally.mu.Lock()
	defer a.tally.mu.Unlock()
	n := &a.tally.counts
	r.store.PublishWebhooks(a.ID, job.Webhooks{
		Problem: a.standing.text(), LastUsedTime: a.tally.latest,
		UsedCount: n[accepted], IgnoredCount: n[duplicate] + n[stale] + n[irrelevant], RejectedCount: n[forged] + n[malformed],
	})
}

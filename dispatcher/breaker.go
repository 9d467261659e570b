package dispatcher

import (
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// How many calls in a row must fail, and for how long, before the breaker opens: calls
// go out side by side, and a hiccup of milliseconds fails several of them. One refused
// key opens it at once.
const (
	trips   = 5
	tripped = 2 * time.Second
)

// quotaMemory is how soon after the breaker has closed another refusal for a quota counts as
// the same trouble: the probe cannot tell whether the quota is still used up, so that
// the pauses have to go on growing.
const quotaMemory = 5 * time.Minute

// breaker stops all calls of an account while the platform, or the way to it,
// is out of order, and lets a single probe through from time to time. Because
// nothing is sent while it is open, no outage costs a job an attempt.
type breaker struct {
	state     job.BreakerState
	reason    string
	since     time.Time
	nextProbe time.Time

	closedTime time.Time // when it closed last
	failures   int       // in a row
	failing    time.Time // since the first of them
	wait       *backoff.ExponentialBackOff
}

func newBreaker() breaker {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = time.Second
	wait.MaxInterval = time.Minute
	return breaker{state: job.BreakerClosed, wait: wait}
}

// closed reports whether work may be sent.
func (b *breaker) closed() bool { return b.state == job.BreakerClosed }

// observe takes note of how a call ended and reports whether the breaker opened.
func (b *breaker) observe(err error, now time.Time) (opened bool) {
	if b.state != job.BreakerClosed {
		return false // only the probe decides
	}
	if err == nil || bitmovin.Throttled(err) || !bitmovin.Outage(err) {
		b.failures = 0
		return false
	}
	if b.failures++; b.failures == 1 {
		b.failing = now
	}
	enough := b.failures >= trips && now.Sub(b.failing) >= tripped
	if !enough && !bitmovin.Unauthorized(err) && !bitmovin.QuotaExhausted(err) {
		return false
	}
	b.state, b.reason, b.since = job.BreakerOpen, inShort(err), now
	if !bitmovin.QuotaExhausted(err) || now.Sub(b.closedTime) > quotaMemory {
		b.wait.Reset()
	}
	b.nextProbe = now.Add(b.wait.NextBackOff())
	return true
}

// probe lets one call through.
func (b *breaker) probe() { b.state = job.BreakerProbing }

// probed takes note of how the probe ended and reports whether the breaker closed.
func (b *breaker) probed(err error, now time.Time) (closed bool) {
	if err == nil || !bitmovin.Outage(err) {
		b.state, b.reason, b.since, b.nextProbe, b.failures = job.BreakerClosed, "", time.Time{}, time.Time{}, 0
		b.closedTime = now
		return true
	}
	b.state, b.reason = job.BreakerOpen, inShort(err)
	b.nextProbe = now.Add(b.wait.NextBackOff())
	return false
}

// inShort is an error as people are told of it. The platform's words in it can be long.
func inShort(err error) string { return job.Shorten(err.Error(), job.MaxReason) }

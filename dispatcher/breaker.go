package dispatcher

import (
	"maps"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// How many calls in a row must fail, for how long, and about how many objects, before the
// breaker opens: calls go out side by side, and a hiccup of milliseconds fails several of
// them; and one encoding that the platform breaks on says nothing of the platform. Where
// too few objects are there to tell, a ping is asked. One refused key opens it at once.
const (
	failuresToTrip    = 5
	failingTimeToTrip = 2 * time.Second
	objectsToTrip     = 3
)

// quotaRefusalMemory is how soon after the breaker has closed another refusal for a quota counts as
// the same trouble: the probe cannot tell whether the quota is still used up, so that
// the pauses have to go on growing.
const quotaRefusalMemory = 5 * time.Minute

// pingInterval is the time between two pings that are to tell an outage from an object that the
// platform breaks on.
const pingInterval = 30 * time.Second

// maxUnanswered bounds the objects that are remembered for being without an answer.
const maxUnanswered = 4096

// breaker stops all calls of an account while the platform, or the way to it,
// is out of order, and lets a single probe through from time to time. Because
// nothing is sent while it is open, no outage costs a job an attempt.
type breaker struct {
	state     job.BreakerState
	reason    string
	since     time.Time
	probeTime time.Time

	closedTime   time.Time       // when it closed last
	failures     int             // in a row
	failingSince time.Time       // since the first of them
	objects      map[string]bool // what they were about, those in unanswered left out
	unanswered   map[string]bool // objects without an answer while the platform answered otherwise
	pingDue      time.Time       // no ping before
	backoff      *backoff.ExponentialBackOff
}

func newBreaker() breaker {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = time.Second
	wait.MaxInterval = time.Minute
	return breaker{state: job.BreakerClosed, backoff: wait, objects: map[string]bool{}, unanswered: map[string]bool{}}
}

// closed reports whether work may be sent.
func (b *breaker) closed() bool { return b.state == job.BreakerClosed }

// noteCall takes note of how a call about an object ended and reports whether the breaker
// opened.
func (b *breaker) noteCall(object string, err error, now time.Time) (opened bool) {
	if b.state != job.BreakerClosed {
		return false // only the probe decides
	}
	if err == nil || bitmovin.Throttled(err) || !bitmovin.Outage(err) {
		b.noteAnswer()
		delete(b.unanswered, object)
		return false
	}
	if b.failures++; b.failures == 1 {
		b.failingSince = now
	}
	if !b.unanswered[object] {
		b.objects[object] = true
	}
	enough := b.failsLong(now) && len(b.objects) >= objectsToTrip
	if !enough && !bitmovin.Unauthorized(err) && !bitmovin.QuotaExhausted(err) {
		return false
	}
	b.trip(err, now)
	return true
}

// failsLong reports whether so many calls have failed that it may be an outage.
func (b *breaker) failsLong(now time.Time) bool {
	return b.failures >= failuresToTrip && now.Sub(b.failingSince) >= failingTimeToTrip
}

// noteAnswer takes note that the platform answers: what went without an answer meanwhile is
// to blame itself.
func (b *breaker) noteAnswer() {
	if b.failures == 0 {
		return
	}
	if len(b.unanswered) > maxUnanswered {
		clear(b.unanswered)
	}
	maps.Copy(b.unanswered, b.objects)
	clear(b.objects)
	b.failures = 0
}

// wantsPing reports whether a ping has to tell an outage from objects that the platform
// breaks on, and when.
func (b *breaker) wantsPing(now time.Time) (ping bool, due time.Time) {
	return b.closed() && b.failsLong(now), b.pingDue
}

// notePing takes note of how a ping ended and reports whether the breaker opened.
func (b *breaker) notePing(err error, now time.Time) (opened bool) {
	b.pingDue = now.Add(pingInterval)
	switch {
	case !b.closed():
	case err == nil || bitmovin.Throttled(err) || !bitmovin.Outage(err):
		b.noteAnswer()
	default:
		b.trip(err, now)
		return true
	}
	return false
}

// trip stops everything until a probe succeeds.
func (b *breaker) trip(err error, now time.Time) {
	b.state, b.reason, b.since = job.BreakerOpen, shortText(err), now
	if !bitmovin.QuotaExhausted(err) || now.Sub(b.closedTime) > quotaRefusalMemory {
		b.backoff.Reset()
	}
	b.probeTime = now.Add(b.backoff.NextBackOff())
}

// beginProbe lets one call through.
func (b *breaker) beginProbe() { b.state = job.BreakerProbing }

// noteProbe takes note of how the probe ended and reports whether the breaker closed.
func (b *breaker) noteProbe(err error, now time.Time) (closed bool) {
	if err == nil || !bitmovin.Outage(err) {
		b.state, b.reason, b.since, b.probeTime, b.failures = job.BreakerClosed, "", time.Time{}, time.Time{}, 0
		b.closedTime = now
		clear(b.objects)
		return true
	}
	b.state, b.reason = job.BreakerOpen, shortText(err)
	b.probeTime = now.Add(b.backoff.NextBackOff())
	return false
}

// shortText is an error as people are told of it. The platform's words in it can be long.
func shortText(err error) string { return job.Shorten(err.Error(), job.MaxReason) }

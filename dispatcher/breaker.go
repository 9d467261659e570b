package dispatcher

import (
	"maps"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// The breaker opens when so many calls in a row have failed, for so long, and about so many
// objects. Calls go out side by side, so that a hiccup of milliseconds fails several of them;
// and a single encoding on which the platform breaks says nothing about the platform. Where
// the failed calls are about fewer objects, a ping decides. A single refusal of the API key, or
// for a used-up quota, opens the breaker at once.
const (
	failuresToTrip    = 5
	failingTimeToTrip = 2 * time.Second
	objectsToTrip     = 3
)

// quotaRefusalMemory is how soon after the breaker has closed another refusal for a quota counts
// as the same outage. The probe cannot tell whether the quota is still used up, so the pauses
// go on growing.
const quotaRefusalMemory = 5 * time.Minute

// The pauses between two probes of an open breaker grow between these bounds.
const (
	firstProbePause = time.Second
	maxProbePause   = time.Minute
)

// pingInterval is the time between two pings that tell an outage from an object on which the
// platform breaks.
const pingInterval = 30 * time.Second

// maxUnanswered bounds how many objects without an answer are remembered.
const maxUnanswered = 4096

// breaker stops all calls of an account during an outage of the platform, or of the way to it,
// and lets a single probe through from time to time. Because nothing is sent while it is
// open, no outage costs a job an attempt.
type breaker struct {
	state     job.BreakerState
	reason    string
	since     time.Time
	probeTime time.Time

	closedTime   time.Time       // when it closed last
	failures     int             // calls in a row that failed
	failingSince time.Time       // when the first of them failed
	objects      map[string]bool // objects of those calls, without the ones in unanswered
	unanswered   map[string]bool // objects without an answer while the platform gave other answers
	pingDue      time.Time       // no ping before
	backoff      *backoff.ExponentialBackOff
}

func newBreaker() breaker {
	probes := backoff.NewExponentialBackOff()
	probes.InitialInterval = firstProbePause
	probes.MaxInterval = maxProbePause
	return breaker{state: job.BreakerClosed, backoff: probes, objects: map[string]bool{}, unanswered: map[string]bool{}}
}

// closed reports whether calls may be sent.
func (b *breaker) closed() bool { return b.state == job.BreakerClosed }

// noteCall records how a call about an object ended, and reports whether the breaker opened.
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

// failsLong reports whether so many calls have failed for so long that it may be an outage.
func (b *breaker) failsLong(now time.Time) bool {
	return b.failures >= failuresToTrip && now.Sub(b.failingSince) >= failingTimeToTrip
}

// noteAnswer records that the platform answers: calls that failed meanwhile failed because of
// their objects.
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

// wantsPing reports whether a ping has to tell an outage from objects on which the platform
// breaks, and when it is due.
func (b *breaker) wantsPing(now time.Time) (ping bool, due time.Time) {
	return b.closed() && b.failsLong(now), b.pingDue
}

// notePing records how a ping ended, and reports whether the breaker opened.
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

// trip opens the breaker until a probe succeeds.
func (b *breaker) trip(err error, now time.Time) {
	b.state, b.reason, b.since = job.BreakerOpen, shortText(err), now
	if !bitmovin.QuotaExhausted(err) || now.Sub(b.closedTime) > quotaRefusalMemory {
		b.backoff.Reset()
	}
	b.probeTime = now.Add(b.backoff.NextBackOff())
}

// beginProbe lets one call through an open breaker.
func (b *breaker) beginProbe() { b.state = job.BreakerProbing }

// noteProbe records how the probe ended, and reports whether the breaker closed.
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

package dispatcher

import (
	"cmp"
	"time"

	"github.com/stokerd/stoker/job"
)

const (
	// maxLateness bounds the share of the remaining time by which a poll is later than the expected
	// end. latenessStep is by how much the share grows when a poll comes too early; it shrinks by a
	// quarter of that when a poll comes late enough, so that one poll in five comes too early.
	maxLateness  = 1.0 / 50
	latenessStep = 1.0 / 250
	// pollMargin is how long after the expected end a poll takes effect at least.
	pollMargin = 20 * time.Millisecond
	// maxDeviation is by which share of the remaining time the platform's estimates may be wrong on
	// average. Worse ones are not used: then an encoding is polled half-way for its progress. Estimates
	// that are 10 % wrong make every hundredth place be seen a second late, and progress mostly does not.
	maxDeviation = 1.0 / 30
)

// endSource is how an expected end is known.
type endSource int

const (
	endUnknown        endSource = iota
	endByOthers                 // by how long other encodings ran: the encoding is polled half-way to see its progress
	endByProgress               // by its progress
	endToldByPlatform           // by the platform's estimate
)

// remaining says how long an encoding still runs, as far as the platform's answer shows it; 0 if it does
// not.
type remaining struct {
	told       time.Duration // as the platform estimates it
	byProgress time.Duration // if the encoding goes on as fast as before
}

// expectedEnd is when a running encoding is expected to end.
type expectedEnd struct {
	source  endSource
	horizon time.Duration // how far ahead it was when it was estimated
	polled  bool          // the next poll is at the expected end, not before
	hinted  bool          // somebody says that it has changed
}

// isSure reports whether the expected end is known well enough for the queue's head to be polled at
// the same time.
func (e expectedEnd) isSure() bool { return e.hinted || e.polled && e.source >= endByProgress }

// endForecast says when running encodings are to be polled so that their ends are seen at once.
type endForecast struct {
	pollTime time.Duration // how long a poll takes, averaged
	lateness float64       // share of the remaining time, at most maxLateness
	// deviation is by which share of the remaining time the platform's estimates are wrong, averaged.
	deviation float64
	// delay is the shortest time between an end, by the platform's clock, and the answer that showed
	// it, by ours; 0 if that is not known. The clocks may differ.
	delay time.Duration
}

// notePollCall learns how long a poll took.
func (f *endForecast) notePollCall(took time.Duration) {
	if f.pollTime == 0 {
		f.pollTime = took
	}
	f.pollTime += (took - f.pollTime) / averageOver
}

// noteResult learns from a poll at the expected end whether it came too early, and by how much the
// platform's estimate was wrong.
func (f *endForecast) noteResult(r taskResult) {
	e, o := r.tracked.end, r.outcome
	if r.kind != taskPoll || r.before.State != job.Running || !e.isSure() || e.hinted || o.callErr != nil {
		return
	}
	var wrong time.Duration
	if r.tracked.job.State == job.Running {
		wrong = cmp.Or(o.remaining.told, o.remaining.byProgress)
		f.lateness = min(f.lateness+latenessStep, maxLateness)
	} else {
		if !o.finishTime.IsZero() {
			delay := r.now.Sub(o.finishTime)
			if f.delay == 0 || delay < f.delay {
				f.delay = delay
			}
			wrong = delay - f.delay
		}
		f.lateness = max(f.lateness-latenessStep/4, 0)
	}
	if e.source == endToldByPlatform {
		f.deviation += (min(wrong.Seconds()/e.horizon.Seconds(), 1) - f.deviation) / averageOver
	}
}

// estimate is the best estimate of how long an encoding still runs.
func (f *endForecast) estimate(r remaining) (time.Duration, endSource) {
	switch {
	case r.told > 0 && f.deviation < maxDeviation:
		return r.told, endToldByPlatform
	case r.byProgress > 0:
		return r.byProgress, endByProgress
	}
	return 0, endUnknown
}

// untilPoll is how long to wait until a running encoding is polled, after a task with the given
// outcome; others run for runtime, 0 if that is not known. It is 0 or less if the encoding should have ended,
// or if its end is not known. The poll leaves so early that it arrives when the encoding has
// just ended.
func (f *endForecast) untilPoll(t *trackedJob, r remaining, runtime time.Duration, now time.Time) time.Duration {
	e := &t.end
	*e, t.replaced = expectedEnd{}, false
	e.horizon, e.source = f.estimate(r)
	if e.source == endUnknown && runtime > 0 && !t.job.RunningTime.IsZero() {
		ran := now.Sub(t.job.RunningTime)
		if e.source = endByOthers; ran < runtime/2 {
			return runtime/2 - ran
		}
		e.horizon = runtime - ran
	}
	if e.horizon <= 0 {
		return 0
	}
	e.polled = true
	late := time.Duration(f.lateness * float64(e.horizon))
	return max(e.horizon+late+pollMargin-f.pollTime, 1)
}

package dispatcher

import (
	"time"

	"github.com/stokerd/stoker/job"
)

// supply measures what users care about: whether the platform's queue ran dry while jobs waited, and how
// soon a free place was filled. It measures what the loop knows; nothing is decided by it.
type supply struct {
	onFilled func(time.Duration) // told how long each place was free; may be nil

	since        time.Time // of the latest decision
	waiting, dry bool      // at that time
	waitingTime  time.Duration
	dryTime      time.Duration

	free []time.Time // since when places are free that a job waits for, the oldest first
}

// note adds the time since the latest decision, by what was true then, and takes over what is true now.
func (s *supply) note(v *view, queued int, now time.Time) {
	if span := now.Sub(s.since); s.waiting && span > 0 {
		s.waitingTime += span
		if s.dry {
			s.dryTime += span
		}
	}
	s.since = now
	s.waiting = v.mayStart()
	s.dry = s.waiting && queued == 0
	if !s.waiting {
		s.free = s.free[:0]
	}
	// A place that somebody else has taken, or that the target does not have any more, is not free.
	if most := max(v.freePlaces(), 0) + v.busy[taskStart]; len(s.free) > most {
		s.free = append(s.free[:0], s.free[len(s.free)-most:]...)
	}
}

// mayStart reports whether a job waits that nothing but the queue keeps from being started.
func (v *view) mayStart() bool {
	if v.accountPaused || !v.breakerClosed || !v.reconciled || v.fullUntil.After(v.now) || v.prepareAfter.After(v.now) {
		return false
	}
	for _, c := range v.candidates {
		if !c.notBefore.After(v.now) {
			return true
		}
	}
	return false
}

// noteResult learns from a task's result that a place has become free, or that one was filled.
func (s *supply) noteResult(r taskResult) {
	before, after := r.before.State, r.tracked.job.State
	held := before == job.Queued || before == job.Starting
	switch {
	case r.kind == taskStart && r.outcome.called && r.outcome.callErr == nil && r.outcome.sharedErr == nil:
		s.noteFilled(r.now)
	case held && after != before && after != job.Queued && after != job.Cancelling && s.waiting:
		s.free = append(s.free, freedAt(&r.tracked.job, r.now))
	}
}

// freedAt is when an encoding left the queue: when an encoder took it, by the platform's clock, if that is
// a time since its start, and otherwise when it was seen to have left.
func freedAt(j *job.Job, now time.Time) time.Time {
	if t := j.RunningTime; j.State == job.Running && t.After(j.StartTime) && t.Before(now) {
		return t
	}
	return now
}

// noteFilled tells how long the oldest free place was free, now that it is filled.
func (s *supply) noteFilled(now time.Time) {
	if len(s.free) == 0 {
		return
	}
	wait := now.Sub(s.free[0])
	s.free = append(s.free[:0], s.free[1:]...)
	if s.onFilled != nil {
		s.onFilled(max(wait, 0))
	}
}

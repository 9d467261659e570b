package dispatcher

import (
	"errors"
	"time"

	"github.com/stokerd/stoker/job"
)

// waitLogInterval is how long the log keeps silent about a reason for waiting that it has told: some
// come and go.
const waitLogInterval = time.Minute

// slowReconcile is how long it may take to compare the platform with the job table before the
// log says so.
const slowReconcile = 10 * time.Second

// waitLog is which reason for waiting the log has.
type waitLog struct {
	last job.Wait
	code job.WaitCode
	time time.Time
}

// describe adds to a snapshot what the reasons for waiting follow from. v is nil when nothing
// has been decided yet.
func (d *accountLoop) describe(s *job.AccountStatus, v *view) {
	now := d.now()
	s.Settle = d.settle
	d.describeQueue(s, v, now)
	s.InLineCount, s.NextDueTime = len(d.nextJobs), d.nextDueTime
	s.Organisation = d.accountBackoff.problem()
	for id, e := range d.tracked {
		if n := e.statusNote(now); n != (job.Note{}) {
			if s.Notes == nil {
				s.Notes = map[job.ID]job.Note{}
			}
			s.Notes[id] = n
		}
	}
	d.logWaitReason(s, now)
}

// describeQueue tells how the queue stands: other people's encodings as last counted, and ours
// as they are known now.
func (d *accountLoop) describeQueue(s *job.AccountStatus, v *view, now time.Time) {
	if !d.queue.time.IsZero() {
		d.lastCountTime = d.queue.time
	}
	if !d.lastCountTime.IsZero() {
		s.PlatformQueuedCount, s.PlatformQueuedTime = max(d.queue.foreign, 0)+s.QueuedCount, d.lastCountTime
	}
	s.Uncounted = v != nil && !v.countFresh
	s.HeldCount = max(d.queue.foreign, 0) + d.countOwnPlaces(now)
	if d.drain.runtime > 0 {
		s.DrainRate = float64(s.RunningCount) / d.drain.runtime.Minutes()
	}
}

// statusNote is what is to be said of a job that the job table does not know.
func (e *trackedJob) statusNote(now time.Time) (n job.Note) {
	if e.task == taskStart {
		n.Starting, n.Since = true, e.taskSince
	}
	if e.lastErr != nil && e.failures > 0 && e.notBefore.After(now) {
		n.Problem = job.Problem{Text: shortText(e.lastErr), Since: e.failingSince, Until: e.notBefore}
	}
	return n
}

// problem is the trouble for people.
func (t *failureBackoff) problem() job.Problem {
	if t.err == nil {
		return job.Problem{}
	}
	lost := errors.Is(t.err, errNotStarted) || errors.Is(t.err, errNotConfigured)
	return job.Problem{Text: shortText(t.err), Since: t.since, Until: t.until, Refused: !lost}
}

// logWaitReason has the log say why the account starts nothing, in the words that everybody is told, when
// that changes. That the queue is full, or that there is nothing to do, is how it should be; the
// breaker and a refusal for a full queue are logged where they are met.
func (d *accountLoop) logWaitReason(s *job.AccountStatus, now time.Time) {
	with := *s
	with.Budgets = d.budgets()
	w := with.Wait(now)
	switch w.Code {
	case "", job.WaitIdle, job.WaitQueueFull, job.WaitConfiguring, job.WaitBackoff, job.WaitCounting, job.WaitBreaker, job.WaitPlatformFull:
		w = job.Wait{}
	}
	if w.Code == job.WaitReconciling && now.Sub(w.Since) < slowReconcile {
		w = job.Wait{}
	}
	if w.Code == d.waitLog.last.Code {
		return
	}
	d.waitLog.last = w
	if w.Code == "" || w.Code == d.waitLog.code && now.Sub(d.waitLog.time) < waitLogInterval {
		return
	}
	d.waitLog.code, d.waitLog.time = w.Code, now
	d.log.Info("nothing is started for now", "code", string(w.Code), "why", w.String())
}

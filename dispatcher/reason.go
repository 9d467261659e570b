package dispatcher

import (
	"errors"
	"time"

	"github.com/stokerd/stoker/job"
)

// tellAgain is how long the log keeps silent about a reason for waiting that it has told: some
// come and go.
const tellAgain = time.Minute

// longReconcile is how long it may take to compare the platform with the job table before the
// log says so.
const longReconcile = 10 * time.Second

// told is which reason for waiting the log has.
type told struct {
	last job.Wait
	code job.WaitCode
	at   time.Time
}

// describe adds to a snapshot what the reasons for waiting follow from. v is nil when nothing
// has been decided yet.
func (d *driver) describe(s *job.AccountStatus, v *view) {
	now := d.now()
	s.Settle = d.settle
	d.describeQueue(s, v, now)
	s.InLineCount, s.NextDueTime = len(d.window), d.nextDue
	s.Organisation = d.problem.tell()
	for id, e := range d.live {
		if n := e.note(now); n != (job.Note{}) {
			if s.Notes == nil {
				s.Notes = map[job.ID]job.Note{}
			}
			s.Notes[id] = n
		}
	}
	d.tell(s, now)
}

// describeQueue tells how the queue stands: other people's encodings as last counted, and ours
// as they are known now.
func (d *driver) describeQueue(s *job.AccountStatus, v *view, now time.Time) {
	if !d.queue.time.IsZero() {
		d.countedAt = d.queue.time
	}
	if !d.countedAt.IsZero() {
		s.PlatformQueuedCount, s.PlatformQueuedTime = max(d.queue.foreign, 0)+s.QueuedCount, d.countedAt
	}
	s.Uncounted = v != nil && !v.counted
	s.HeldCount = max(d.queue.foreign, 0) + d.ownHeld(now)
	if d.pace.runtime > 0 {
		s.DrainRate = float64(s.RunningCount) / d.pace.runtime.Minutes()
	}
}

// note is what is to be said of a job that the job table does not know.
func (e *entry) note(now time.Time) (n job.Note) {
	if e.task == taskStart {
		n.Starting, n.Since = true, e.since
	}
	if e.err != nil && e.failures > 0 && e.notBefore.After(now) {
		n.Problem = job.Problem{Text: inShort(e.err), Since: e.troubled, Until: e.notBefore}
	}
	return n
}

// tell is the trouble for people.
func (t *trouble) tell() job.Problem {
	if t.err == nil {
		return job.Problem{}
	}
	lost := errors.Is(t.err, errNotStarted) || errors.Is(t.err, errNotConfigured)
	return job.Problem{Text: inShort(t.err), Since: t.since, Until: t.until, Refused: !lost}
}

// tell has the log say why the account starts nothing, in the words that everybody is told, when
// that changes. That the queue is full, or that there is nothing to do, is how it should be; the
// breaker and a refusal for a full queue are logged where they are met.
func (d *driver) tell(s *job.AccountStatus, now time.Time) {
	with := *s
	with.Budgets = d.budgets()
	w := with.ExplainWait(now)
	switch w.Code {
	case "", job.WaitIdle, job.WaitQueueFull, job.WaitConfiguring, job.WaitBackoff, job.WaitCounting, job.WaitBreaker, job.WaitPlatformFull:
		w = job.Wait{}
	}
	if w.Code == job.WaitReconciling && now.Sub(w.Since) < longReconcile {
		w = job.Wait{}
	}
	if w.Code == d.told.last.Code {
		return
	}
	d.told.last = w
	if w.Code == "" || w.Code == d.told.code && now.Sub(d.told.at) < tellAgain {
		return
	}
	d.told.code, d.told.at = w.Code, now
	d.log.Info("nothing is started for now", "code", string(w.Code), "why", w.String())
}

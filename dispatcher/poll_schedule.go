package dispatcher

import (
	"time"

	"github.com/stokerd/stoker/job"
)

// When to poll an encoding again. A poll costs one of 6,000 calls a minute. A free place in the
// queue has to be seen at once, and a job under way should cost few calls:
//
//   - A running encoding is polled when it is expected to end; see end_forecast.go. Then an encoder
//     becomes free and takes the head of the queue: the head is polled at the same time; see
//     head_watch.go.
//   - Encoders are starving when they take an encoding as soon as it is queued. Then all queued
//     encodings are polled when an encoder has taken one, and a job that becomes the head is
//     polled soon after its start.
//   - In case no other sign shows that the head was taken, it is polled a third as often as
//     encodings usually end.
//
// Lists show progress and early failures in between; see loop_list.go.
const (
	// changePoll is when to poll again an encoding that is expected to change at once.
	changePoll = time.Second
	// starvingWait is how long an encoding must have been queued when an encoder takes it; if the
	// time was shorter, encoders are starving.
	starvingWait = time.Second
	// starvingPoll is when to poll a queued encoding while encoders are starving.
	starvingPoll = 250 * time.Millisecond
	// maxHeadPoll bounds how rarely the head of the queue is polled.
	maxHeadPoll = 5 * time.Minute
	// queuedPoll is when to poll an encoding in the queue although there is no sign that it was
	// taken.
	queuedPoll = 15 * time.Minute
	// maxRunningPoll is the latest poll of a running encoding: estimates can be wrong. The list
	// of running encodings shows earlier ends.
	maxRunningPoll = time.Hour
	// minRunningPoll is the earliest poll of a running encoding.
	minRunningPoll = changePoll / 4
	// firstOverduePoll is when to poll again an encoding that should have ended. The pause
	// doubles with each poll after the first overduePollsAtOnce, up to maxJobPause.
	firstOverduePoll   = changePoll / 2
	overduePollsAtOnce = 10
	// pollSpacing is the time to allow for each poll, so that polling all running encodings takes
	// less than half of the calls.
	pollSpacing = 25 * time.Millisecond
)

// pollSchedule decides when each tracked job is polled next.
type pollSchedule struct {
	jobs         *jobTracker
	drain        drainRate
	forecast     endForecast
	heads        headWatch
	changes      changeLists
	settle       time.Duration
	pollInterval time.Duration
}

// scheduleNextPoll sets when the job of a finished task is polled next.
func (s *pollSchedule) scheduleNextPoll(r taskResult) {
	t, now := r.tracked, r.now
	t.notePoll(r.kind, r.outcome, r.before.State, now)
	s.forecast.noteResult(r)
	s.changes.noteResult(r)
	t.pollSingly = t.pollSingly && r.kind != taskPoll
	switch {
	case t.notBefore.After(now):
		t.nextPoll = t.notBefore
	case r.kind == taskReprioritize:
		// It shows nothing of the encoding: the next poll stays when it is due.
	case t.job.Step == job.StepStart && t.job.EncodingID == "":
		t.nextPoll = s.nextLookup(r.kind, t, now)
	case t.hasUnknownStatus() && t.missingSince.IsZero():
		t.nextPoll = now.Add(t.unknownStatusPause(now))
	case t.expectsChange():
		t.nextPoll = now.Add(t.changePollPause())
		if settleEnd := t.job.StepTime.Add(s.settle); t.job.Step == job.StepStart && settleEnd.After(now) {
			t.nextPoll = earlier(t.nextPoll, settleEnd)
		}
	case r.kind == taskRecord && t.job.State == job.Running && r.before.State == job.Running && t.end.source == endToldByPlatform:
		// The list knows no more than the poll before it.
	case t.job.State == job.Running:
		t.nextPoll = now.Add(s.untilRunningPoll(t, r.outcome, now))
	case r.kind == taskStart && s.jobs.isQueueHead(t) && now.Sub(s.drain.starvingTime) < 2*starvingWait:
		t.nextPoll = now.Add(s.setupTime(t) + starvingPoll)
	default:
		t.nextPoll = now.Add(queuedPoll)
	}
}

// nextLookup is when to look again for the encoding of a template's start that was not answered.
// The first look is soon, since most often the encoding is there; the second one at the end of the
// settle time, when its absence proves something. Each look takes one of the few list calls.
func (s *pollSchedule) nextLookup(kind taskKind, t *trackedJob, now time.Time) time.Time {
	next, settleEnd := now.Add(changePoll), t.job.StepTime.Add(s.settle)
	switch {
	case kind != taskPoll:
		return next
	case settleEnd.After(next):
		return settleEnd
	}
	return now.Add(s.pollInterval) // another task is reading the list of encodings created since
}

// untilRunningPoll is how long to wait until a running encoding is polled, after a task with the given
// outcome.
func (s *pollSchedule) untilRunningPoll(t *trackedJob, o outcome, now time.Time) time.Duration {
	if told := o.remaining.told; s.drain.runtime == 0 && told > 0 && !t.job.RunningTime.IsZero() {
		s.drain.runtime = max(now.Sub(t.job.RunningTime), 0) + told // until one has ended
	}
	if s.changes.inUse && o.remaining.told == 0 {
		t.end = expectedEnd{}
		return queuedPoll // a list will show the end
	}
	pause := s.forecast.untilPoll(t, o.remaining, s.drain.runtime, now)
	if pause > 0 {
		t.overduePolls = 0
	} else {
		t.overduePolls++ // it should have ended
		pause = growingPause(firstOverduePoll, t.overduePolls-overduePollsAtOnce, maxJobPause)
		if t.end.source == endUnknown {
			pause = s.pollInterval
		}
	}
	return min(max(pause, minRunningPoll), maxRunningPoll)
}

// noteProgress learns from a task's result how the queue drains, and makes other queued jobs be
// polled that have probably changed as well.
func (s *pollSchedule) noteProgress(r taskResult) {
	j, before, now := &r.tracked.job, r.before.State, r.now
	if before == job.Running && j.State != job.Running {
		s.drain.noteRun(j, r.outcome.finishTime, now)
		s.heads.noteEnd(r.tracked)
	}
	queued := before == job.Queued || before == job.Starting
	if !queued || (j.State != job.Running && j.State != job.Succeeded) || j.StartTime.IsZero() {
		return
	}
	s.heads.noteTaken(s.jobs, now)
	starving := j.RunningTime.IsZero() || j.RunningTime.Sub(j.QueuedTime) < starvingWait
	if s.drain.noteTaken(starving, now); !starving || s.changes.inUse {
		return
	}
	var changed []*trackedJob
	s.jobs.index.queued.Ascend(func(q queuedJob) bool {
		if now.Sub(q.t.lastPoll) > starvingPoll && !s.isSettingUp(q.t, now) {
			changed = append(changed, q.t)
		}
		return true
	})
	for _, other := range changed {
		s.pollAt(other, now)
	}
}

// pollAt makes a job be polled next at a time.
func (s *pollSchedule) pollAt(t *trackedJob, at time.Time) {
	t.nextPoll = at
	s.jobs.refresh(t)
}

// pollSingly makes a job be polled at once, whatever lists show.
func (s *pollSchedule) pollSingly(t *trackedJob, now time.Time) {
	t.pollSingly = true
	s.pollAt(t, earlier(t.nextPoll, now))
}

// scheduleQueueHead polls the head of our queue from time to time, in case no other sign shows
// that it was taken.
func (s *pollSchedule) scheduleQueueHead(running int) {
	if s.changes.inUse {
		return
	}
	head := s.jobs.queueHead()
	if head == nil {
		return
	}
	since := s.drain.headTakenTime
	for _, t := range []time.Time{head.lastPoll, head.job.StartTime} {
		if t.After(since) {
			since = t
		}
	}
	if next := since.Add(s.drain.headPollInterval(running)); next.Before(head.nextPoll) {
		s.pollAt(head, next)
	}
}

// setupTime is how long an encoding is being set up after its start, as far as that is known. One
// that is made from a template is CREATED meanwhile, and in no queue.
func (s *pollSchedule) setupTime(t *trackedJob) time.Duration {
	if s.jobs.hasTemplate(t.job.ID.Batch) {
		return s.drain.setupTime
	}
	return 0
}

// isSettingUp reports whether a poll would show nothing new of an encoding yet.
func (s *pollSchedule) isSettingUp(t *trackedJob, now time.Time) bool {
	return now.Before(t.job.StartTime.Add(s.setupTime(t)))
}

// pollHinted makes the hinted encodings be polled at once. While a task is under way for one,
// the answer to that task may be older than the hint: such hints are kept, and returned.
func (s *pollSchedule) pollHinted(hinted map[string]bool, now time.Time) (kept map[string]bool) {
	if len(hinted) == 0 {
		return hinted
	}
	kept = map[string]bool{}
	for id := range hinted {
		switch t := s.jobs.index.byEncoding[id]; {
		case t == nil:
		case t.task != taskNone:
			kept[id] = true
		case t.nextPoll.After(now) && !t.notBefore.After(now):
			t.end.hinted = true
			s.pollAt(t, now)
		}
	}
	return kept
}

// pollRunning makes all running encodings be polled at once. It returns when to do so again.
func (s *pollSchedule) pollRunning(now time.Time) (again time.Time) {
	running := 0
	for _, t := range s.jobs.tracked {
		if t.job.State == job.Running {
			running++
			if t.nextPoll.After(now) {
				s.pollAt(t, now)
			}
		}
	}
	return now.Add(max(s.pollInterval, time.Duration(running)*pollSpacing))
}

package dispatcher

import (
	"time"

	"github.com/stokerd/stoker/job"
)

// headWatch polls the head of our queue when an encoder becomes free, since that takes the head. An
// encoding that is expected to have ended counts as well as one that was seen to have ended, so that
// both are polled side by side and the free place is seen one call earlier. Of several encoders each
// takes one of the next queued encodings.
type headWatch struct {
	ended int       // encodings that were seen to end, without another one that was seen to be taken
	since time.Time // when the polls began that saw them
}

// noteEnd notes that a running encoding has ended.
func (h *headWatch) noteEnd(t *trackedJob) {
	if !t.replaced {
		h.ended++
		h.since = later(h.since, t.taskSince)
	}
}

// noteTaken notes that an encoder has taken a queued encoding: instead of one that was seen to end,
// or of the one that is expected to have ended first.
func (h *headWatch) noteTaken(jobs *jobTracker, now time.Time) {
	if h.ended > 0 {
		h.ended--
		return
	}
	var first *trackedJob
	for _, t := range jobs.index.ending(now) {
		if first == nil || t.nextPoll.Before(first.nextPoll) {
			first = t
		}
	}
	if first != nil {
		first.replaced = true
		jobs.refresh(first)
	}
}

// isEnding reports whether the encoding is expected to have ended by now, and no other one has been
// seen to be taken instead.
func (t *trackedJob) isEnding(now time.Time) bool {
	return t.job.State == job.Running && !t.replaced && !t.nextPoll.After(now) && (t.task == taskNone || t.task == taskPoll) && t.end.isSure() && t.isPredictable()
}

// poll makes as many of the next queued encodings be polled as encoders have become free. One that
// was polled since, and is queued still, is not polled again: other people's encodings were taken.
func (h *headWatch) poll(s *pollSchedule, now time.Time) {
	if s.changes.inUse {
		h.ended = 0
		return
	}
	taken := h.ended
	for _, t := range s.jobs.index.ending(now) {
		taken++
		h.since = later(h.since, t.nextPoll)
	}
	if taken == 0 {
		return
	}
	open := false
	for _, head := range s.jobs.nextQueued(taken) {
		switch {
		case head.task != taskNone:
			open = true
		case head.pollBegan.Before(h.since) && !s.isSettingUp(head, now):
			s.pollAt(head, earlier(head.nextPoll, now))
			open = true
		}
	}
	if !open {
		h.ended = 0
	}
}

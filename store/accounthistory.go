package store

import (
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// historySteps is how many steps the history of an account has.
const historySteps = int64(job.HistoryLength / job.HistoryStep)

// stepsPerBlock is how many steps are allocated at a time: those of an hour.
const stepsPerBlock = int64(time.Hour / job.HistoryStep)

// reopenTime is how long ago a problem may have ended that is the same one when it comes back.
const reopenTime = time.Minute

// accountHistory is how one account stood in the last day: a ring of samples, some 270 KB when it is full,
// and the problems. It is safe for one caller at a time.
type accountHistory struct {
	first  int64 // the number of the first step that was recorded, counted from 1970
	last   int64 // of the latest one
	blocks [historySteps / stepsPerBlock][]sample
	began  time.Time

	problems []job.AccountProblem // the oldest first
}

// sample is a [job.AccountSample] in little room.
type sample struct {
	queueTarget, platformQueued, minPlatformQueued, queued, running, starts, ends int32
	paused, breakerOpen                                                           bool
}

// at returns the sample of a step that is kept.
func (h *accountHistory) at(step int64) *sample {
	slot := step % historySteps
	block := &h.blocks[slot/stepsPerBlock]
	if *block == nil {
		*block = make([]sample, stepsPerBlock)
	}
	return &(*block)[slot%stepsPerBlock]
}

func stepOf(t time.Time) int64 { return t.UnixMilli() / job.HistoryStep.Milliseconds() }

// advance goes on to the step of now. The account has stood as it was recorded last in all steps between.
func (h *accountHistory) advance(now time.Time) {
	step := stepOf(now)
	if h.began.IsZero() {
		h.began, h.first, h.last = now, step, step
		*h.at(step) = sample{platformQueued: -1, minPlatformQueued: -1}
		return
	}
	if step <= h.last {
		if time.Duration(h.last-step)*job.HistoryStep > reopenTime {
			h.goBack(step, now)
		}
		return
	}
	same := *h.at(h.last)
	same.minPlatformQueued, same.starts, same.ends = same.platformQueued, 0, 0
	for h.last = max(h.last, step-historySteps); h.last < step; {
		h.last++
		*h.at(h.last) = same
	}
}

// goBack goes back to an earlier step, because the clock was set back, and forgets those after it.
func (h *accountHistory) goBack(step int64, now time.Time) {
	h.first, h.last = max(h.first, h.last-historySteps+1), step
	if step < h.first { // all that is kept came after it
		*h = accountHistory{problems: h.problems}
		h.advance(now)
	}
}

// record notes how the account stands now.
func (h *accountHistory) record(a *job.AccountStatus, now time.Time) {
	h.advance(now)
	s, queued := h.at(h.last), int32(a.PlatformQueuedCount)
	if queued >= 0 && (s.minPlatformQueued < 0 || queued < s.minPlatformQueued) {
		s.minPlatformQueued = queued
	}
	s.queueTarget, s.platformQueued = int32(a.QueueTarget), queued
	s.queued, s.running = int32(a.QueuedCount), int32(a.RunningCount)
	s.paused, s.breakerOpen = a.Paused, a.Breaker == job.BreakerOpen || a.Breaker == job.BreakerProbing
	h.recordProblems(a.ListProblems(now), now)
}

// count notes that jobs of the account were started, and that encodings have ended.
func (h *accountHistory) count(starts, ends int, now time.Time) {
	h.advance(now)
	s := h.at(h.last)
	s.starts += int32(starts)
	s.ends += int32(ends)
}

// recordProblems notes which problems the account has now.
func (h *accountHistory) recordProblems(present []job.AccountProblem, now time.Time) {
	h.endProblems(now, func(p *job.AccountProblem) bool {
		return !slices.ContainsFunc(present, func(o job.AccountProblem) bool { return p.Same(&o) })
	})
	for _, p := range present {
		earlier := -1
		for i := range slices.Backward(h.problems) {
			if h.problems[i].Same(&p) {
				earlier = i
				break
			}
		}
		if earlier >= 0 && (h.problems[earlier].Finish.IsZero() || now.Sub(h.problems[earlier].Finish) < reopenTime) {
			old := &h.problems[earlier]
			old.Text, old.Until, old.Finish = p.Text, p.Until, time.Time{}
			continue
		}
		if p.Start.IsZero() || p.Start.After(now) {
			p.Start = now
		}
		h.problems = append(h.problems, p)
	}
	h.problems = slices.DeleteFunc(h.problems, func(p job.AccountProblem) bool {
		return !p.Finish.IsZero() && now.Sub(p.Finish) > job.HistoryLength
	})
	if n := len(h.problems) - job.MaxAccountProblems; n > 0 {
		h.problems = slices.Delete(h.problems, 0, n)
	}
}

// endProblems ends the problems that are over, and those whose time is.
func (h *accountHistory) endProblems(now time.Time, over func(*job.AccountProblem) bool) {
	for i := range h.problems {
		p := &h.problems[i]
		if !p.Finish.IsZero() {
			continue
		}
		switch timed := p.Kind == job.ProblemCallsRefused || p.Kind == job.ProblemQueueFull; {
		case timed && !p.Until.After(now): // the status need not be published at this time
			p.Finish, p.Until = p.Until, time.Time{}
		case over(p):
			p.Finish, p.Until = now, time.Time{}
		}
	}
}

// since returns the history since a time in samples of a step.
func (h *accountHistory) since(since time.Time, step time.Duration, now time.Time) job.AccountHistory {
	h.advance(now)
	h.endProblems(now, func(*job.AccountProblem) bool { return false })
	oldest := max(h.first, h.last-historySteps+1)
	out := job.AccountHistory{RecordingSince: h.began}
	if start := time.UnixMilli(oldest * job.HistoryStep.Milliseconds()).UTC(); start.After(h.began) {
		out.RecordingSince = start
	}
	steps := max(int64(step/job.HistoryStep), 1)
	for n := max(oldest, stepOf(since)); n <= h.last; n++ {
		s := h.at(n).expand(n)
		if last := len(out.Samples) - 1; last >= 0 && stepOf(out.Samples[last].Time)/steps == n/steps {
			out.Samples[last] = out.Samples[last].Join(s)
			continue
		}
		out.Samples = append(out.Samples, s)
	}
	for _, p := range slices.Backward(h.problems) {
		if p.Finish.IsZero() || !p.Finish.Before(since) {
			out.Problems = append(out.Problems, p)
		}
	}
	return out
}

func (s sample) expand(step int64) job.AccountSample {
	return job.AccountSample{
		Time:        time.UnixMilli(step * job.HistoryStep.Milliseconds()).UTC(),
		QueueTarget: int(s.queueTarget), PlatformQueuedCount: int(s.platformQueued), MinPlatformQueuedCount: int(s.minPlatformQueued),
		QueuedCount: int(s.queued), RunningCount: int(s.running), StartCount: int(s.starts), EndCount: int(s.ends),
		Paused: s.paused, BreakerOpen: s.breakerOpen,
	}
}

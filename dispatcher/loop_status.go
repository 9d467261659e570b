package dispatcher

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// errNoStatus is the problem of a batch that has encodings about which the platform gives no
// answer. Such encodings are polled at their own pace; all other jobs go on.
var errNoStatus = errors.New("the platform gives no answer about an encoding")

// publishStatus publishes the account's status. v is the view of the latest decision, nil at the
// beginning and at the end of the loop.
func (l *accountLoop) publishStatus(v *view) {
	now := l.now()
	s := job.AccountStatus{
		ID:                   l.accountID,
		QueueTarget:          l.limit.wanted,
		EffectiveQueueTarget: l.limit.effective,
		TargetSetting:        l.settings.Target,
		ConfiguredTarget:     l.configured,
		MinAutoTarget:        min(DefaultQueueTarget, l.maxTarget),
		MaxAutoTarget:        l.maxTarget,
		PreparingCount:       l.tasks.underWay[taskPrepare],
		Paused:               l.settings.Paused,
		PausedReason:         l.settings.PausedReason,
		PausedSince:          l.settings.PausedSince,
		Breaker:              l.breaker.state,
		BreakerReason:        l.breaker.reason,
		BreakerSince:         l.breaker.since,
		NextProbeTime:        l.breaker.probeTime,
		MaxStartsPerDay:      l.dailyStarts.max,
		StartsTodayCount:     l.dailyStarts.counted.Counted(),
		Settle:               l.worker.settle,
		InLineCount:          l.line.count(),
		NextDueTime:          l.nextDueTime,
		Organisation:         l.accountBackoff.describeProblem(),
		Waits:                l.jobs.waitReasons(),
		Repeats:              l.retries.totals(),
		TargetAdvice:         l.advice.given,
		WaitingTime:          l.supply.waitingTime,
		DryTime:              l.supply.dryTime,
	}
	if l.dailyStarts.usedUp() {
		s.PausedUntil = l.dailyStarts.dayEnd()
		if !s.Paused {
			s.Paused, s.PausedReason = true, l.dailyStarts.pauseReason()
		}
	}
	l.principals.describe(&s, now)
	l.jobs.describe(&s, now)
	l.describeQueue(&s, v)
	l.describeProblems(&s, now)
	s.Listing, s.OtherInstances = l.worker.encodings.status()
	l.reconciliation.describe(&s.Listing)
	budgeted := s
	budgeted.Budgets, _ = l.publisher.readBudgets()
	l.waitLog.note(&budgeted, now, l.log)
	l.problemLog.note(&s, now, l.log)
	l.publisher.publish(s)
}

// describeQueue describes the queue: other people's encodings as last counted, and ours as they
// are known now.
func (l *accountLoop) describeQueue(s *job.AccountStatus, v *view) {
	s.PlatformQueuedCount = -1
	if !l.lastCountTime.IsZero() {
		s.PlatformQueuedCount, s.PlatformQueuedTime = max(l.queue.foreign, 0)+s.QueuedCount, l.lastCountTime
	}
	s.Uncounted = v != nil && !v.countFresh
	s.HeldCount = max(l.queue.foreign, 0) + l.queue.countOwnPlaces(l.jobs.index)
	if l.polls.drain.runtime > 0 {
		s.DrainRate = float64(s.RunningCount) / l.polls.drain.runtime.Minutes()
	}
	if v != nil && l.limit.fullUntil.After(v.now) {
		s.QueueFullUntil = l.limit.fullUntil
	}
}

// describeProblems says what keeps jobs from going on although the platform answers, for single
// batches and for the account.
func (l *accountLoop) describeProblems(s *job.AccountStatus, now time.Time) {
	s.Problems = l.batchBackoffs.problems(l.jobs.batches)
	for _, id := range slices.Sorted(maps.Keys(s.Problems)) {
		s.Problem = cmp.Or(s.Problem, s.Problems[id].Text)
	}
	for id, err := range l.jobs.noStatusErrors() {
		if s.Problems == nil {
			s.Problems = map[string]job.Problem{}
		}
		s.Problems[id] = cmp.Or(s.Problems[id], job.Problem{Text: shortText(fmt.Errorf("%w: %w", errNoStatus, err))})
		s.Problem = cmp.Or(s.Problem, errNoStatus.Error())
	}
	if err := l.retries.lastingError(now); err != nil {
		s.Problem = shortText(err)
	}
	if l.accountBackoff.err != nil {
		s.Problem = shortText(l.accountBackoff.err)
	}
}

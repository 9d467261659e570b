package job

import (
	"math"
	"slices"
	"time"
)

// WaitExplainer is what the reasons for waiting of one batch and its jobs follow from.
// Nothing is decided by it: it tells people what the dispatcher decides.
type WaitExplainer struct {
	Now     time.Time
	Batch   *Batch
	Account *AccountStatus // nil: the batch's account is not in the configuration
	Place   *Place         // of the batch in its account's line; nil: it is in none
}

// The classes of calls that configuring takes, and a start.
var configuringClasses = []string{"encoding-create", "subresource", "resource-write", "resource-read", "manifest"}

const (
	startClass         = "start"
	templateStartClass = "encoding-create"
	countClass         = "encoding-list"
)

// JobWait says why a job waits, whatever state it is in; the zero Wait if it does not. rank is
// how many jobs of its batch that are due go before it; it is looked at for jobs that are
// due themselves.
func (s WaitExplainer) JobWait(j *Job, rank int64) Wait {
	if j.State.Terminal() {
		return Wait{}
	}
	if s.Account == nil && j.State != Waiting {
		return Wait{Code: WaitAccountMissing, Subject: s.Batch.AccountID}
	}
	switch j.State {
	case Waiting:
		return s.waitingWait(j, rank)
	case Starting:
		return s.startingWait(j)
	case Queued, Running:
		return s.platformWait(j)
	case Cancelling:
		return s.cancellingWait(j)
	}
	return Wait{}
}

// waitingWait goes through the reasons in the order in which they have to go away.
func (s WaitExplainer) waitingWait(j *Job, rank int64) Wait {
	if w := s.batchBlocked(); w.Code != "" {
		return w
	}
	if w := s.Account.allBlocked(s.Now); w.Code != "" {
		return w
	}
	a := s.Account
	if !s.Batch.CreateTime.After(a.Listing.ComparingSince) {
		if w := a.reconcilingWait(s.Now); w.Code != "" {
			return w
		}
	}
	note, problem := a.Notes[j.ID], a.Problems[s.Batch.ID]
	switch {
	case j.NextAttemptTime.After(s.Now):
		return Wait{Code: WaitBackoff, Attempt: j.Attempt + 1, Until: j.NextAttemptTime}
	case !problem.Until.IsZero(): // others concern single jobs, and are not in the way of this one
		return problem.asWait()
	case note.Starting:
		return s.pendingStartWait(note.Since)
	case note.Problem.Text != "":
		return note.Problem.asWait()
	case j.Step == StepCreate:
		if w := a.budgetWait(s.Now, configuringClasses...); w.Code != "" {
			return w
		}
		return Wait{Code: WaitConfiguring, Since: j.StepTime}
	}
	return s.inLineWait(j, rank)
}

// reconcilingWait is the wait for the comparison of the platform with the job table. A batch
// that came after it began need not wait for it.
func (a *AccountStatus) reconcilingWait(now time.Time) Wait {
	if a.Listing.ComparingSince.IsZero() {
		return Wait{}
	}
	if w := a.budgetWait(now, countClass); w.Code != "" {
		return w
	}
	return Wait{Code: WaitReconciling, Since: a.Listing.ComparingSince, Text: oneLine(a.Listing.ComparingProblem)}
}

// batchBlocked is what keeps all jobs of the batch from being started, if that lies with the
// batch, or with its having no account.
func (s WaitExplainer) batchBlocked() Wait {
	switch b := s.Batch; {
	case b.State == BatchCancelling:
		return Wait{Code: WaitStop, Since: b.StateTime}
	case b.State == BatchPaused:
		return Wait{Code: WaitBatchPaused, Since: b.StateTime, Text: oneLine(b.StateReason)}
	case s.Account == nil:
		return Wait{Code: WaitAccountMissing, Subject: b.AccountID}
	}
	return Wait{}
}

// inLineWait is why a job that could be started now has not been: what goes before it.
func (s WaitExplainer) inLineWait(j *Job, rank int64) Wait {
	a, w := s.Account, Wait{Code: WaitInLine}
	if s.Place != nil {
		w.Position = s.Place.Position(rank)
		w.Earliest = a.earliestStart(w.Position, s.Now)
	}
	if full := a.platformBlocked(s.Now); full.Code != "" {
		full.Position = w.Position
		return full
	}
	if s.Place != nil && s.Place.HigherPriorityCount() > 0 {
		w.Code, w.Count = WaitPriority, s.Place.HigherPriorityCount()
		return w
	}
	if full := a.queueBlocked(s.Now, s.startClass()); full.Code != "" {
		full.Position, full.Earliest = w.Position, w.Earliest
		return full
	}
	classes := configuringClasses
	if s.Batch.Template != nil || j.Prepared() {
		classes = []string{s.startClass()}
	}
	if short := a.budgetWait(s.Now, classes...); short.Code != "" {
		short.Position = w.Position
		return short
	}
	return w
}

// startingWait is why a job's start is not answered yet.
func (s WaitExplainer) startingWait(j *Job) Wait {
	if w := s.Account.breakerWait(); w.Code != "" {
		return w
	}
	if note := s.Account.Notes[j.ID]; note.Starting {
		return s.pendingStartWait(j.StepTime)
	}
	return s.unknownStartWait(j)
}

// pendingStartWait is the wait for the answer to a start, or for the budget to send it.
func (s WaitExplainer) pendingStartWait(since time.Time) Wait {
	if w := s.Account.budgetWait(s.Now, s.startClass()); w.Code != "" {
		return w
	}
	return Wait{Code: WaitStart, Since: since}
}

// startClass is the class of the calls that start jobs of the batch.
func (s WaitExplainer) startClass() string {
	if s.Batch.Template != nil {
		return templateStartClass
	}
	return startClass
}

// unknownStartWait is the wait for what is seen of a start without an answer. Once the settle
// time is over it is as long as the platform shows nothing.
func (s WaitExplainer) unknownStartWait(j *Job) Wait {
	w := Wait{Code: WaitUnknownStart, Since: j.StepTime, Text: oneLine(s.Account.Waits[j.ID].Text)}
	if end := j.StepTime.Add(s.Account.Settle); s.Account.Settle > 0 && end.After(s.Now) {
		w.Until = end
	}
	return w
}

// platformWait is why a job whose start was accepted does not go on.
func (s WaitExplainer) platformWait(j *Job) Wait {
	w, waits := s.Account.Waits[j.ID]
	w.Text = oneLine(w.Text)
	switch {
	case waits && w.Code == WaitUnknownStart:
		return s.unknownStartWait(j)
	case waits && s.Account.Organisation.Text != "":
		w := s.Account.Organisation.asWait()
		w.Code = WaitOrganisation
		return w
	case waits:
		return w
	case j.PlatformStatus != "":
		return Wait{Code: WaitUnknownStatus, Since: j.PlatformStatusTime, Text: oneLine(j.PlatformStatus)}
	case j.State == Queued:
		w := Wait{Code: WaitEncoder, Since: j.QueuedTime}
		if w.Since.IsZero() {
			w.Since = j.StartTime
		}
		return w
	}
	return Wait{}
}

// cancellingWait is why a job that is to be cancelled has not ended.
func (s WaitExplainer) cancellingWait(j *Job) Wait {
	if w := s.Account.breakerWait(); w.Code != "" {
		return w
	}
	if j.Step == StepStart && !s.Account.Notes[j.ID].Starting {
		return s.unknownStartWait(j)
	}
	if w := s.platformWait(j); w.Code != "" {
		return w
	}
	w := Wait{Code: WaitStop, Since: j.UpdateTime}
	if j.Step == StepStop {
		w.Since = j.StepTime
	}
	return w
}

// BatchWait says why the batch does not move; the zero Wait if it does, or has ended. The
// reason is that of the first of its jobs that may be started next, or if none waits and none
// runs, of the first that is elsewhere. first is that job, if somebody has read it.
func (s WaitExplainer) BatchWait(first *Job) Wait {
	b := s.Batch
	switch {
	case b.State.Terminal():
		return Wait{}
	case b.State == BatchCancelling:
		return Wait{Code: WaitStop, Since: b.StateTime, Count: b.Counts.Live()}
	case b.Counts.Live() == 0 && b.State == BatchOpen:
		return Wait{Code: WaitMoreJobs, Since: b.UpdateTime}
	case b.Counts.Waiting > 0:
		return s.firstJobWait(first)
	case b.Counts.Live() == 0 && b.State == BatchPaused:
		return s.batchBlocked()
	case b.Counts.Running > 0 || first == nil:
		return Wait{}
	}
	w := s.JobWait(first, 0)
	w.Count = *b.Counts.Of(first.State)
	return w
}

// firstJobWait is the reason of the job of the batch that goes first.
func (s WaitExplainer) firstJobWait(first *Job) Wait {
	if first != nil && first.State == Waiting {
		return s.JobWait(first, 0)
	}
	next := Job{State: Waiting}
	if s.Place != nil && s.Place.share.Due == 0 {
		next.NextAttemptTime = s.Place.share.NextDue
	}
	return s.JobWait(&next, 0)
}

// ExplainWait says why the account starts nothing right now; the zero Wait if it is about to.
func (a *AccountStatus) ExplainWait(now time.Time) Wait {
	if w := a.allBlocked(now); w.Code != "" {
		return w
	}
	if a.InLineCount == 0 {
		return a.emptyLineWait(now)
	}
	if w := a.reconcilingWait(now); w.Code != "" {
		return w
	}
	if w := a.platformBlocked(now); w.Code != "" {
		return w
	}
	if w := a.queueBlocked(now, startClass); w.Code != "" {
		return w
	}
	if w := a.budgetWait(now, append([]string{startClass}, configuringClasses...)...); w.Code != "" {
		return w
	}
	if a.PreparingCount > 0 && a.PreparedCount == 0 {
		return Wait{Code: WaitConfiguring}
	}
	return Wait{}
}

// emptyLineWait is why there is no job that could be started.
func (a *AccountStatus) emptyLineWait(now time.Time) Wait {
	var worst Problem
	for _, t := range a.Problems {
		if t.Until.IsZero() {
			continue
		}
		if worst.Text == "" || t.Since.Before(worst.Since) || t.Since.Equal(worst.Since) && t.Text < worst.Text {
			worst = t
		}
	}
	switch {
	case worst.Text != "":
		return worst.asWait()
	case a.NextDueTime.After(now):
		return Wait{Code: WaitBackoff, Until: a.NextDueTime}
	}
	return Wait{Code: WaitIdle}
}

// allBlocked is what keeps everything of the account from being started.
func (a *AccountStatus) allBlocked(now time.Time) Wait {
	if a.StartsExhausted() && a.PausedSince.IsZero() { // it counts as paused
		return Wait{Code: WaitDailyLimit, Count: int64(a.StartsTodayCount), Limit: int64(a.MaxStartsPerDay), Until: a.PausedUntil}
	}
	if a.Paused {
		return Wait{Code: WaitAccountPaused, Subject: a.ID, Since: a.PausedSince, Text: oneLine(a.PausedReason)}
	}
	if w := a.breakerWait(); w.Code != "" {
		return w
	}
	if a.Organisation.Until.After(now) {
		w := a.Organisation.asWait()
		w.Code = WaitOrganisation
		return w
	}
	return Wait{}
}

func (a *AccountStatus) breakerWait() Wait {
	if a.Breaker != BreakerOpen && a.Breaker != BreakerProbing {
		return Wait{}
	}
	return Wait{Code: WaitBreaker, Since: a.BreakerSince, Until: a.NextProbeTime, Text: oneLine(a.BreakerReason)}
}

// platformBlocked is what keeps a job that is next from being started whatever the queue is like.
func (a *AccountStatus) platformBlocked(now time.Time) Wait {
	if a.QueueFullUntil.After(now) {
		return Wait{Code: WaitPlatformFull, Until: a.QueueFullUntil}
	}
	if a.PlatformQueuedCount < 0 {
		return a.countingWait(now)
	}
	return Wait{}
}

// queueBlocked is what keeps a job that is next from having a place in the queue. Places that are
// taken by starts which wait for the budget are not what it is about.
func (a *AccountStatus) queueBlocked(now time.Time, class string) Wait {
	if a.HeldCount < a.EffectiveQueueTarget {
		if a.Uncounted { // while every place is known to be taken there is no need to count
			return a.countingWait(now)
		}
		return Wait{}
	}
	if a.StartingCount > 0 {
		if w := a.budgetWait(now, class); w.Code != "" {
			return w
		}
	}
	return Wait{Code: WaitQueueFull, Count: int64(a.HeldCount), Limit: int64(a.EffectiveQueueTarget)}
}

// countingWait is the wait for the count of the platform's queue.
func (a *AccountStatus) countingWait(now time.Time) Wait {
	if w := a.budgetWait(now, countClass); w.Code != "" {
		return w
	}
	return Wait{Code: WaitCounting}
}

// budgetWait finds a class of calls of which none can be made for now although some wait to be,
// or which the platform has stopped.
func (a *AccountStatus) budgetWait(now time.Time, classes ...string) Wait {
	for _, b := range a.Budgets {
		if !slices.Contains(classes, b.Class) {
			continue
		}
		if b.PausedUntil.After(now) {
			return Wait{Code: WaitBudget, Subject: b.Class, Until: b.PausedUntil}
		}
		if b.Available == 0 && b.Waiting > 0 {
			return Wait{Code: WaitBudget, Subject: b.Class, Until: b.Next}
		}
	}
	return Wait{}
}

// earliestDeviations is how many standard deviations before the likely time of a start its earliest lies:
// nine of ten jobs start later.
const earliestDeviations = 1.3

// earliestStart is when the job with this position may be started at the earliest: when as many
// places have become free, at the pace at which they do now. Zero if there is no pace, and
// while the queue is not full, because then it says nothing.
func (a *AccountStatus) earliestStart(position int64, now time.Time) (t time.Time) {
	if a.DrainRate > 0 && a.HeldCount >= a.EffectiveQueueTarget {
		places := float64(position) + float64(a.HeldCount-a.EffectiveQueueTarget)
		minutes := (places - earliestDeviations*math.Sqrt(places)) / a.DrainRate
		if minutes > 1.0/60 && minutes < 60*24*365 {
			t = now.Add(time.Duration(minutes * float64(time.Minute))).Truncate(time.Second)
		}
	}
	if day := now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour); a.MaxStartsPerDay > 0 &&
		position > int64(a.MaxStartsPerDay-a.StartsTodayCount) && day.After(t) {
		t = day
	}
	return t
}

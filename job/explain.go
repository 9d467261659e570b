package job

import (
	"math"
	"slices"
	"time"
)

// WaitExplainer explains to people why one batch and its jobs wait. The dispatcher decides nothing
// by it.
type WaitExplainer struct {
	Now     time.Time
	Batch   *Batch
	Account *AccountStatus // nil: the account of the batch is not in the configuration
	Place   *Place         // of the batch in the line of its account; nil: it is not in the line
}

// configuringClasses are the endpoint classes of the calls that configure an encoding.
var configuringClasses = []string{"encoding-create", "subresource", "resource-write", "resource-read", "manifest"}

// The endpoint classes of other calls.
const (
	startClass         = "start"           // starts an encoding
	templateStartClass = "encoding-create" // creates and starts an encoding from a template
	countClass         = "encoding-list"   // counts queued encodings
)

// JobWait returns why a job waits, whatever its state, or the zero Wait if the job does not wait.
// For a due job, rank is how many due jobs of its batch are started before it.
func (e WaitExplainer) JobWait(j *Job, rank int64) Wait {
	if j.State.Terminal() {
		return Wait{}
	}
	if e.Account == nil && j.State != Waiting {
		return Wait{Code: WaitAccountMissing, Subject: e.Batch.AccountID}
	}
	switch j.State {
	case Waiting:
		return e.waitingWait(j, rank)
	case Starting:
		return e.startingWait(j)
	case Queued, Running:
		return e.platformWait(j)
	case Cancelling:
		return e.cancellingWait(j)
	}
	return Wait{}
}

// waitingWait is the wait of a WAITING job. If there are several reasons, it is the one that has to
// go away first.
func (e WaitExplainer) waitingWait(j *Job, rank int64) Wait {
	if w := e.batchBlocked(); w.Code != "" {
		return w
	}
	if w := e.Account.allBlocked(e.Now); w.Code != "" {
		return w
	}
	a := e.Account
	if limit, ok := a.PrincipalExhausted(e.Batch.CreatedBy, e.Now); ok {
		return Wait{Code: WaitDailyLimit, Subject: e.Batch.CreatedBy, Count: int64(limit.Starts), Limit: int64(limit.Starts), Until: limit.Until}
	}
	if !e.Batch.CreateTime.After(a.Listing.ComparingSince) {
		if w := a.reconcilingWait(e.Now); w.Code != "" {
			return w
		}
	}
	note, problem := a.Notes[j.ID], a.Problems[e.Batch.ID]
	switch {
	case j.IsBackingOff(e.Now):
		return Wait{Code: WaitBackoff, Attempt: j.Attempt + 1, Until: j.NextAttemptTime}
	case !problem.Until.IsZero(): // without a next try, the problem is that of another job of the batch
		return problem.asWait()
	case note.Starting:
		return e.pendingStartWait(note.Since)
	case note.Problem.Text != "":
		return note.Problem.asWait()
	case j.Step == StepCreate:
		if w := a.budgetWait(e.Now, configuringClasses...); w.Code != "" {
			return w
		}
		return Wait{Code: WaitConfiguring, Since: j.StepTime}
	}
	return e.inLineWait(j, rank)
}

// reconcilingWait is the wait for the end of reconciling.
func (a *AccountStatus) reconcilingWait(now time.Time) Wait {
	if a.Listing.ComparingSince.IsZero() {
		return Wait{}
	}
	if w := a.budgetWait(now, countClass); w.Code != "" {
		return w
	}
	return Wait{Code: WaitReconciling, Since: a.Listing.ComparingSince, Text: oneLine(a.Listing.ComparingProblem)}
}

// batchBlocked is why no job of the batch is started, if the batch itself or its missing account is
// the reason.
func (e WaitExplainer) batchBlocked() Wait {
	switch b := e.Batch; {
	case b.State == BatchCancelling:
		return Wait{Code: WaitStop, Since: b.StateTime}
	case b.State == BatchPaused:
		return Wait{Code: WaitBatchPaused, Since: b.StateTime, Text: oneLine(b.StateReason)}
	case e.Account == nil:
		return Wait{Code: WaitAccountMissing, Subject: b.AccountID}
	}
	return Wait{}
}

// inLineWait is why a job in line has not been started yet.
func (e WaitExplainer) inLineWait(j *Job, rank int64) Wait {
	a, w := e.Account, Wait{Code: WaitInLine}
	if e.Place != nil {
		w.Position = e.Place.Position(rank)
		w.Earliest = a.earliestStart(w.Position, e.Now)
	}
	if full := a.platformBlocked(e.Now); full.Code != "" {
		full.Position = w.Position
		return full
	}
	if e.Place != nil && e.Place.HigherPriorityCount() > 0 {
		w.Code, w.Count = WaitPriority, e.Place.HigherPriorityCount()
		return w
	}
	if full := a.queueBlocked(e.Now, e.startClass()); full.Code != "" {
		full.Position, full.Earliest = w.Position, w.Earliest
		return full
	}
	classes := configuringClasses
	if e.Batch.Template != nil || j.Prepared() {
		classes = []string{e.startClass()}
	}
	if short := a.budgetWait(e.Now, classes...); short.Code != "" {
		short.Position = w.Position
		return short
	}
	return w
}

// startingWait is the wait of a STARTING job.
func (e WaitExplainer) startingWait(j *Job) Wait {
	if e.Account.TableTrouble.Text != "" {
		return e.Account.TableTrouble.asWait()
	}
	if w := e.Account.breakerWait(); w.Code != "" {
		return w
	}
	if note := e.Account.Notes[j.ID]; note.Starting {
		return e.pendingStartWait(j.StepTime)
	}
	return e.unknownStartWait(j)
}

// pendingStartWait is the wait for the answer to a start, or for the rate limit to allow the call.
func (e WaitExplainer) pendingStartWait(since time.Time) Wait {
	if w := e.Account.budgetWait(e.Now, e.startClass()); w.Code != "" {
		return w
	}
	return Wait{Code: WaitStart, Since: since}
}

// startClass returns the class of the calls that start jobs of the batch.
func (e WaitExplainer) startClass() string {
	if e.Batch.Template != nil {
		return templateStartClass
	}
	return startClass
}

// unknownStartWait is the wait of a job whose start was not answered. The wait ends with the settle
// time, or later if the platform shows nothing about the encoding.
func (e WaitExplainer) unknownStartWait(j *Job) Wait {
	w := Wait{Code: WaitUnknownStart, Since: j.StepTime, Text: oneLine(e.Account.Waits[j.ID].Text)}
	if end := j.StepTime.Add(e.Account.Settle); e.Account.Settle > 0 && end.After(e.Now) {
		w.Until = end
	}
	return w
}

// platformWait is the wait of a job whose start was accepted.
func (e WaitExplainer) platformWait(j *Job) Wait {
	w, waits := e.Account.Waits[j.ID]
	w.Text = oneLine(w.Text)
	switch {
	case waits && w.Code == WaitUnknownStart:
		return e.unknownStartWait(j)
	case waits && e.Account.Organisation.Text != "":
		w := e.Account.Organisation.asWait()
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

// cancellingWait is the wait of a CANCELLING job.
func (e WaitExplainer) cancellingWait(j *Job) Wait {
	if e.Account.TableTrouble.Text != "" {
		return e.Account.TableTrouble.asWait()
	}
	if w := e.Account.breakerWait(); w.Code != "" {
		return w
	}
	if j.Step == StepStart && !e.Account.Notes[j.ID].Starting {
		return e.unknownStartWait(j)
	}
	if w := e.platformWait(j); w.Code != "" {
		return w
	}
	w := Wait{Code: WaitStop, Since: j.UpdateTime}
	if j.Step == StepStop {
		w.Since = j.StepTime
	}
	return w
}

// BatchWait returns why the batch does not move, or the zero Wait if it moves or has ended. If jobs
// are WAITING, the reason is that of the job to be started next. If no job is WAITING or RUNNING, it
// is that of the first job that has not ended. first is the job that gives the reason; nil if the
// caller has not read it.
func (e WaitExplainer) BatchWait(first *Job) Wait {
	b := e.Batch
	switch {
	case b.State.Terminal():
		return Wait{}
	case b.State == BatchCancelling:
		return Wait{Code: WaitStop, Since: b.StateTime, Count: b.Counts.Unfinished()}
	case b.Counts.Unfinished() == 0 && b.State == BatchOpen:
		return Wait{Code: WaitMoreJobs, Since: b.UpdateTime}
	case b.Counts.Waiting > 0:
		return e.firstJobWait(first)
	case b.Counts.Unfinished() == 0 && b.State == BatchPaused:
		return e.batchBlocked()
	case b.Counts.Running > 0 || first == nil:
		return Wait{}
	}
	w := e.JobWait(first, 0)
	w.Count = *b.Counts.Of(first.State)
	return w
}

// firstJobWait is the wait of the job that is to be started next. Without that job, it is the wait of
// a job about which nothing is known.
func (e WaitExplainer) firstJobWait(first *Job) Wait {
	if first != nil && first.State == Waiting {
		return e.JobWait(first, 0)
	}
	next := Job{State: Waiting}
	if e.Place != nil && e.Place.share.Due == 0 {
		next.NextAttemptTime = e.Place.share.NextDue
	}
	return e.JobWait(&next, 0)
}

// ExplainWait returns why the account starts nothing right now, or the zero Wait if it is about to
// start a job.
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

// emptyLineWait is why the account has no job in line. Of several problems, it is the oldest.
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

// allBlocked is why no job of the account is started, whatever the job.
func (a *AccountStatus) allBlocked(now time.Time) Wait {
	if a.TableTrouble.Text != "" {
		return a.TableTrouble.asWait()
	}
	if a.StartsExhausted() && a.PausedSince.IsZero() { // the daily limit sets Paused too, without PausedSince
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

// breakerWait is the wait for a platform that cannot be used.
func (a *AccountStatus) breakerWait() Wait {
	if a.Breaker != BreakerOpen && a.Breaker != BreakerProbing {
		return Wait{}
	}
	return Wait{Code: WaitBreaker, Since: a.BreakerSince, Until: a.NextProbeTime, Text: oneLine(a.BreakerReason)}
}

// platformBlocked is why the next job is not started, even if places are free.
func (a *AccountStatus) platformBlocked(now time.Time) Wait {
	if a.QueueFullUntil.After(now) {
		return Wait{Code: WaitPlatformFull, Until: a.QueueFullUntil}
	}
	if a.PlatformQueuedCount < 0 {
		return a.countingWait(now)
	}
	return Wait{}
}

// queueBlocked is why the next job does not get a place in the queue. If the queue is full because
// starts of the class wait for the rate limit, the rate limit is the reason.
func (a *AccountStatus) queueBlocked(now time.Time, class string) Wait {
	if a.HeldCount < a.EffectiveQueueTarget {
		if a.Uncounted { // of a full queue, the count does not matter
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

// budgetWait is the wait for the rate limit of the first of the classes whose calls wait, or were
// refused with a 429. It is the zero Wait if there is no such class.
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

// earliestDeviations is how many standard deviations [Wait.Earliest] lies before the likely start:
// nine of ten jobs start later.
const earliestDeviations = 1.3

// earliestStart is when the job at this position may be started at the earliest: when enough places
// have become free at the present drain rate, or on the next day if the daily limit is used up
// before. It is zero if the daily limit allows the start and the drain rate is unknown or, because
// the queue is not full, says nothing.
func (a *AccountStatus) earliestStart(position int64, now time.Time) (t time.Time) {
	if a.DrainRate > 0 && a.HeldCount >= a.EffectiveQueueTarget {
		places := float64(position) + float64(a.HeldCount-a.EffectiveQueueTarget)
		minutes := (places - earliestDeviations*math.Sqrt(places)) / a.DrainRate
		if minutes > 1.0/60 && minutes < MaxEstimate.Minutes() {
			t = now.Add(time.Duration(minutes * float64(time.Minute))).Truncate(time.Second)
		}
	}
	if day := now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour); a.MaxStartsPerDay > 0 &&
		position > int64(a.MaxStartsPerDay-a.StartsTodayCount) && day.After(t) {
		t = day
	}
	return t
}

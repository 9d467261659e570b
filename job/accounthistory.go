package job

import (
	"cmp"
	"slices"
	"time"
)

// HistoryStep is the time from one recorded sample of an account to the next.
const HistoryStep = 10 * time.Second

// HistoryLength is how long samples and problems of an account are kept.
const HistoryLength = 24 * time.Hour

// MaxAccountProblems is how many problems of an account are kept.
const MaxAccountProblems = 100

// AccountSample is how an account stood in one step of its history. Counts are those at the end of the
// step, unless they say otherwise.
type AccountSample struct {
	Time                   time.Time // when the step began
	QueueTarget            int
	PlatformQueuedCount    int // -1 before the first count
	MinPlatformQueuedCount int // the least within the step; -1 before the first count
	QueuedCount            int
	RunningCount           int
	StartCount             int // starts that the platform accepted within the step
	EndCount               int // encodings that ended within the step
	Paused                 bool
	BreakerOpen            bool // at some time within the step
}

// Join returns the sample of a longer step, which begins with s and ends with a later sample.
func (s AccountSample) Join(later AccountSample) AccountSample {
	if s.MinPlatformQueuedCount >= 0 && (later.MinPlatformQueuedCount < 0 || s.MinPlatformQueuedCount < later.MinPlatformQueuedCount) {
		later.MinPlatformQueuedCount = s.MinPlatformQueuedCount
	}
	later.Time = s.Time
	later.StartCount += s.StartCount
	later.EndCount += s.EndCount
	later.Paused, later.BreakerOpen = later.Paused || s.Paused, later.BreakerOpen || s.BreakerOpen
	return later
}

// AccountHistory is the history of an account since a time.
type AccountHistory struct {
	RecordingSince time.Time       // when the record begins
	Samples        []AccountSample // the oldest first; steps that were not recorded are missing
	Problems       []AccountProblem
}

// AccountProblemKind is a kind of what keeps an account from starting jobs.
type AccountProblemKind string

// The kinds of problems of an account.
const (
	ProblemPaused       AccountProblemKind = "PAUSED"        // somebody paused the account
	ProblemDailyLimit   AccountProblemKind = "DAILY_LIMIT"   // the daily limit of starts was reached
	ProblemBreaker      AccountProblemKind = "BREAKER"       // the platform could not be used
	ProblemCallsRefused AccountProblemKind = "CALLS_REFUSED" // the platform refused calls of class Subject with 429
	ProblemQueueFull    AccountProblemKind = "QUEUE_FULL"    // the platform said that its queue is full
	ProblemJobs         AccountProblemKind = "JOBS"          // jobs could not be configured or started although the platform answered
	ProblemOrganisation AccountProblemKind = "ORGANISATION"  // the platform showed none of the service's encodings
)

// AccountProblem is a time in which something kept an account from starting jobs.
type AccountProblem struct {
	Kind    AccountProblemKind
	Subject string // the class of calls
	Text    string // what was wrong, or the reason that was given with a pause; at most [MaxWaitText] bytes
	Start   time.Time
	Finish  time.Time // zero while it lasts
	Until   time.Time // when the next try is made; zero if unknown, and once the problem has ended
}

// Same reports whether o is the same problem at another time.
func (p *AccountProblem) Same(o *AccountProblem) bool {
	return p.Kind == o.Kind && p.Subject == o.Subject
}

// ListProblems returns what keeps the account from starting jobs at a time, by kind and subject. The start of a
// problem is known for some of them only.
func (a *AccountStatus) ListProblems(now time.Time) []AccountProblem {
	var list []AccountProblem
	add := func(is bool, p AccountProblem) {
		if is {
			p.Text = oneLine(p.Text)
			list = append(list, p)
		}
	}
	dailyLimit := a.StartsExhausted() && a.PausedSince.IsZero() // the daily limit sets Paused too, without PausedSince
	add(dailyLimit, AccountProblem{Kind: ProblemDailyLimit, Text: a.PausedReason, Until: a.PausedUntil})
	add(a.Paused && !dailyLimit, AccountProblem{Kind: ProblemPaused, Text: a.PausedReason, Start: a.PausedSince})
	add(a.Breaker == BreakerOpen || a.Breaker == BreakerProbing, AccountProblem{
		Kind: ProblemBreaker, Text: a.BreakerReason, Start: a.BreakerSince, Until: a.NextProbeTime,
	})
	add(a.Organisation.Until.After(now), AccountProblem{
		Kind: ProblemOrganisation, Text: a.Organisation.Text, Start: a.Organisation.Since, Until: a.Organisation.Until,
	})
	add(a.QueueFullUntil.After(now), AccountProblem{Kind: ProblemQueueFull, Until: a.QueueFullUntil})
	add(a.Problem != "" && !a.Organisation.Until.After(now), AccountProblem{Kind: ProblemJobs, Text: a.Problem})
	for _, b := range a.Budgets {
		add(b.PausedUntil.After(now), AccountProblem{Kind: ProblemCallsRefused, Subject: b.Class, Until: b.PausedUntil})
	}
	slices.SortStableFunc(list, func(x, y AccountProblem) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Subject, y.Subject))
	})
	return list
}

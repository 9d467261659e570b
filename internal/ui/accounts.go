package ui

import (
	"fmt"
	"strings"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// AccountTable lists accounts, a row each: queue target, counts of encodings and jobs, the account's
// state at the time now, and why no other job is started.
func AccountTable(accounts []*stokerv1.Account, now time.Time) *Table {
	list := &Table{Header: []string{"ACCOUNT", "TARGET", "QUEUED", "OURS", "RUNNING", "STARTING", "PREPARED", "STATE", "COUNTED", "WAIT"}}
	for _, a := range accounts {
		target := itoa(a.GetQueueTarget())
		if a.GetEffectiveQueueTarget() != a.GetQueueTarget() {
			target = fmt.Sprintf("%d of %d", a.GetEffectiveQueueTarget(), a.GetQueueTarget())
		}
		state, wait := accountState(a, now), a.GetWaitReason()
		if strings.HasPrefix(state, wait) {
			wait = "" // the state says it
		}
		queued := "?"
		if a.PlatformQueuedCount != nil {
			queued = itoa(a.GetPlatformQueuedCount())
		}
		list.AddRow(a.GetId(), target, queued, itoa(a.GetQueuedCount()), itoa(a.GetRunningCount()), itoa(a.GetStartingCount()),
			itoa(a.GetPreparedCount()), state, formatTime(a.GetPlatformQueuedTime()), wait)
	}
	return list
}

// BudgetTable lists the call budgets of accounts, a row for each endpoint class.
func BudgetTable(accounts []*stokerv1.Account) *Table {
	list := &Table{Header: []string{"ACCOUNT", "CLASS", "PER MINUTE", "LEFT NOW", "THROTTLED UNTIL"}}
	for _, a := range accounts {
		for _, b := range a.GetBudgets() {
			list.AddRow(a.GetId(), b.GetClass(), itoa(b.GetLimitPerMinute()), itoa(b.GetAvailable()), formatTime(b.GetPausedUntil()))
		}
	}
	return list
}

// UnknownValues names the first three values of the platform that the server does not know, and counts
// the others. It is empty if there are none.
func UnknownValues(a *stokerv1.Account) string {
	values := a.GetUnknownValues()
	if len(values) == 0 {
		return ""
	}
	const few = 3
	var shown []string
	for _, v := range values[:min(few, len(values))] {
		shown = append(shown, fmt.Sprintf("%s %q", strings.ReplaceAll(v.GetKind(), "_", " "), v.GetValue()))
	}
	if more := len(values) - few; more > 0 {
		shown = append(shown, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("Account %s: the platform uses values that this server does not know: %s.", a.GetId(), strings.Join(shown, ", "))
}

// longComparison is the time after which the account's state mentions that the platform is still being
// compared with the job table. A comparison usually takes a second.
const longComparison = 10 * time.Second

// accountState says whether jobs of an account are started or why not, why encodings are listed slowly,
// and which other Stokers use the account's API key.
func accountState(a *stokerv1.Account, now time.Time) string {
	parts := []string{workingState(a, now)}
	if slow := slowListing(a.GetListing()); slow != "" {
		parts = append(parts, slow)
	}
	for _, o := range a.GetOtherInstances() {
		id := o.GetId()
		parts = append(parts, "another Stoker uses the key: "+id[:min(len(id), 8)]+", seen "+FormatDuration(now.Sub(o.GetLastSeenTime().AsTime()))+" ago")
	}
	return strings.Join(parts, "; ")
}

// workingState says whether jobs of an account are started, and why not. An account is working also if
// its queue is full or it has no jobs.
func workingState(a *stokerv1.Account, now time.Time) string {
	switch w := a.GetWait(); w.GetCode() {
	case stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED, stokerv1.WaitCode_WAIT_CODE_DAILY_LIMIT:
		return a.GetWaitReason()
	case stokerv1.WaitCode_WAIT_CODE_BREAKER, stokerv1.WaitCode_WAIT_CODE_PLATFORM_FULL, stokerv1.WaitCode_WAIT_CODE_STORAGE,
		stokerv1.WaitCode_WAIT_CODE_PROBLEM, stokerv1.WaitCode_WAIT_CODE_ORGANISATION:
		if w.GetUntil() == nil || !w.GetUntil().AsTime().After(now) {
			return a.GetWaitReason()
		}
		return a.GetWaitReason() + "; next try in " + FormatDuration(w.GetUntil().AsTime().Sub(now))
	}
	l := a.GetListing()
	switch {
	case l.GetComparingSince() != nil && l.GetComparingProblem() != "":
		return "the platform cannot be compared with the job table; jobs from before the restart wait: " + l.GetComparingProblem()
	case l.GetComparingSince() != nil && now.Sub(l.GetComparingSince().AsTime()) > longComparison:
		return "comparing the platform with the job table for " + FormatDuration(now.Sub(l.GetComparingSince().AsTime()))
	}
	if problem := a.GetProblem(); problem != "" {
		return "working, with a problem: " + problem
	}
	if problem := a.GetWebhooks().GetProblem(); problem != "" {
		return "working, without webhooks: " + problem
	}
	return "working"
}

// slowListing says in which slower way encodings are listed, and which faulty query parameters of the
// platform are the cause. It is empty if no parameter is faulty.
func slowListing(l *stokerv1.Listing) string {
	var reasons []string
	for _, p := range l.GetFaultyParameters() {
		fault := map[stokerv1.ParameterFault]string{
			stokerv1.ParameterFault_PARAMETER_FAULT_UNANSWERED: "is not answered",
			stokerv1.ParameterFault_PARAMETER_FAULT_IGNORED:    "is ignored",
			stokerv1.ParameterFault_PARAMETER_FAULT_MISSES:     "misses encodings",
		}[p.GetFault()]
		if fault == "" {
			fault = "is refused"
		}
		reasons = append(reasons, p.GetName()+" "+fault)
	}
	if len(reasons) == 0 {
		return ""
	}
	way := "listing encodings"
	switch l.GetWay() {
	case stokerv1.ListingWay_LISTING_WAY_CREATION_TIME:
		way = "listing encodings of all users"
	case stokerv1.ListingWay_LISTING_WAY_WALK:
		way = "listing encodings without any filter"
	}
	return way + ", which is slower, because " + strings.Join(reasons, " and ")
}

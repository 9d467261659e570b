package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// Accounts lists accounts, as they are at the time now.
func Accounts(now time.Time) output.Listing[*stokerv1.Account] {
	return output.Listing[*stokerv1.Account]{
		Name: (*stokerv1.Account).GetId,
		Columns: []output.Column[*stokerv1.Account]{
			{Head: "ACCOUNT", Cut: output.CutEnd, Value: func(a *stokerv1.Account) output.Value { return output.Text(a.GetId()) }},
			{Head: "STATE", Value: func(a *stokerv1.Account) output.Value { return AccountStateValue(a, now) }},
			{Head: "QUEUED", Right: true, LeaveOut: 2, Value: queuedOfTarget},
			{Head: "RUNNING", Right: true, LeaveOut: 3, Value: func(a *stokerv1.Account) output.Value { return output.Count(a.GetRunningCount()) }},
			{Head: "WAITING", Right: true, LeaveOut: 1, Value: func(a *stokerv1.Account) output.Value { return output.Count(a.GetWaitingCount()) }},
			{Head: "DETAIL", Cut: output.CutEnd, Value: func(a *stokerv1.Account) output.Value {
				return output.Composed(func(l output.Look) string { return accountDetail(a, now, l) })
			}},
		},
	}
}

// queuedOfTarget is how many encodings are queued at the platform, of how many that should be.
func queuedOfTarget(a *stokerv1.Account) output.Value {
	queued, target := "?", output.Number(a.GetEffectiveQueueTarget())
	if a.PlatformQueuedCount != nil {
		queued = output.Number(a.GetPlatformQueuedCount())
	}
	return output.Own(queued + " of " + target).ForPrograms(fmt.Sprintf("%s/%d", strings.TrimPrefix(queued, "?"), a.GetEffectiveQueueTarget()))
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

// AccountStateValue says in a word whether jobs of an account are started at the time now. An account works
// also if its queue is full.
func AccountStateValue(a *stokerv1.Account, now time.Time) output.Value {
	switch a.GetWait().GetCode() {
	case stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED, stokerv1.WaitCode_WAIT_CODE_DAILY_LIMIT:
		return paused.value("paused")
	case stokerv1.WaitCode_WAIT_CODE_BREAKER, stokerv1.WaitCode_WAIT_CODE_STORAGE, stokerv1.WaitCode_WAIT_CODE_PROBLEM,
		stokerv1.WaitCode_WAIT_CODE_ORGANISATION, stokerv1.WaitCode_WAIT_CODE_PLATFORM_FULL:
		return bad.value("stopped")
	case stokerv1.WaitCode_WAIT_CODE_IDLE:
		return waiting.value("idle")
	}
	if a.GetPaused() {
		return paused.value("paused")
	}
	return good.value("working")
}

// accountDetail says why jobs of an account are not started, or what else is wrong: why encodings are
// listed slowly, and which other Stokers use the account's API key.
func accountDetail(a *stokerv1.Account, now time.Time, l output.Look) string {
	parts := []string{workingDetail(a, now, l), slowListing(a.GetListing())}
	for _, o := range a.GetOtherInstances() {
		id := o.GetId()
		parts = append(parts, "another Stoker uses the key: "+id[:min(len(id), 8)]+", seen "+l.Time(o.GetLastSeenTime().AsTime()))
	}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "; ")
}

// workingDetail says why jobs of an account are not started, or with which problem they are; empty if all
// is well.
func workingDetail(a *stokerv1.Account, now time.Time, l output.Look) string {
	switch w := a.GetWait(); w.GetCode() {
	case stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED:
		if w.GetText() != "" {
			return w.GetText()
		}
		return localTimes(a.GetWaitReason(), l)
	case stokerv1.WaitCode_WAIT_CODE_DAILY_LIMIT:
		return localTimes(a.GetWaitReason(), l)
	case stokerv1.WaitCode_WAIT_CODE_BREAKER, stokerv1.WaitCode_WAIT_CODE_PLATFORM_FULL, stokerv1.WaitCode_WAIT_CODE_STORAGE,
		stokerv1.WaitCode_WAIT_CODE_PROBLEM, stokerv1.WaitCode_WAIT_CODE_ORGANISATION:
		if w.GetUntil() == nil || !w.GetUntil().AsTime().After(now) {
			return localTimes(a.GetWaitReason(), l)
		}
		return localTimes(a.GetWaitReason(), l) + ", next try " + l.Time(w.GetUntil().AsTime())
	}
	c := a.GetListing()
	switch {
	case c.GetComparingSince() != nil && c.GetComparingProblem() != "":
		return "the platform cannot be compared with the job table; jobs from before the restart wait: " + c.GetComparingProblem()
	case c.GetComparingSince() != nil && now.Sub(c.GetComparingSince().AsTime()) > longComparison:
		return "comparing the platform with the job table for " + output.Duration(now.Sub(c.GetComparingSince().AsTime()))
	case a.GetProblem() != "":
		return a.GetProblem()
	case a.GetWebhooks().GetProblem() != "":
		return "without webhooks: " + a.GetWebhooks().GetProblem()
	}
	return ""
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

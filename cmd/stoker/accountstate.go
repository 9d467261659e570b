package main

import (
	"strings"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// comparingSoon is how long the platform is compared with the job table before that is
// worth telling: usually it takes a second.
const comparingSoon = 10 * time.Second

// accountState says whether an account is worked on, what is wrong if not, and what makes it
// slower or may be a mistake.
func accountState(a *stokerv1.Account, now time.Time) string {
	parts := []string{accountWork(a, now)}
	if slower := listingState(a.GetListing()); slower != "" {
		parts = append(parts, slower)
	}
	for _, o := range a.GetOtherInstances() {
		id := o.GetId()
		parts = append(parts, "another Stoker uses the key: "+id[:min(len(id), 8)]+", seen "+rounded(now.Sub(o.GetLastSeenTime().AsTime()))+" ago")
	}
	return strings.Join(parts, "; ")
}

// accountWork says whether an account is worked on, and what is wrong if not. That its queue
// is full, or that it has nothing to do, is nothing wrong.
func accountWork(a *stokerv1.Account, now time.Time) string {
	switch w := a.GetWait(); w.GetCode() {
	case stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED, stokerv1.WaitCode_WAIT_CODE_DAILY_LIMIT:
		return a.GetWaitReason()
	case stokerv1.WaitCode_WAIT_CODE_BREAKER, stokerv1.WaitCode_WAIT_CODE_PLATFORM_FULL, stokerv1.WaitCode_WAIT_CODE_STORAGE,
		stokerv1.WaitCode_WAIT_CODE_PROBLEM, stokerv1.WaitCode_WAIT_CODE_ORGANISATION:
		if w.GetUntil() == nil || !w.GetUntil().AsTime().After(now) {
			return a.GetWaitReason()
		}
		return a.GetWaitReason() + "; next try in " + rounded(w.GetUntil().AsTime().Sub(now))
	}
	l := a.GetListing()
	switch {
	case l.GetComparingSince() != nil && l.GetComparingProblem() != "":
		return "cannot be compared with the job table, jobs from before wait: " + l.GetComparingProblem()
	case l.GetComparingSince() != nil && now.Sub(l.GetComparingSince().AsTime()) > comparingSoon:
		return "being compared with the job table for " + rounded(now.Sub(l.GetComparingSince().AsTime()))
	}
	if problem := a.GetProblem(); problem != "" {
		return "working, with trouble: " + problem
	}
	if problem := a.GetWebhooks().GetProblem(); problem != "" {
		return "working, without webhooks: " + problem
	}
	return "working"
}

// listingState says how encodings are found where that is not the fast way; empty where it is.
func listingState(l *stokerv1.Listing) string {
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
	how := "listing encodings"
	switch l.GetWay() {
	case stokerv1.ListingWay_LISTING_WAY_CREATION_TIME:
		how = "finding encodings among everybody's"
	case stokerv1.ListingWay_LISTING_WAY_WALK:
		how = "finding encodings by walking the whole list"
	}
	return how + ", slower, because " + strings.Join(reasons, " and ")
}

package ui

import (
	"fmt"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// PlanText says when a batch that was just submitted will be done, and the jobs of which batches are started
// before its own or in turns with them. If its account starts nothing, it says why. It is empty if nothing is
// known.
func PlanText(b *stokerv1.Batch, p *stokerv1.PlanBatchResponse, l output.Look) string {
	if startsNothing(b.GetWait().GetCode()) {
		return "Nothing is started: " + waitWords(b.GetWait(), b.GetWaitReason(), l)
	}
	var waits []string
	if list := batchNumbers(p.GetAhead(), p.GetAheadBatchCount()); list != "" {
		waits = append(waits, "wait behind "+list)
	}
	if list := batchNumbers(p.GetSharing(), p.GetSharingBatchCount()); list != "" {
		waits = append(waits, "share with "+list)
	}
	reason := ""
	if len(waits) > 0 {
		reason = "they " + strings.Join(waits, " and ")
	}
	switch {
	case p.GetLikelyDuration() != nil:
		done := "Done " + l.Range(l.Now.Add(p.GetEarliestDuration().AsDuration()), l.Now.Add(p.GetLatestDuration().AsDuration()))
		if reason != "" {
			done += ": " + reason
		}
		return done
	case reason != "":
		return "T" + reason[1:]
	}
	return ""
}

// startsNothing reports whether a batch that waits for this has no job started however short the line is.
func startsNothing(code stokerv1.WaitCode) bool {
	switch code {
	case stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED, stokerv1.WaitCode_WAIT_CODE_ACCOUNT_MISSING, stokerv1.WaitCode_WAIT_CODE_DAILY_LIMIT,
		stokerv1.WaitCode_WAIT_CODE_BREAKER, stokerv1.WaitCode_WAIT_CODE_STORAGE, stokerv1.WaitCode_WAIT_CODE_ORGANISATION:
		return true
	}
	return false
}

// batchNumbers lists the first of so many batches: 411, 416 and 3 others.
func batchNumbers(first []*stokerv1.BatchAhead, total int32) string {
	var names []string
	for _, b := range first {
		names = append(names, fmt.Sprint(b.GetBatchNumber()))
	}
	switch others := int64(total) - int64(len(names)); {
	case len(names) == 0:
		return ""
	case others == 1:
		names = append(names, "1 other")
	case others > 1:
		names = append(names, output.Number(others)+" others")
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return names[0]
}

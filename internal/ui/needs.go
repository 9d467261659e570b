package ui

import (
	"fmt"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// NeedsSomebody says in a few words what keeps a batch from going on until a person does something. It is
// empty for a batch that goes on by itself.
func NeedsSomebody(b *stokerv1.Batch) string {
	if b.GetState() == stokerv1.BatchState_BATCH_STATE_PAUSED {
		limit, n := b.GetFailureLimit(), b.GetCounts()
		finished := n.GetSucceeded() + n.GetFailed()
		switch {
		case limit.GetCount() > 0 && n.GetFailed() >= limit.GetCount():
			return fmt.Sprintf("failure limit of %d", limit.GetCount())
		case limit.GetPercent() > 0 && n.GetFailed()*100 > int64(limit.GetPercent())*finished:
			return fmt.Sprintf("failure limit of %d %%", limit.GetPercent())
		}
		return "paused"
	}
	if BatchEnded(b) {
		return ""
	}
	switch b.GetWait().GetCode() {
	case stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED:
		return "account paused"
	case stokerv1.WaitCode_WAIT_CODE_ACCOUNT_MISSING:
		return "account missing"
	case stokerv1.WaitCode_WAIT_CODE_STORAGE:
		return "storage or recipe refused"
	case stokerv1.WaitCode_WAIT_CODE_ORGANISATION:
		return "key of another organisation"
	case stokerv1.WaitCode_WAIT_CODE_MORE_JOBS:
		return "open for more jobs"
	}
	return ""
}

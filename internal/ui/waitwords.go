package ui

import (
	"fmt"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// waitWords says in short why something waits. What it cannot say shorter than the server, it says in the
// server's words.
func waitWords(w *stokerv1.Wait, words string) string {
	switch w.GetCode() {
	case stokerv1.WaitCode_WAIT_CODE_QUEUE_FULL:
		return fmt.Sprintf("%s of %s queued at Bitmovin", output.Number(w.GetCount()), output.Number(w.GetLimit()))
	case stokerv1.WaitCode_WAIT_CODE_PRIORITY:
		return aheadWords(w) + " go first"
	}
	return words
}

// aheadWords says how many jobs go first, and of which batch if they are of one.
func aheadWords(w *stokerv1.Wait) string {
	jobs := output.Plural(w.GetCount(), "job")
	switch ahead := w.GetAhead(); len(ahead) {
	case 0:
		return jobs + " of a higher priority"
	case 1:
		return fmt.Sprintf("%s of %d", jobs, ahead[0].GetBatchNumber())
	default:
		return fmt.Sprintf("%s of %d and others", jobs, ahead[0].GetBatchNumber())
	}
}

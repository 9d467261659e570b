package ui

import (
	"fmt"
	"regexp"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// waitWords says in short why something waits. What it cannot say shorter than the server, it says in the
// server's words, with the times of the look.
func waitWords(w *stokerv1.Wait, words string, l output.Look) string {
	switch w.GetCode() {
	case stokerv1.WaitCode_WAIT_CODE_QUEUE_FULL:
		return fmt.Sprintf("%s of %s queued at Bitmovin", output.Number(w.GetCount()), output.Number(w.GetLimit()))
	case stokerv1.WaitCode_WAIT_CODE_PRIORITY:
		return aheadWords(w) + " go first"
	}
	return localTimes(words, l)
}

// serverTime is a time in the server's words.
var serverTime = regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// localTimes is a text of the server with the times in it as the look shows them.
func localTimes(text string, l output.Look) string {
	return serverTime.ReplaceAllStringFunc(text, func(found string) string {
		t, err := time.Parse(time.RFC3339Nano, found)
		if err != nil {
			return found
		}
		return l.Time(t)
	})
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

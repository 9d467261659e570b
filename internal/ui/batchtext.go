package ui

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// BatchEnded reports whether a batch is in a final state.
func BatchEnded(b *stokerv1.Batch) bool {
	switch b.GetState() {
	case stokerv1.BatchState_BATCH_STATE_SUCCEEDED, stokerv1.BatchState_BATCH_STATE_FAILED, stokerv1.BatchState_BATCH_STATE_CANCELLED:
		return true
	}
	return false
}

// batchSummary is a batch on one line: its state, counts and reason. The line has no time in it, so that
// it changes only with the batch.
func batchSummary(b *stokerv1.Batch) string {
	var line strings.Builder
	fmt.Fprintf(&line, "%s: %d of %s done", BatchState(b.GetState()), endedJobs(b), output.Plural(b.GetJobCount(), "job"))
	for _, c := range stateCounts(b) {
		if c.count > 0 {
			fmt.Fprintf(&line, ", %d %s", c.count, c.state)
		}
	}
	return line.String() + inBrackets(b.GetStateReason())
}

// stateCount is how many jobs are in a state.
type stateCount struct {
	state string
	count int64
}

// stateCounts are the job counts of a batch, in the order of a job's states. STARTING jobs count as
// queued, because a job is STARTING only for a moment.
func stateCounts(b *stokerv1.Batch) []stateCount {
	n := b.GetCounts()
	return []stateCount{
		{"waiting", n.GetWaiting()},
		{"queued", n.GetStarting() + n.GetQueued()},
		{"running", n.GetRunning()},
		{"cancelling", n.GetCancelling()},
		{"succeeded", n.GetSucceeded()},
		{"failed", n.GetFailed()},
		{"cancelled", n.GetCancelled()},
	}
}

// endedJobs counts the jobs of a batch that are in a final state.
func endedJobs(b *stokerv1.Batch) int64 {
	n := b.GetCounts()
	return n.GetSucceeded() + n.GetFailed() + n.GetCancelled()
}

// timeLeft is how long a batch still takes, such as 3m0s or 2m0s to 4m0s. It is empty without an
// estimate, after the end, and when less than a second is left.
func timeLeft(b *stokerv1.Batch, now time.Time) string {
	likely := b.GetEstimatedFinishTime()
	if likely == nil || BatchEnded(b) || likely.AsTime().Sub(now) < time.Second {
		return ""
	}
	left := func(t *timestamppb.Timestamp) string { return output.Duration(t.AsTime().Sub(now)) }
	earliest, latest := left(cmp.Or(b.GetEarliestFinishTime(), likely)), left(cmp.Or(b.GetLatestFinishTime(), likely))
	if earliest != latest {
		return earliest + " to " + latest
	}
	return left(likely)
}

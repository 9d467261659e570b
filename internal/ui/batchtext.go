package ui

import (
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// BatchEnded reports whether a batch is in a final state.
func BatchEnded(b *stokerv1.Batch) bool {
	switch b.GetState() {
	case stokerv1.BatchState_BATCH_STATE_SUCCEEDED, stokerv1.BatchState_BATCH_STATE_FAILED, stokerv1.BatchState_BATCH_STATE_CANCELLED:
		return true
	}
	return false
}

// stateCount is how many jobs are in a state.
type stateCount struct {
	state string
	count int64
}

// endedJobs counts the jobs of a batch that are in a final state.
func endedJobs(b *stokerv1.Batch) int64 {
	n := b.GetCounts()
	return n.GetSucceeded() + n.GetFailed() + n.GetCancelled()
}

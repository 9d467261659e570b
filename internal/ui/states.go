package ui

import (
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// BatchState is the name of a state in the contract, such as ACTIVE.
func BatchState(s stokerv1.BatchState) string { return enumName(s.String(), "BATCH_STATE_") }

// JobState is the name of a state in the contract, such as RUNNING.
func JobState(s stokerv1.JobState) string { return enumName(s.String(), "JOB_STATE_") }

// enumName is the name of a value without the prefix that all values of its type share.
func enumName(name, prefix string) string { return strings.TrimPrefix(name, prefix) }

// mark is the symbol and the colour of a state.
type mark struct {
	symbol string
	colour output.Colour
}

// The marks of states. Symbols take one cell each, and none is an emoji.
var (
	moving    = mark{"●", output.Cyan}
	atHand    = mark{"◐", output.Cyan}
	waiting   = mark{"○", output.Plain}
	open      = mark{"↑", output.Plain}
	again     = mark{"↻", output.Yellow}
	good      = mark{"✓", output.Green}
	bad       = mark{"✗", output.Red}
	cancelled = mark{"⊘", output.Plain}
	paused    = mark{"‖", output.Yellow}
)

// value is a word with its mark.
func (m mark) value(word string) output.Value { return output.State(word, m.symbol, m.colour) }

// BatchStateValue is the state of a batch. A batch that may start jobs and has none at the platform is
// called waiting.
func BatchStateValue(b *stokerv1.Batch) output.Value {
	m := moving
	switch b.GetState() {
	case stokerv1.BatchState_BATCH_STATE_OPEN:
		m = open
	case stokerv1.BatchState_BATCH_STATE_PAUSED:
		m = paused
	case stokerv1.BatchState_BATCH_STATE_CANCELLING, stokerv1.BatchState_BATCH_STATE_CANCELLED:
		m = cancelled
	case stokerv1.BatchState_BATCH_STATE_SUCCEEDED:
		m = good
	case stokerv1.BatchState_BATCH_STATE_FAILED:
		m = bad
	case stokerv1.BatchState_BATCH_STATE_ACTIVE:
		if BatchWaits(b) {
			return waiting.value("waiting")
		}
	}
	return m.value(strings.ToLower(BatchState(b.GetState())))
}

// BatchWaits reports whether a batch may start jobs and has none at the platform.
func BatchWaits(b *stokerv1.Batch) bool {
	n := b.GetCounts()
	return b.GetState() == stokerv1.BatchState_BATCH_STATE_ACTIVE && n.GetStarting()+n.GetQueued()+n.GetRunning()+n.GetCancelling() == 0
}

// JobStateValue is the state of a job.
func JobStateValue(s stokerv1.JobState) output.Value {
	m := waiting
	switch s {
	case stokerv1.JobState_JOB_STATE_STARTING, stokerv1.JobState_JOB_STATE_QUEUED:
		m = atHand
	case stokerv1.JobState_JOB_STATE_RUNNING:
		m = moving
	case stokerv1.JobState_JOB_STATE_SUCCEEDED:
		m = good
	case stokerv1.JobState_JOB_STATE_FAILED:
		m = bad
	case stokerv1.JobState_JOB_STATE_CANCELLING, stokerv1.JobState_JOB_STATE_CANCELLED:
		m = cancelled
	}
	return m.value(strings.ToLower(JobState(s)))
}

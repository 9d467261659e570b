package main

import (
	"fmt"
	"io"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// arrivals shows the jobs of a batch that come to be in some states: a line for each,
// and one for the batch when it has ended. Neither a live view nor a summary of changes
// could be drawn from them: jobs that go on to other states are not told of.
type arrivals struct {
	w     io.Writer
	known map[string]string // by job, the line without what changes within a state
	batch *stokerv1.Batch
}

func newArrivals(w io.Writer) *arrivals { return &arrivals{w: w, known: map[string]string{}} }

func (a *arrivals) show(m *stokerv1.WatchBatchResponse) error {
	for _, j := range m.GetJobs() {
		line := arrivalLine(j)
		if arrived := fmt.Sprint(j.GetAttempt(), " ", line); a.known[j.GetId()] != arrived {
			a.known[j.GetId()] = arrived
			if err := writeLine(a.w, line); err != nil {
				return err
			}
		}
	}
	if m.GetBatch() != nil {
		a.batch = m.GetBatch()
	}
	if a.batch == nil || !ended(a.batch) {
		return nil
	}
	return writeLine(a.w, summaryLine(a.batch))
}

func (*arrivals) close() {}

// arrivalLine is a job and the state it has come to. Percentages are left out.
func arrivalLine(j *stokerv1.Job) string {
	if j.GetState() == stokerv1.JobState_JOB_STATE_FAILED {
		return failureLine(j)
	}
	line := fmt.Sprintf("%s: %s", title(j), strings.ToLower(jobState(j.GetState())))
	if j.GetReason() != "" {
		line += ": " + j.GetReason()
	}
	return fmt.Sprintf("%s (%s)", line, j.GetId())
}

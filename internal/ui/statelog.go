package ui

import (
	"fmt"
	"io"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// stateLog writes a line for each job that enters one of the watched states, and one for the batch
// when it has ended. Such a watch does not tell when a job leaves a state, so there is no more to show.
type stateLog struct {
	w       io.Writer
	written map[string]string // by job, its latest attempt and line
	batch   *stokerv1.Batch
}

// NewStateLog writes a watch that is limited to some states of jobs to a log.
func NewStateLog(w io.Writer) WatchRenderer { return &stateLog{w: w, written: map[string]string{}} }

func (l *stateLog) Render(m *stokerv1.WatchBatchResponse) error {
	for _, j := range m.GetJobs() {
		line := jobStateLine(j)
		if written := fmt.Sprint(j.GetAttempt(), " ", line); l.written[j.GetId()] != written {
			l.written[j.GetId()] = written
			if err := WriteLine(l.w, line); err != nil {
				return err
			}
		}
	}
	if m.GetBatch() != nil {
		l.batch = m.GetBatch()
	}
	if l.batch == nil || !BatchEnded(l.batch) {
		return nil
	}
	return WriteLine(l.w, batchSummary(l.batch))
}

func (*stateLog) Close() {}

// jobStateLine is a job and its state, without its progress.
func jobStateLine(j *stokerv1.Job) string {
	if j.GetState() == stokerv1.JobState_JOB_STATE_FAILED {
		return failedAttemptLine(j)
	}
	line := fmt.Sprintf("%s: %s", JobTitle(j), strings.ToLower(JobState(j.GetState())))
	if j.GetReason() != "" {
		line += ": " + j.GetReason()
	}
	return fmt.Sprintf("%s (%s)", line, j.GetId())
}

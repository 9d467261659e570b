package ui

import (
	"fmt"
	"io"
	"strings"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// stateLog writes a line for each job that enters one of the watched states, and one for the batch
// when it has ended. The server does not report when a job leaves the watched states.
type stateLog struct {
	w       io.Writer
	look    output.Look
	written map[string]string // by job id: the attempt and line that were written last
	batch   *stokerv1.Batch
}

// NewStateLog writes to a log what a watch that is limited to some job states reports.
func NewStateLog(w io.Writer, look output.Look) WatchRenderer {
	return &stateLog{w: w, look: look, written: map[string]string{}}
}

func (l *stateLog) Render(m *stokerv1.WatchBatchResponse) error {
	now := time.Now()
	for _, j := range m.GetJobs() {
		line := jobStateLine(j, l.look)
		if written := fmt.Sprint(j.GetAttempt(), " ", line); l.written[j.GetId()] != written {
			l.written[j.GetId()] = written
			if err := writeLogLine(l.w, l.look, now, line); err != nil {
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
	return writeLogLine(l.w, l.look, now, batchSummary(l.batch))
}

func (*stateLog) Close() {}

// jobStateLine is a job and its state, without its progress.
func jobStateLine(j *stokerv1.Job, look output.Look) string {
	if j.GetState() == stokerv1.JobState_JOB_STATE_FAILED {
		return attemptLine(j, look)
	}
	line := fmt.Sprintf("%s %s: %s", JobName(j), strings.ToLower(JobState(j.GetState())), JobTitle(j))
	if j.GetReason() != "" {
		line += ", " + output.Printable(j.GetReason())
	}
	return line
}

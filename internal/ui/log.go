package ui

import (
	"fmt"
	"io"
	"strings"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// logRenderer writes a watched batch to a log. Each failed attempt is a line. Changed counts are a line, at most
// one in ten seconds, with the reason why jobs wait if no job is at the platform.
type logRenderer struct {
	w       io.Writer
	look    output.Look // for the zone of times
	watched *watchedBatch

	lastSummary  string
	nextSummary  time.Time // the earliest time of the next summary
	waitingSince time.Time // since when no job is at the platform and some wait; zero if that is not so
}

const (
	// reasonDelay is how long no job is at the platform before the log says why.
	reasonDelay = 3 * time.Second
	// summaryInterval is the time between two lines about counts.
	summaryInterval = 10 * time.Second
)

// NewLogRenderer writes a watched batch to a log: a line for each failed attempt, and a line when the counts
// change, at most one in ten seconds. Each begins with the time, in the zone of look.
func NewLogRenderer(w io.Writer, look output.Look) WatchRenderer {
	return &logRenderer{w: w, look: look, watched: newWatchedBatch()}
}

func (l *logRenderer) Render(m *stokerv1.WatchBatchResponse) error {
	now := time.Now()
	for _, j := range l.watched.apply(m, now) {
		if err := writeLogLine(l.w, l.look, now, attemptLine(j, l.look)); err != nil {
			return err
		}
	}
	return l.writeSummary(now)
}

func (*logRenderer) Close() {}

// writeLogLine writes a line of a log.
func writeLogLine(w io.Writer, look output.Look, now time.Time, line string) error {
	return output.WriteLine(w, look.Stamp(now)+" "+line)
}

// writeSummary writes the summary if it has changed and the previous one is old enough. A summary of another
// state of the batch does not wait for that.
func (l *logRenderer) writeSummary(now time.Time) error {
	b := l.watched.batch
	if b == nil {
		return nil
	}
	summary := batchSummary(b)
	if reason := l.waitReason(b, now); reason != "" {
		summary += ", waits: " + output.Printable(reason)
	}
	state := func(s string) string { return strings.Join(strings.Fields(s)[:min(2, len(strings.Fields(s)))], " ") }
	if summary == l.lastSummary || now.Before(l.nextSummary) && state(summary) == state(l.lastSummary) {
		return nil
	}
	l.lastSummary, l.nextSummary = summary, now.Add(summaryInterval)
	if end := Forecast(b, l.look.At(now)); end != "" {
		summary += ", end " + end
	}
	return writeLogLine(l.w, l.look, now, summary)
}

// waitReason says why jobs wait, if none has been at the platform for reasonDelay; else it is empty.
func (l *logRenderer) waitReason(b *stokerv1.Batch, now time.Time) string {
	n := b.GetCounts()
	if n.GetWaiting() == 0 || n.GetStarting()+n.GetQueued()+n.GetRunning() > 0 || b.GetWaitReason() == "" || b.GetStateReason() != "" {
		l.waitingSince = time.Time{}
		return ""
	}
	if l.waitingSince.IsZero() {
		l.waitingSince = now
	}
	if now.Sub(l.waitingSince) < reasonDelay {
		return ""
	}
	return waitWords(b.GetWait(), b.GetWaitReason(), l.look.At(now))
}

// batchSummary is a batch on one line: its name, state, counts and reason. The line has no time in it, so that
// it changes only with the batch.
func batchSummary(b *stokerv1.Batch) string {
	line := BatchName(b.GetNumber(), b.GetId()) + " " + strings.ToLower(BatchState(b.GetState()))
	if BatchEnded(b) {
		line += ": " + outcomeWords(b)
	} else {
		line += fmt.Sprintf(" %s of %s", output.Number(endedJobs(b)), output.Number(b.GetJobCount()))
		if failed := b.GetCounts().GetFailed(); failed > 0 {
			line += ", " + output.Number(failed) + " failed"
		}
	}
	if reason := b.GetStateReason(); reason != "" {
		line += ": " + output.Printable(reason)
	}
	return line
}

// attemptLine says that a job failed, or that an attempt of it failed and when the next one follows.
func attemptLine(j *stokerv1.Job, look output.Look) string {
	event := "failed"
	if j.GetState() == stokerv1.JobState_JOB_STATE_WAITING {
		event = fmt.Sprintf("attempt %d failed", j.GetAttempt())
		if next := j.GetNextAttemptTime(); next != nil {
			event += ", next " + look.At(time.Now()).Time(next.AsTime())
		}
	}
	return fmt.Sprintf("%s %s: %s", JobName(j), event, shortFailure(j.GetFailure(), output.Printable(j.GetReason())))
}

package ui

import (
	"io"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// logRenderer writes a watched batch to a log. Each failed attempt is a line. Changed counts are a line,
// at most one a second, with the reason why jobs wait if no job is at the platform.
type logRenderer struct {
	w       io.Writer
	watched *watchedBatch

	lastSummary  string
	nextSummary  time.Time // the earliest time of the next summary
	waitingSince time.Time // since when no job is at the platform and some wait; zero if that is not so
}

// reasonDelay is how long no job is at the platform before the log says why.
const reasonDelay = 3 * time.Second

// NewLogRenderer writes a watched batch to a log: a line for each failed attempt, and a line when the
// counts change, at most one a second.
func NewLogRenderer(w io.Writer) WatchRenderer { return &logRenderer{w: w, watched: newWatchedBatch()} }

func (l *logRenderer) Render(m *stokerv1.WatchBatchResponse) error {
	now := time.Now()
	for _, j := range l.watched.apply(m, now) {
		if err := output.WriteLine(l.w, failedAttemptLine(j)); err != nil {
			return err
		}
	}
	return l.writeSummary(now)
}

func (*logRenderer) Close() {}

// writeSummary writes the summary if it has changed and the previous one is at least a second old. The
// summary of an ended batch does not wait for that.
func (l *logRenderer) writeSummary(now time.Time) error {
	b := l.watched.batch
	if b == nil {
		return nil
	}
	summary := batchSummary(b) + inBrackets(output.Printable(l.waitReason(b, now)))
	if summary == l.lastSummary || now.Before(l.nextSummary) && !BatchEnded(b) {
		return nil
	}
	l.lastSummary, l.nextSummary = summary, now.Add(time.Second)
	if left := timeLeft(b, now); left != "" {
		summary += ", " + left + " left"
	}
	return output.WriteLine(l.w, summary)
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
	return b.GetWaitReason()
}

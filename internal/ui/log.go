package ui

import (
	"io"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// logRenderer writes a watched batch to a log: a line for a change of the counts, at most one a
// second, a line for a failed attempt, and the reason why jobs wait while none is at the platform.
type logRenderer struct {
	w       io.Writer
	watched *watchedBatch

	lastSummary  string
	nextSummary  time.Time // not before
	waitingSince time.Time // when all jobs that are left began to wait; zero if they do not
}

// reasonDelay is how long all jobs wait before a log says why.
const reasonDelay = 3 * time.Second

// NewLogRenderer writes a watched batch to a log.
func NewLogRenderer(w io.Writer) WatchRenderer { return &logRenderer{w: w, watched: newWatchedBatch()} }

func (l *logRenderer) Render(m *stokerv1.WatchBatchResponse) error {
	now := time.Now()
	for _, j := range l.watched.apply(m, now) {
		if err := WriteLine(l.w, failedAttemptLine(j)); err != nil {
			return err
		}
	}
	return l.writeSummary(now)
}

func (*logRenderer) Close() {}

// writeSummary writes the counts if they have changed and the last ones are a second old. The end is
// written at once.
func (l *logRenderer) writeSummary(now time.Time) error {
	b := l.watched.batch
	if b == nil {
		return nil
	}
	summary := batchSummary(b) + inBrackets(Printable(l.waitReason(b, now)))
	if summary == l.lastSummary || now.Before(l.nextSummary) && !BatchEnded(b) {
		return nil
	}
	l.lastSummary, l.nextSummary = summary, now.Add(time.Second)
	if left := timeLeft(b, now); left != "" {
		summary += ", done in " + left
	}
	return WriteLine(l.w, summary)
}

// waitReason says why jobs wait once none has been at the platform for a while.
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

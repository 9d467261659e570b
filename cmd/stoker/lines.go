package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// lines shows a watched batch to a log: a line per change of the counts, at most
// one per second, a line per failed attempt, and why jobs wait if none gets through.
type lines struct {
	w    io.Writer
	view *view

	shown string // the latest line
	next  time.Time
	stuck time.Time // since when jobs wait and none is at the platform; zero: that is not so
}

// patience is how long jobs may wait with none at the platform before a log tells why.
const patience = 3 * time.Second

func newLines(w io.Writer) *lines { return &lines{w: w, view: newView()} }

func (l *lines) show(m *stokerv1.WatchBatchResponse) error {
	now := time.Now()
	for _, j := range l.view.apply(m, now) {
		if err := writeLine(l.w, failureLine(j)); err != nil {
			return err
		}
	}
	return l.summary(now)
}

// failureLine is what happened to a job of which an attempt failed.
func failureLine(j *stokerv1.Job) string {
	what := "failed"
	if j.GetState() == stokerv1.JobState_JOB_STATE_WAITING {
		what = fmt.Sprintf("attempt %d failed, another follows", j.GetAttempt())
	}
	return fmt.Sprintf("%s: %s: %s (%s)", title(j), what, failure(j), j.GetId())
}

// summary prints how the batch stands, unless that is known or was told less than
// a second ago. The end is always told.
func (l *lines) summary(now time.Time) error {
	b := l.view.batch
	if b == nil {
		return nil
	}
	line := summaryLine(b) + l.waiting(b, now)
	if line == l.shown || now.Before(l.next) && !ended(b) {
		return nil
	}
	l.shown, l.next = line, now.Add(time.Second)
	if eta := l.view.eta(now); eta != "" {
		line += ", done in " + eta
	}
	return writeLine(l.w, line)
}

// waiting is why jobs wait, once that has lasted.
func (l *lines) waiting(b *stokerv1.Batch, now time.Time) string {
	n := b.GetCounts()
	if n.GetWaiting() == 0 || n.GetStarting()+n.GetQueued()+n.GetRunning() > 0 || b.GetWaitReason() == "" || b.GetStateReason() != "" {
		l.stuck = time.Time{}
		return ""
	}
	if l.stuck.IsZero() {
		l.stuck = now
	}
	if now.Sub(l.stuck) < patience {
		return ""
	}
	return " (" + printable(b.GetWaitReason()) + ")"
}

func (*lines) close() {}

// summaryLine is a batch on one line, without anything that changes by itself.
func summaryLine(b *stokerv1.Batch) string {
	var line strings.Builder
	fmt.Fprintf(&line, "%s: %d of %s done", batchState(b.GetState()), finished(b), plural(b.GetJobCount(), "job"))
	for _, c := range counts(b) {
		if c.n > 0 {
			fmt.Fprintf(&line, ", %d %s", c.n, c.name)
		}
	}
	if reason := b.GetStateReason(); reason != "" {
		fmt.Fprintf(&line, " (%s)", reason)
	}
	return line.String()
}

// count is how many jobs are in a state.
type count struct {
	name string
	n    int64
}

// counts are the counts of a batch in the order of a job's life. Starting jobs
// count as queued: nobody has to tell them apart.
func counts(b *stokerv1.Batch) []count {
	n := b.GetCounts()
	return []count{
		{"waiting", n.GetWaiting()},
		{"queued", n.GetStarting() + n.GetQueued()},
		{"running", n.GetRunning()},
		{"cancelling", n.GetCancelling()},
		{"succeeded", n.GetSucceeded()},
		{"failed", n.GetFailed()},
		{"cancelled", n.GetCancelled()},
	}
}

// ended reports whether nothing happens to a batch any more.
func ended(b *stokerv1.Batch) bool {
	switch b.GetState() {
	case stokerv1.BatchState_BATCH_STATE_SUCCEEDED, stokerv1.BatchState_BATCH_STATE_FAILED, stokerv1.BatchState_BATCH_STATE_CANCELLED:
		return true
	}
	return false
}

func itoa[T int | int32 | int64](n T) string { return strconv.FormatInt(int64(n), 10) }

package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// drawScreen draws a watched batch in at most height lines of at most width columns each.
func drawScreen(w *watchedBatch, width, height int, now time.Time) string {
	b := w.batch
	lines := []string{headingLine(b), progressLine(w, width, now), countsLine(b)}
	for _, text := range []string{batchReason(b), w.silence(now)} {
		if text != "" {
			lines = append(lines, colour(yellow, text))
		}
	}
	// The text ends in a line break, which needs a line of the terminal too. An empty line precedes the
	// running jobs, and another one the failures.
	room := height - len(lines) - 1
	failures := failureLines(w.failures[max(0, len(w.failures)-max(0, room-1)):])
	if len(failures) > 0 {
		room -= len(failures) + 1
	}
	room -= 2 // the empty line before the running jobs, and the line "and N more" below them
	if jobs := w.runningJobs(); len(jobs) > 0 && room > 0 && !BatchEnded(b) {
		lines = append(append(lines, ""), runningLines(jobs, width, room)...)
	}
	if len(failures) > 0 {
		lines = append(append(lines, ""), failures...)
	}
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, width, "…")
	}
	return strings.Join(lines, "\n") + "\n"
}

// headingLine is the name, the state and the id of a batch.
func headingLine(b *stokerv1.Batch) string {
	c := cyan
	switch b.GetState() {
	case stokerv1.BatchState_BATCH_STATE_SUCCEEDED:
		c = green
	case stokerv1.BatchState_BATCH_STATE_FAILED:
		c = red
	case stokerv1.BatchState_BATCH_STATE_PAUSED, stokerv1.BatchState_BATCH_STATE_CANCELLING, stokerv1.BatchState_BATCH_STATE_CANCELLED:
		c = yellow
	}
	line := colour(output.Bold, output.Printable(b.GetDisplayName())) + "  " + colour(c, BatchState(b.GetState()))
	if b.GetDisplayName() != b.GetId() {
		line += colour(grey, "  "+output.Printable(b.GetId()))
	}
	return line
}

// progressLine is a bar, the number of jobs that have ended, their rate, and the time left.
func progressLine(w *watchedBatch, width int, now time.Time) string {
	b := w.batch
	facts := fmt.Sprintf(" %3d %%  %d of %d", int(b.GetPercent()), endedJobs(b), b.GetJobCount())
	if rate, ok := w.rate.perMinute(now); ok && !BatchEnded(b) {
		facts += fmt.Sprintf("  %.1f/min", rate)
	}
	if left := timeLeft(b, now); left != "" {
		facts += "  " + left + " left"
	}
	if BatchEnded(b) && b.GetStartTime() != nil && b.GetFinishTime() != nil {
		facts += "  in " + output.Duration(b.GetFinishTime().AsTime().Sub(b.GetStartTime().AsTime()))
	}
	return bar(b.GetPercent(), max(10, min(40, width-ansi.StringWidth(facts)))) + facts
}

// countsLine is how many jobs are in each state.
func countsLine(b *stokerv1.Batch) string {
	colours := map[string]output.Colour{"running": cyan, "succeeded": green, "failed": red, "cancelling": yellow, "cancelled": yellow}
	var parts []string
	for _, c := range stateCounts(b) {
		if c.count == 0 && (c.state == "cancelling" || c.state == "cancelled") {
			continue
		}
		text := fmt.Sprintf("%d %s", c.count, c.state)
		if c.count == 0 {
			text = colour(grey, text)
		} else if tint, ok := colours[c.state]; ok {
			text = colour(tint, text)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, colour(grey, " · "))
}

// batchReason says why a batch is in its state, or else why its jobs wait.
func batchReason(b *stokerv1.Batch) string {
	switch {
	case b.GetStateReason() != "":
		return output.Printable(b.GetStateReason())
	case b.GetWaitReason() != "" && !BatchEnded(b):
		return "waiting: " + strings.TrimPrefix(output.Printable(b.GetWaitReason()), "waiting ")
	}
	return ""
}

// failureLines are jobs with the reason of each failure. ✗ marks a job that failed for good, ↻ one that
// gets another attempt.
func failureLines(jobs []*stokerv1.Job) []string {
	var lines []string
	for _, j := range jobs {
		mark := colour(red, "✗ ")
		if j.GetState() == stokerv1.JobState_JOB_STATE_WAITING {
			mark = colour(yellow, "↻ ")
		}
		lines = append(lines, "  "+mark+JobTitle(j)+colour(grey, "  "+JobFailure(j)))
	}
	return lines
}

// runningLines are the first running jobs with their progress, at most room of them, and a line that
// counts the others.
func runningLines(jobs []*stokerv1.Job, width, room int) []string {
	widest := 0
	for _, j := range jobs {
		widest = max(widest, output.Cells(JobTitle(j)))
	}
	widest = min(widest, max(16, width-40))
	shown := jobs[:min(len(jobs), room)]
	var lines []string
	for _, j := range shown {
		name := ansi.Truncate(JobTitle(j), widest, "…")
		name += strings.Repeat(" ", widest-output.Cells(name))
		line := fmt.Sprintf("  %s  %s %3d %%", name, bar(float64(j.GetProgress()), 16), j.GetProgress())
		if j.GetAttempt() > 1 {
			line += colour(yellow, fmt.Sprintf("  attempt %d", j.GetAttempt()))
		}
		lines = append(lines, line)
	}
	if more := len(jobs) - len(shown); more > 0 {
		lines = append(lines, colour(grey, fmt.Sprintf("  and %d more", more)))
	}
	return lines
}

// The colours come from the terminal's own palette.
const (
	red    = output.Red
	green  = output.Green
	yellow = output.Yellow
	cyan   = output.Cyan
	grey   = output.Faint
)

func colour(c output.Colour, text string) string { return output.Look{Colour: true}.Paint(c, text) }

// bar draws a percentage as a bar that is width columns wide.
func bar(percent float64, width int) string { return output.Look{Colour: true}.Bar(percent, width) }

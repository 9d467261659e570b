package ui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// drawScreen draws a watched batch in at most as many lines as the terminal has.
func drawScreen(s *screenModel) string {
	head := strings.Split(strings.TrimRight(screenHead(s.watched, s.look), "\n"), "\n")
	foot := screenFoot(s)
	// The text ends in a line break, which needs a line of the terminal too; an empty line is above the foot.
	room := s.height - len(head) - len(foot) - 2
	var body []string
	switch s.mode {
	case showsFailures:
		body = causeLines(s.watched.batch, s.failures, s.look)
	case showsHelp:
		body = helpLines(s.watched.batch)
	default:
		body = jobLines(s.watched, s.look, room-1)
	}
	lines := head
	if body = body[:min(len(body), max(0, room-1))]; len(body) > 0 {
		lines = append(append(lines, ""), body...)
	}
	if room >= 0 {
		lines = append(lines, "")
	}
	lines = append(lines, foot...)
	lines = lines[:min(len(lines), max(1, s.height-1))]
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, s.look.Width, s.look.Spell("…"))
	}
	return strings.Join(lines, "\n") + "\n"
}

// screenHead is the state of the batch: how far it is, what it waits for, and when it ends.
func screenHead(w *watchedBatch, l output.Look) string {
	b := w.batch
	s := output.NewSheet(l)
	s.Title(BatchName(b.GetNumber(), b.GetId()), b.GetDisplayName(), BatchStateValue(b))
	s.Blank()
	addBar(s, b)
	s.Own("", output.Plain, movingCounts(b))
	switch reason := b.GetStateReason(); {
	case isPaused(b):
		s.Own("Paused", output.Yellow, output.Printable(reason))
	case reason != "":
		s.Text("Reason", reason)
	default:
		s.Text("Waits", waitSentence(b.GetWait(), b.GetWaitReason(), l))
	}
	s.Own("End", output.Plain, endSentence(w, l))
	s.Own("Server", output.Yellow, w.silence(l.Now))
	return s.String()
}

// movingCounts is how many jobs have not ended, by state, and how many have failed.
func movingCounts(b *stokerv1.Batch) string {
	n := b.GetCounts()
	return joinCounts([]stateCount{
		{"running", n.GetRunning()},
		{"queued", n.GetQueued()},
		{"starting", n.GetStarting()},
		{"waiting", n.GetWaiting()},
		{"cancelling", n.GetCancelling()},
		{"failed", n.GetFailed()},
	})
}

// endSentence is when the batch is expected to end, and how fast its jobs end.
func endSentence(w *watchedBatch, l output.Look) string {
	var parts []string
	if forecast := Forecast(w.batch, l); forecast != "" {
		parts = append(parts, forecast)
	}
	if rate, ok := w.rate.perMinute(l.Now); ok && !BatchEnded(w.batch) {
		parts = append(parts, "at "+rateWords(rate)+" a minute")
	}
	return strings.Join(parts, ", ")
}

// Forecast is when a batch is expected to end; empty without an estimate.
func Forecast(b *stokerv1.Batch, l output.Look) string {
	likely := b.GetEstimatedFinishTime()
	if likely == nil || BatchEnded(b) {
		return ""
	}
	from, to := b.GetEarliestFinishTime(), b.GetLatestFinishTime()
	if from == nil || to == nil {
		from, to = likely, likely
	}
	return l.Range(from.AsTime(), to.AsTime())
}

// jobLines are the running jobs, which keep their places, and below them the latest failures.
func jobLines(w *watchedBatch, l output.Look, room int) []string {
	failures := failureLines(w.failures, l)
	if most := max(1, room/2); len(failures) > most && len(w.running) > 0 {
		failures = failures[len(failures)-most:]
	}
	if len(failures) > 0 {
		room -= len(failures) + 1
	}
	lines := runningLines(w, l, room)
	if len(failures) > 0 {
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, failures...)
	}
	return lines
}

const (
	nameColumn = 10 // the width of the names of jobs, as that of labels
	barColumn  = 20
	showTitle  = 12 // the shortest title of a job beside its bar
)

// runningLines are running jobs with their progress, and how many others there are.
func runningLines(w *watchedBatch, l output.Look, room int) []string {
	if room <= 0 || BatchEnded(w.batch) {
		return nil
	}
	slots := room
	if len(w.running) > room {
		slots = room - 1 // for how many more there are
	}
	jobs := w.place(slots)
	width, shown := 0, 0
	for _, j := range jobs {
		if j != nil {
			width = max(width, output.Cells(titleOfJob(j)))
			shown++
		}
	}
	const right = 2 + 5 + 2 + 10 // percent and attempt, with their gaps
	bars := l.Width >= nameColumn+showTitle+2+barColumn+right
	beside := nameColumn + right
	if bars {
		beside += barColumn + 2
	}
	width = min(width, max(showTitle, l.Width-beside))
	var lines []string
	for _, j := range jobs {
		if j == nil {
			lines = append(lines, "")
			continue
		}
		line := fmt.Sprintf("%-*s  %s", nameColumn-2, output.Printable(JobName(j)), l.Fit(titleOfJob(j), width))
		if bars {
			line += "  " + l.Bar(float64(j.GetProgress()), barColumn)
		}
		line += fmt.Sprintf("  %5s", output.Percent(float64(j.GetProgress())))
		if j.GetAttempt() > 1 {
			line += fmt.Sprintf("  attempt %d", j.GetAttempt())
		}
		lines = append(lines, line)
	}
	if more := len(w.running) - shown; more > 0 {
		lines = append(lines, fmt.Sprintf("%*s%s more are running", nameColumn, "", output.Number(more)))
	}
	return lines
}

// failureLines are jobs with the reason of each failure. ✗ marks a job that failed for good, ↻ one that gets
// another attempt.
func failureLines(jobs []*stokerv1.Job, l output.Look) []string {
	var lines []string
	for _, j := range jobs {
		m, then := bad, ", "+output.Plural(int64(j.GetAttempt()), "attempt")
		if j.GetState() == stokerv1.JobState_JOB_STATE_WAITING {
			m, then = again, ", again"
			if next := j.GetNextAttemptTime(); next != nil {
				then += " at " + l.Time(next.AsTime())
			}
		}
		at := ""
		if t := j.GetFailure().GetTime(); t != nil {
			at = "  " + l.Time(t.AsTime())
		}
		lines = append(lines, fmt.Sprintf("%s %s%s  %s%s", l.Paint(m.colour, l.Spell(m.symbol)), output.Printable(JobName(j)), at, shortFailure(j.GetFailure(), output.Printable(j.GetReason())), then))
	}
	return lines
}

// causeLines are what jobs failed of, each with the command to try them again.
func causeLines(b *stokerv1.Batch, failures *stokerv1.ListFailuresResponse, l output.Look) []string {
	if len(failures.GetCauses()) == 0 {
		return []string{"No job has failed."}
	}
	s := output.NewSheet(l)
	addCauses(s, b, failures)
	return strings.Split(strings.TrimRight(s.String(), "\n"), "\n")
}

// helpLines are what the keys do.
func helpLines(b *stokerv1.Batch) []string {
	pause := "pause the batch, after a question: what is at Bitmovin goes on"
	if isPaused(b) {
		pause = "resume the batch, after a question"
	}
	return []string{
		"q, Ctrl-C  leave; the batch goes on",
		"p          " + pause,
		"f          what jobs failed of, and how to try them again",
		"Ctrl-Z     leave for a while; fg comes back",
		"Esc        back to the jobs",
	}
}

// screenFoot is the question, or what became of the latest key, and the keys.
func screenFoot(s *screenModel) []string {
	if s.mode == asksToPause {
		verb := "Pause"
		if isPaused(s.watched.batch) {
			verb = "Resume"
		}
		return []string{s.look.Paint(output.Bold, fmt.Sprintf("%s %s? [y/N]", verb, output.Printable(BatchTitle(s.watched.batch))))}
	}
	pause := "p pause"
	if isPaused(s.watched.batch) {
		pause = "p resume"
	}
	keys := "q leave  " + pause + "  f failures  ? help"
	if s.closed {
		return nil
	}
	if s.notice != "" {
		return []string{s.notice, keys}
	}
	return []string{keys}
}

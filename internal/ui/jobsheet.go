package ui

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// JobSheet explains a job: why it waits or failed, its attempts on one axis of time, and where its input,
// output and encoding are. With all it also has the history of its states. page is where browsers show it;
// empty: nowhere.
func JobSheet(r *stokerv1.GetJobResponse, page string, l output.Look, all bool) string {
	j := r.GetJob()
	s := output.NewSheet(l)
	s.Title(JobName(j), titleOfJob(j), JobStateValue(j.GetState()))
	s.Blank()
	addJobReason(s, j)
	s.Blank()
	addAttempts(s, r)
	s.Blank()
	s.Text("Key", j.GetKey())
	s.Text("Name", j.GetName())
	s.Whole("Input", j.GetInputPath())
	s.Whole("Output", j.GetOutputPath())
	s.Text("Variables", labelText(j.GetVariables(), " "))
	s.Whole("Encoding", j.GetEncodingId())
	s.Whole("Page", page)
	if all {
		s.Blank()
		addHistory(s, r)
	}
	s.Blank()
	addNextSteps(s, r)
	return s.String()
}

// titleOfJob is what people call a job: the last part of its key, or else its title.
func titleOfJob(j *stokerv1.Job) string {
	if key := j.GetKey(); key != "" {
		return key[strings.LastIndexByte(key, '/')+1:]
	}
	return JobTitle(j)
}

// addJobReason says why a job failed, waits or was cancelled, or how far it is.
func addJobReason(s *output.Sheet, j *stokerv1.Job) {
	l := s.Look
	switch j.GetState() {
	case stokerv1.JobState_JOB_STATE_FAILED:
		s.Text("Failed", fmt.Sprintf("%s, %s", shortFailure(j.GetFailure(), j.GetReason()), output.Plural(int64(j.GetAttempt()), "attempt")))
		addFailure(s, j.GetFailure())
		return
	case stokerv1.JobState_JOB_STATE_RUNNING:
		s.Own("Progress", output.Plain, output.Percent(float64(j.GetProgress())))
	case stokerv1.JobState_JOB_STATE_CANCELLED, stokerv1.JobState_JOB_STATE_CANCELLING:
		s.Text("Cancelled", j.GetReason())
	}
	if w := j.GetWait(); w != nil || j.GetWaitReason() != "" {
		s.Text("Waits", waitSentence(w, j.GetWaitReason(), l))
		if position := w.GetPosition(); position > 1 {
			s.Text("", "position "+output.Number(position)+" in line")
		}
		s.Text("", sinceWords(w, func() string { return l.Time(w.GetSince().AsTime()) }))
		s.Text("", changeWords(w, BatchName(j.GetBatchNumber(), ""), ""))
	}
	if status := j.GetPlatformStatus(); status != "" {
		s.Text("Status", fmt.Sprintf("%s at Bitmovin, unknown to this server, since %s", status, l.Time(j.GetPlatformStatusTime().AsTime())))
	}
	if f := j.GetFailure(); f != nil {
		s.Text("Failed", fmt.Sprintf("attempt before: %s", shortFailure(f, "")))
		addFailure(s, f)
	}
}

// addFailure quotes the platform: its words, its categories, and the request id for its support.
func addFailure(s *output.Sheet, f *stokerv1.Failure) {
	if f == nil {
		return
	}
	// The headline has the platform's text already, unless that has more than one sentence.
	words := failureText(f)
	if text := strings.TrimSuffix(oneLine(f.GetText()), "."); strings.HasPrefix(shortFailure(f, ""), text) {
		words = strings.TrimPrefix(strings.TrimPrefix(words, oneLine(f.GetText())), "; ")
	}
	s.Text("", words)
	kinds := []string{enumName(f.GetKind().String(), "FAILURE_KIND_")}
	if f.GetCategory() != "" {
		kinds = append(kinds, f.GetCategory())
	}
	if f.GetRetryHint() != "" {
		kinds = append(kinds, "hint "+f.GetRetryHint())
	}
	s.Text("", strings.Join(kinds, ", "))
	if f.GetRequestId() != "" {
		s.Whole("", "request "+f.GetRequestId())
	}
}

// waitSentence says why a job or batch waits, and until when.
func waitSentence(w *stokerv1.Wait, words string, l output.Look) string {
	var until string
	switch t := w.GetEarliestStartTime(); {
	case w.GetUntil() != nil:
		until = ", until " + l.Time(w.GetUntil().AsTime())
	case t != nil && t.AsTime().After(l.Now):
		until = ", until about " + l.Minute(t.AsTime())
	}
	switch w.GetCode() {
	case stokerv1.WaitCode_WAIT_CODE_PRIORITY:
		sentence := "behind " + aheadWords(w)
		if ahead := w.GetAhead(); len(ahead) == 1 {
			sentence += fmt.Sprintf(" (priority %d)", ahead[0].GetPriority())
		}
		return sentence + until
	case stokerv1.WaitCode_WAIT_CODE_BACKOFF:
		return fmt.Sprintf("for attempt %d%s", w.GetAttempt(), until)
	case stokerv1.WaitCode_WAIT_CODE_QUEUE_FULL:
		return waitWords(w, words, l) + until
	}
	return localTimes(words, l)
}

// addAttempts draws the attempts of a job, and lists them.
func addAttempts(s *output.Sheet, r *stokerv1.GetJobResponse) {
	attempts := r.GetAttempts()
	if len(attempts) == 0 {
		return
	}
	l := s.Look
	if len(attempts) > 1 && s.Bars() {
		if drawing, times := timeline(attempts, l, s.Room()-9); drawing != "" {
			s.Drawing("Attempts", drawing, times)
		}
	}
	var rows [][]output.Value
	for _, a := range attempts {
		rows = append(rows, []output.Value{
			output.Count(a.GetNumber()),
			output.At(a.GetStartTime()),
			between(a.GetQueuedTime(), a.GetRunningTime()),
			between(a.GetRunningTime(), a.GetFinishTime()),
			attemptResult(a),
			output.Text(a.GetRegion()),
		})
	}
	s.AddTable([]output.SheetColumn{
		{Head: "ATTEMPT", Right: true},
		{Head: "STARTED"},
		{Head: "QUEUED", Right: true, LeaveOut: 2},
		{Head: "RUNNING", Right: true, LeaveOut: 3},
		{Head: "RESULT"},
		{Head: "REGION", LeaveOut: 1},
	}, rows)
	if n := r.GetOmittedAttemptCount(); n > 0 {
		s.Paragraph(output.Plural(int64(n), "earlier attempt") + " not shown")
	}
}

// between is the time from one event to the next; empty if one is not known.
func between(from, to *timestamppb.Timestamp) output.Value {
	if from == nil || to == nil {
		return output.Value{}
	}
	return output.Own(output.Duration(to.AsTime().Sub(from.AsTime())))
}

// attemptResult is how an attempt ended, with the platform's code.
func attemptResult(a *stokerv1.Attempt) output.Value {
	word := strings.ToLower(JobState(a.GetState()))
	switch {
	case a.GetState() == stokerv1.JobState_JOB_STATE_SUCCEEDED:
		return good.value(word)
	case a.GetFailure().GetCode() != 0:
		return bad.value(strconv.Itoa(int(a.GetFailure().GetCode())))
	case a.GetFailure() != nil:
		return bad.value(strings.ToLower(enumName(a.GetFailure().GetKind().String(), "FAILURE_KIND_")))
	}
	return JobStateValue(a.GetState())
}

// timeline draws attempts on one axis of time, in at most so many cells, and the times of its ends below
// it. An attempt begins with its number and ends with its result: ━ is at the platform, · waiting. It is
// empty if the attempts do not fit.
func timeline(attempts []*stokerv1.Attempt, l output.Look, cells int) (drawing, times string) {
	first := attempts[0].GetStartTime().AsTime()
	end := func(a *stokerv1.Attempt) time.Time {
		if a.GetFinishTime() == nil {
			return l.Now
		}
		return a.GetFinishTime().AsTime()
	}
	last := end(attempts[len(attempts)-1])
	whole := last.Sub(first)
	if whole <= 0 || 6*len(attempts) > cells {
		return "", ""
	}
	at := func(t time.Time) int { return int(float64(t.Sub(first)) / float64(whole) * float64(cells-1)) }
	line := make([]string, 0, cells)
	for i, a := range attempts {
		begin := max(at(a.GetStartTime().AsTime()), len(line))
		for len(line) < begin {
			line = append(line, l.Paint(output.Faint, l.Spell("·")))
		}
		line = append(line, strconv.Itoa(int(a.GetNumber())))
		// The attempts behind this one need room as well.
		stop := min(max(at(end(a)), len(line)+1), cells-6*(len(attempts)-i-1)-1)
		for len(line) < stop {
			line = append(line, l.Spell("━"))
		}
		line = append(line, resultMark(a, l))
	}
	from, to := l.Time(first), l.Time(last)
	blanks := max(2, len(line)-output.Cells(from)-output.Cells(to))
	return strings.Join(line, ""), from + strings.Repeat(" ", blanks) + to
}

// resultMark is the symbol for how an attempt ended, or for what it does.
func resultMark(a *stokerv1.Attempt, l output.Look) string {
	m := moving
	switch {
	case a.GetState() == stokerv1.JobState_JOB_STATE_SUCCEEDED:
		m = good
	case a.GetFailure() != nil, a.GetState() == stokerv1.JobState_JOB_STATE_FAILED:
		m = bad
	case a.GetFinishTime() != nil:
		m = cancelled
	}
	return l.Paint(m.colour, l.Spell(m.symbol))
}

// addHistory lists every change of a job's state.
func addHistory(s *output.Sheet, r *stokerv1.GetJobResponse) {
	var rows [][]output.Value
	for _, e := range r.GetEvents() {
		rows = append(rows, []output.Value{
			output.At(e.GetTime()), JobStateValue(e.GetTo()), output.Count(e.GetAttempt()), output.Text(e.GetReason()),
		})
	}
	s.AddTable([]output.SheetColumn{
		{Head: "TIME"}, {Head: "STATE"}, {Head: "ATTEMPT", Right: true, LeaveOut: 1}, {Head: "REASON", Cut: output.CutEnd},
	}, rows)
	if n := r.GetOmittedEventCount(); n > 0 {
		s.Paragraph(output.Plural(int64(n), "earlier change") + " not shown")
	}
}

// addNextSteps names the commands that help a failed job.
func addNextSteps(s *output.Sheet, r *stokerv1.GetJobResponse) {
	j := r.GetJob()
	batch := BatchName(j.GetBatchNumber(), strings.SplitN(j.GetId(), "/", 2)[0])
	switch j.GetState() {
	case stokerv1.JobState_JOB_STATE_FAILED, stokerv1.JobState_JOB_STATE_CANCELLED:
		s.Whole("Next", "stoker retry "+JobName(j))
	}
	if n, cause := r.GetAlikeCount(), j.GetFailure().GetCause(); n > 0 && cause != "" {
		s.Whole(output.Number(n)+" alike", "stoker jobs "+batch+" --cause "+cause)
	}
}

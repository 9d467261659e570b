package ui

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// BatchSheet explains a batch: how far it is, why it waits, when it ends, what failed and the command for
// it.
func BatchSheet(b *stokerv1.Batch, failures *stokerv1.ListFailuresResponse, l output.Look, all bool) string {
	s := output.NewSheet(l)
	addBatchTitle(s, b)
	s.Blank()
	if BatchEnded(b) {
		s.Paragraph(outcomeWords(b))
		s.Text("", b.GetStateReason())
	} else {
		addProgress(s, b)
		addFailedShare(s, b)
		addWait(s, b)
		s.Text("End", endWords(b, l))
	}
	s.Blank()
	addBatchSettings(s, b, all)
	s.Blank()
	addCauses(s, b, failures)
	return s.String()
}

func addBatchTitle(s *output.Sheet, b *stokerv1.Batch) {
	name := b.GetDisplayName()
	if name == b.GetId() {
		name = ""
	}
	s.Title(BatchName(b.GetNumber(), b.GetId()), name, BatchStateValue(b))
}

// addProgress draws how far a batch is, and counts its jobs: those that have finished, and the others.
func addProgress(s *output.Sheet, b *stokerv1.Batch) {
	addBar(s, b)
	n := b.GetCounts()
	s.Own("", output.Plain,
		fmt.Sprintf("%s of %s finished", output.Number(endedJobs(b)), output.Number(b.GetJobCount())),
		joinCounts([]stateCount{{"succeeded", n.GetSucceeded()}, {"failed", n.GetFailed()}, {"cancelled", n.GetCancelled()}}),
		joinCounts([]stateCount{
			{"running", n.GetRunning()}, {"queued", n.GetQueued()}, {"starting", n.GetStarting()}, {"waiting", n.GetWaiting()}, {"cancelling", n.GetCancelling()},
		}),
	)
	if skipped := b.GetSkippedCount(); skipped > 0 {
		s.Own("", output.Plain, output.Number(skipped)+" more left out: they succeeded before")
	}
}

// addBar draws how much of a batch is done, with a bar if there is room.
func addBar(s *output.Sheet, b *stokerv1.Batch) {
	percent := output.ExactPercent(b.GetPercent())
	if !s.Bars() {
		s.Own("Progress", output.Plain, percent)
		return
	}
	const behind = 12 // cells behind the bar
	s.Drawing("Progress", s.Bar(b.GetPercent(), s.Room()-behind)+"  "+percent)
}

// joinCounts are the counts that are not 0: "210 running, 14 queued".
func joinCounts(counts []stateCount) string {
	var parts []string
	for _, c := range counts {
		if c.count > 0 {
			parts = append(parts, output.Number(c.count)+" "+c.state)
		}
	}
	return strings.Join(parts, ", ")
}

// addFailedShare says how many jobs have failed, and how many may.
func addFailedShare(s *output.Sheet, b *stokerv1.Batch) {
	failed := b.GetCounts().GetFailed()
	limit := ""
	switch f := b.GetFailureLimit(); {
	case f.GetCount() > 0:
		limit = "limit " + output.Number(f.GetCount())
	case f.GetPercent() > 0:
		limit = fmt.Sprintf("limit %d %%", f.GetPercent())
	}
	switch {
	case failed == 0 && limit == "":
	case failed == 0:
		s.Own("Failed", output.Plain, "none; "+limit)
	default:
		share := 100 * float64(failed) / float64(endedJobs(b))
		percent := output.Percent(share)
		if share < 10 {
			percent = fmt.Sprintf("%.2f %%", math.Floor(100*share)/100)
		}
		words := fmt.Sprintf("%s, %s of what is finished", output.Number(failed), percent)
		if limit != "" {
			words += "; " + limit
		}
		s.Own("Failed", output.Plain, words)
	}
}

// addWait says why a batch is paused or does not go on faster.
func addWait(s *output.Sheet, b *stokerv1.Batch) {
	w := b.GetWait()
	label := "Waits"
	if b.GetState() == stokerv1.BatchState_BATCH_STATE_PAUSED {
		label = "Paused"
	}
	if reason := b.GetStateReason(); reason != "" {
		s.Text(label, reason)
		label = ""
	}
	if w.GetCode() != stokerv1.WaitCode_WAIT_CODE_PRIORITY {
		if words := waitSentence(w, b.GetWaitReason(), s.Look); words != "" && words != b.GetStateReason() {
			s.Text(label, words)
			label = ""
		}
	}
	for _, a := range w.GetAhead() {
		words := fmt.Sprintf("%s of %d (priority %d) go first", output.Plural(a.GetJobCount(), "job"), a.GetBatchNumber(), a.GetPriority())
		if start := w.GetEarliestStartTime(); start != nil && len(w.GetAhead()) == 1 && start.AsTime().After(s.Now) {
			words += ", until about " + s.Minute(start.AsTime())
		}
		s.Text(label, words)
		label = ""
	}
	if w.GetCode() == stokerv1.WaitCode_WAIT_CODE_PRIORITY && len(w.GetAhead()) == 0 {
		s.Text(label, waitWords(w, b.GetWaitReason(), s.Look))
	}
	s.Text("", sinceWords(w, func() string { return s.Time(w.GetSince().AsTime()) }))
	s.Text("", changeWords(w, BatchName(b.GetNumber(), b.GetId()), b.GetAccount()))
}

// endWords is when a batch is expected to end, in how long, and how many jobs have to end in a minute for
// that.
func endWords(b *stokerv1.Batch, l output.Look) string {
	likely := b.GetEstimatedFinishTime()
	if likely == nil {
		if b.GetState() == stokerv1.BatchState_BATCH_STATE_ACTIVE || b.GetState() == stokerv1.BatchState_BATCH_STATE_OPEN {
			return "not known"
		}
		return ""
	}
	from, to := cmp.Or(b.GetEarliestFinishTime(), likely).AsTime(), cmp.Or(b.GetLatestFinishTime(), likely).AsTime()
	words := l.Range(from, to)
	if left := rangeWords(from.Sub(l.Now), to.Sub(l.Now)); left != "" {
		words += ", in " + left
	}
	if left := likely.AsTime().Sub(l.Now).Minutes(); left > 1 {
		words += fmt.Sprintf(", at %s a minute", rateWords(float64(b.GetJobCount()-endedJobs(b))/left))
	}
	return words
}

// rateWords is a number of jobs for one minute.
func rateWords(rate float64) string {
	if rate < 10 {
		return fmt.Sprintf("%.1f jobs", rate)
	}
	return output.Plural(int64(math.Round(rate)), "job")
}

// rangeWords is a range of durations; empty once it is over.
func rangeWords(from, to time.Duration) string {
	if to < time.Second {
		return ""
	}
	first, last := output.Duration(from), output.Duration(to)
	if first == last {
		return first
	}
	return first + " to " + last
}

// outcomeWords is how the jobs of an ended batch ended, and how long it took.
func outcomeWords(b *stokerv1.Batch) string {
	n := b.GetCounts()
	words := joinCounts([]stateCount{{"succeeded", n.GetSucceeded()}, {"failed", n.GetFailed()}, {"cancelled", n.GetCancelled()}})
	if words == "" {
		words = "no jobs"
	}
	if b.GetStartTime() != nil && b.GetFinishTime() != nil {
		words += ", in " + output.Duration(b.GetFinishTime().AsTime().Sub(b.GetStartTime().AsTime()))
	}
	return words
}

// addBatchSettings says how a batch is encoded and retried, where, and who sent it.
func addBatchSettings(s *output.Sheet, b *stokerv1.Batch, all bool) {
	account := fmt.Sprintf("%s, priority %d", b.GetAccount(), b.GetPriority())
	if b.GetRetryPolicy() != nil {
		account += ", " + retryWords(b.GetRetryPolicy().GetMaxRetries())
	}
	s.Text("Account", account)
	with := "recipe of its own"
	switch {
	case b.GetProfile() != "":
		with = "profile " + b.GetProfile()
	case b.GetTemplate() != "":
		with = "template " + b.GetTemplate()
	}
	if b.GetEncodes() != "" {
		with += ": " + b.GetEncodes()
	}
	s.Text("Encodes", with)
	if in, out := cmp.Or(b.GetInput(), b.GetInputId()), cmp.Or(b.GetOutput(), b.GetOutputId()); in != "" || out != "" {
		s.Text("Storages", fmt.Sprintf("from %s to %s", cmp.Or(in, "the template's"), cmp.Or(out, "the template's")))
	}
	s.Text("Labels", labelText(b.GetLabels(), " "))
	if created := b.GetCreateTime(); created != nil {
		words := s.Minute(created.AsTime())
		if b.GetCreatedBy() != "" {
			words += " by " + b.GetCreatedBy()
		}
		s.Text("Created", words+", "+b.GetId())
	}
	s.Whole("Page", b.GetPageUrl())
	if all {
		if b.GetStartTime() != nil {
			s.Text("Started", s.Time(b.GetStartTime().AsTime()))
		}
		if b.GetFinishTime() != nil {
			s.Text("Ended", s.Time(b.GetFinishTime().AsTime()))
		}
		p := b.GetRetryPolicy()
		s.Text("Back-off", fmt.Sprintf("%s at first, at most %s", output.Duration(p.GetInitialBackoff().AsDuration()), output.Duration(p.GetMaxBackoff().AsDuration())))
	}
}

// retryWords is how many attempts may follow the first.
func retryWords(n int32) string {
	switch n {
	case 0:
		return "no retries"
	case 1:
		return "1 retry"
	}
	return fmt.Sprintf("%d retries", n)
}

// shownCauses is how many causes of failures a batch is explained with.
const shownCauses = 3

// addCauses lists the most frequent causes of failures, each with the command that retries its jobs.
func addCauses(s *output.Sheet, b *stokerv1.Batch, failures *stokerv1.ListFailuresResponse) {
	name := BatchName(b.GetNumber(), b.GetId())
	causes := failures.GetCauses()
	for _, cause := range causes[:min(shownCauses, len(causes))] {
		s.Text(output.Number(cause.GetCount()),
			fmt.Sprintf("%s, %s, like %s", shortFailure(cause.GetFailure(), ""), retriesLeft(cause.GetFailure()), exampleName(cause)))
		s.Whole("", "stoker retry "+name+" --cause "+cause.GetCause())
	}
	if more := len(causes) - shownCauses; more > 0 {
		s.Whole(fmt.Sprintf("%d more", more), "stoker failures "+name)
	}
	if b.GetState() == stokerv1.BatchState_BATCH_STATE_PAUSED {
		s.Blank()
		s.Whole("Next", "stoker resume "+name)
	}
}

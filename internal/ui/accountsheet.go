package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// AccountSheet explains an account: its queue in the last hour, what it works on, the calls that it has
// left, and what was wrong with it lately.
func AccountSheet(a *stokerv1.Account, history *stokerv1.GetAccountHistoryResponse, l output.Look) string {
	s := output.NewSheet(l)
	s.Title(a.GetId(), "", AccountStateValue(a, l.Now))
	s.Blank()
	detail := accountDetail(a, l.Now, l)
	if detail != "" {
		s.Text("Why", detail)
		s.Text("", changeWords(a.GetWait(), "", a.GetId()))
		s.Blank()
	}
	addLastHour(s, a, history)
	s.Own("Ahead", output.Plain, fmt.Sprintf("%s starting, %s configured, %s waiting",
		output.Number(a.GetStartingCount()), output.Number(a.GetPreparedCount()), output.Number(a.GetWaitingCount())))
	if detail == "" && a.GetWait().GetCode() != stokerv1.WaitCode_WAIT_CODE_IDLE {
		s.Text("Next", localTimes(a.GetWaitReason(), l))
	}
	s.Own("Target", output.Plain, targetWords(a))
	s.Text("", a.GetQueueTargetAdvice().GetText())
	if most := a.GetMaxStartsPerDay(); most > 0 {
		s.Own("Today", output.Plain, fmt.Sprintf("%s of %s starts", output.Number(a.GetStartsTodayCount()), output.Number(most)))
	}
	s.Text("Driver", driverWords(a, l))
	if a.GetSimulated() {
		s.Own("Platform", output.Plain, "a simulator: nothing is encoded or billed")
	}
	s.Text("Breaker", breakerWords(a.GetBreaker(), l))
	s.Text("Webhooks", webhookWords(a.GetWebhooks(), l))
	s.Text("Unknown", UnknownValues(a))
	s.Blank()
	addCallsLeft(s, a.GetBudgets())
	s.Blank()
	addProblems(s, a.GetProblems())
	return s.String()
}

// addLastHour draws how many encodings were queued and running in the last hour, beside how many are.
func addLastHour(s *output.Sheet, a *stokerv1.Account, history *stokerv1.GetAccountHistoryResponse) {
	queued := queuedWords(a)
	running := output.Number(a.GetRunningCount())
	samples := history.GetSamples()
	const facts, room = 21, 16 // cells of the facts, and of the range behind a line
	cells := min(30, s.Room()-facts-room)
	if !s.Bars() || len(samples) < 2 || cells < 10 {
		s.Own("Queued", output.Plain, queued)
		s.Own("Running", output.Plain, running)
		return
	}
	l := s.Look
	draw := func(label, fact string, number func(*stokerv1.AccountSample) float64, least func(*stokerv1.AccountSample) float64) {
		levels := resample(samples, cells, number)
		low, high := least(samples[0]), number(samples[0])
		for _, sample := range samples {
			low, high = min(low, least(sample)), max(high, number(sample))
		}
		extent := output.Number(int(low)) + " to " + output.Number(int(high))
		if low == high {
			extent = "always " + output.Number(int(low))
		}
		s.Drawing(label, fmt.Sprintf("%-*s%s  %s", facts, fact, l.Sparkline(levels), extent))
	}
	queuedCount := func(sample *stokerv1.AccountSample) float64 {
		if sample.PlatformQueuedCount != nil {
			return float64(sample.GetPlatformQueuedCount())
		}
		return float64(sample.GetQueuedCount())
	}
	draw("Queued", queued, queuedCount, func(sample *stokerv1.AccountSample) float64 {
		if sample.MinPlatformQueuedCount != nil {
			return float64(sample.GetMinPlatformQueuedCount())
		}
		return queuedCount(sample)
	})
	runningCount := func(sample *stokerv1.AccountSample) float64 { return float64(sample.GetRunningCount()) }
	draw("Running", running, runningCount, runningCount)
	from, to := l.Minute(samples[0].GetTime().AsTime()), l.Minute(samples[len(samples)-1].GetTime().AsTime().Add(history.GetStep().AsDuration()))
	blanks := max(2, min(cells, len(samples))-output.Cells(from)-output.Cells(to))
	s.Drawing("", strings.Repeat(" ", facts)+l.Paint(output.Faint, from+strings.Repeat(" ", blanks)+to))
}

// resample makes at most so many numbers of samples: of samples that fall together, the smallest.
func resample(samples []*stokerv1.AccountSample, cells int, number func(*stokerv1.AccountSample) float64) []float64 {
	n := min(cells, len(samples))
	levels := make([]float64, n)
	for i := range levels {
		part := samples[i*len(samples)/n : (i+1)*len(samples)/n]
		levels[i] = number(slices.MinFunc(part, func(a, b *stokerv1.AccountSample) int { return cmp.Compare(number(a), number(b)) }))
	}
	return levels
}

// queuedWords is how many encodings are queued, of how many, and whose they are.
func queuedWords(a *stokerv1.Account) string {
	if a.PlatformQueuedCount == nil {
		return "not counted yet"
	}
	words := fmt.Sprintf("%s of %s", output.Number(a.GetPlatformQueuedCount()), output.Number(a.GetEffectiveQueueTarget()))
	switch others := a.GetPlatformQueuedCount() - a.GetQueuedCount(); {
	case a.GetPlatformQueuedCount() == 0:
		return words
	case others <= 0:
		return words + ", all ours"
	default:
		return fmt.Sprintf("%s, %s ours", words, output.Number(a.GetQueuedCount()))
	}
}

// targetWords is the queue target and who chose it.
func targetWords(a *stokerv1.Account) string {
	words := output.Number(a.GetQueueTarget())
	switch bounds := a.GetAutomaticQueueTarget(); {
	case bounds != nil:
		words += fmt.Sprintf(", chosen by Stoker between %d and %d", bounds.GetMin(), bounds.GetMax())
	case a.GetQueueTargetSetting().GetMode() == stokerv1.QueueTargetMode_QUEUE_TARGET_MODE_FIXED:
		words += ", set by stoker account set"
	default:
		words += ", as configured"
	}
	if a.GetEffectiveQueueTarget() < a.GetQueueTarget() {
		words += fmt.Sprintf("; Bitmovin was seen to accept only %s", output.Number(a.GetEffectiveQueueTarget()))
	}
	return words
}

// breakerWords is the state of the breaker, since when, and when the next try is.
func breakerWords(b *stokerv1.Breaker, l output.Look) string {
	if b == nil {
		return ""
	}
	words := strings.ToLower(enumName(b.GetState().String(), "BREAKER_STATE_"))
	if b.GetSince() != nil {
		words += " since " + l.Minute(b.GetSince().AsTime())
	}
	if b.GetReason() != "" {
		words += ": " + b.GetReason()
	}
	if b.GetNextProbeTime() != nil && b.GetState() != stokerv1.BreakerState_BREAKER_STATE_CLOSED {
		words += ", next try " + l.Time(b.GetNextProbeTime().AsTime())
	}
	return words
}

// webhookWords says whether deliveries arrive; empty if the server does not receive any.
func webhookWords(w *stokerv1.Webhooks, l output.Look) string {
	switch {
	case w == nil:
		return ""
	case w.GetProblem() != "":
		return "not arriving: " + w.GetProblem()
	case w.GetLastUsedTime() == nil:
		return "none has arrived yet"
	}
	return "arriving, last " + l.Time(w.GetLastUsedTime().AsTime())
}

// addCallsLeft lists how many calls of each class can be made, in two columns where there is room.
func addCallsLeft(s *output.Sheet, budgets []*stokerv1.Budget) {
	if len(budgets) == 0 {
		return
	}
	l := s.Look
	var texts []string
	widestClass, widestLeft := 0, 0
	left := func(b *stokerv1.Budget) string {
		return output.Number(max(b.GetAvailable(), 0)) + " of " + output.Number(b.GetLimitPerMinute())
	}
	for _, b := range budgets {
		widestClass, widestLeft = max(widestClass, output.Cells(b.GetClass())), max(widestLeft, len(left(b)))
	}
	var refused []*stokerv1.Budget
	for _, b := range budgets {
		texts = append(texts, fmt.Sprintf("%-*s  %*s", widestClass, output.Printable(b.GetClass()), widestLeft, left(b)))
		if b.GetPausedUntil() != nil && b.GetPausedUntil().AsTime().After(l.Now) {
			refused = append(refused, b)
		}
	}
	const between = "    "
	lines := texts
	if s.Room() >= 2*(widestClass+2+widestLeft)+len(between) {
		half := (len(texts) + 1) / 2
		lines = nil
		for i := range half {
			line := texts[i]
			if i+half < len(texts) {
				line += between + texts[i+half]
			}
			lines = append(lines, line)
		}
	}
	labels := []string{"Calls", "left"}
	for i, line := range lines {
		label := ""
		if i < len(labels) {
			label = labels[i]
		}
		s.Drawing(label, line)
	}
	for _, b := range refused {
		s.Text("", fmt.Sprintf("%s: none until %s, refused by Bitmovin", b.GetClass(), l.Time(b.GetPausedUntil().AsTime())))
	}
}

// problemWidth is where the text of a problem begins, behind its times.
const problemWidth = 11

// addProblems lists what kept an account from starting jobs, the latest first.
func addProblems(s *output.Sheet, problems []*stokerv1.AccountProblem) {
	const most = 8
	l := s.Look
	label := "Problems"
	for _, p := range problems[:min(most, len(problems))] {
		times := l.Minute(p.GetStartTime().AsTime())
		if p.GetFinishTime() != nil {
			times = l.Range(p.GetStartTime().AsTime(), p.GetFinishTime().AsTime())
		} else if l.Now.Sub(p.GetStartTime().AsTime()) < 10*time.Minute {
			times = l.Time(p.GetStartTime().AsTime())
		}
		s.Hanging(label, fmt.Sprintf("%-*s", problemWidth, times), problemWords(p, l))
		label = ""
	}
	if more := len(problems) - most; more > 0 {
		s.Own(label, output.Plain, fmt.Sprintf("%d more in 24 hours", more))
	}
}

// problemWords says what a problem was.
func problemWords(p *stokerv1.AccountProblem, l output.Look) string {
	text, until := p.GetText(), ""
	if p.GetUntil() != nil && p.GetFinishTime() == nil {
		until = " until " + l.Time(p.GetUntil().AsTime())
	}
	withText := func(words string) string {
		if text == "" {
			return words
		}
		return words + ": " + text
	}
	lasts := p.GetFinishTime() == nil
	switch p.GetKind() {
	case stokerv1.AccountProblemKind_ACCOUNT_PROBLEM_KIND_PAUSED:
		if text != "" {
			text = `"` + text + `"`
		}
		return withText("Paused")
	case stokerv1.AccountProblemKind_ACCOUNT_PROBLEM_KIND_DAILY_LIMIT:
		return withText("The limit of starts a day was reached" + until)
	case stokerv1.AccountProblemKind_ACCOUNT_PROBLEM_KIND_BREAKER:
		if lasts {
			return withText("Breaker is open" + until)
		}
		return withText("Breaker was open")
	case stokerv1.AccountProblemKind_ACCOUNT_PROBLEM_KIND_CALLS_REFUSED:
		return withText(fmt.Sprintf("Calls of class %q %s%s", p.GetSubject(), map[bool]string{true: "wait", false: "waited"}[lasts], until))
	case stokerv1.AccountProblemKind_ACCOUNT_PROBLEM_KIND_QUEUE_FULL:
		return withText("Bitmovin said that its queue is full" + until)
	case stokerv1.AccountProblemKind_ACCOUNT_PROBLEM_KIND_ORGANISATION:
		return withText("None of our encodings was found")
	}
	return text
}

package job

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// WaitCode says why a job waits, why a batch does not move, or why an account starts
// nothing. The empty code means that nothing waits.
type WaitCode string

// The reasons for waiting. The contract has the same ones, as WAIT_CODE_<name>.
const (
	WaitInLine         WaitCode = "IN_LINE"         // other jobs go first: Position
	WaitPriority       WaitCode = "PRIORITY"        // Count jobs of higher priority go first; Position
	WaitQueueFull      WaitCode = "QUEUE_FULL"      // Count of Limit places of the queue are taken; Position, Earliest
	WaitPlatformFull   WaitCode = "PLATFORM_FULL"   // the platform said that its queue is full; Until
	WaitCounting       WaitCode = "COUNTING"        // the platform's queue is counted before anything is started
	WaitConfiguring    WaitCode = "CONFIGURING"     // the encoding is being configured; Since
	WaitBackoff        WaitCode = "BACKOFF"         // the pause before attempt Attempt; Until
	WaitBatchPaused    WaitCode = "BATCH_PAUSED"    // Since; Text is the reason that was given
	WaitAccountPaused  WaitCode = "ACCOUNT_PAUSED"  // account Subject; Since; Text is the reason that was given
	WaitAccountMissing WaitCode = "ACCOUNT_MISSING" // account Subject is not in the configuration
	WaitBudget         WaitCode = "BUDGET"          // the calls of class Subject are used up; Until
	WaitBreaker        WaitCode = "BREAKER"         // the platform cannot be used; Since, Until the next try, Text
	WaitStorage        WaitCode = "STORAGE"         // the batch's storage or recipe cannot be used; Since, Until the next try, Text
	WaitOrganisation   WaitCode = "ORGANISATION"    // the key seems to be another organisation's; Since, Until the next try, Text
	WaitProblem        WaitCode = "PROBLEM"         // calls for this job failed, not by its fault; Until the next try, Text
	WaitReconciling    WaitCode = "RECONCILING"     // the platform is compared with the job table first; Since
	WaitDailyLimit     WaitCode = "DAILY_LIMIT"     // Count of Limit starts of the day have been made; Until
	WaitStart          WaitCode = "START"           // the start has been sent, or is about to be; Since
	WaitUnknownStart   WaitCode = "UNKNOWN_START"   // the start was not answered: it is looked up before it is repeated; Since, Until
	WaitEncoder        WaitCode = "ENCODER"         // queued at the platform, for the next free encoder; Since
	WaitUnknownStatus  WaitCode = "UNKNOWN_STATUS"  // the platform shows status Text, which nobody knows; Since
	WaitMissing        WaitCode = "MISSING"         // the platform does not show the encoding; Since
	WaitStop           WaitCode = "STOP"            // cancel was asked for and is not confirmed yet, for Count jobs of a batch; Since
	WaitMoreJobs       WaitCode = "MORE_JOBS"       // the batch has no jobs left and is open for more
	WaitIdle           WaitCode = "IDLE"            // the account has no job to start
)

// WaitCodes lists every code, the empty one apart.
func WaitCodes() []WaitCode {
	return []WaitCode{
		WaitInLine, WaitPriority, WaitQueueFull, WaitPlatformFull, WaitCounting, WaitConfiguring, WaitBackoff,
		WaitBatchPaused, WaitAccountPaused, WaitAccountMissing, WaitBudget, WaitBreaker, WaitStorage, WaitOrganisation,
		WaitProblem, WaitReconciling, WaitDailyLimit, WaitStart, WaitUnknownStart, WaitEncoder, WaitUnknownStatus,
		WaitMissing, WaitStop, WaitMoreJobs, WaitIdle,
	}
}

// MaxWaitText is how long the text of a [Wait] is at most, in bytes.
const MaxWaitText = 400

// Wait is why something waits: a code, and what the code needs to be told in words.
// Fields that a code does not name are zero.
type Wait struct {
	Code  WaitCode
	Since time.Time // when it began; zero if that is not known
	Until time.Time // when it is tried again, or is over; zero if that is not known
	// Position is the job's place among the jobs of its account that are due, in the order
	// in which they are started: 1 is the next. 0 if that is not known, or if the job is
	// not in line. Within 5 % of the truth.
	Position int64
	// Earliest is when the job may be started at the earliest, by how fast places in the
	// queue become free at present; zero if that cannot be told.
	Earliest     time.Time
	Count, Limit int64
	Attempt      int    // the number of the attempt that is waited for
	Subject      string // the account, or the class of calls
	Text         string // the words of the platform, or of whoever paused it; at most [MaxWaitText] bytes
}

// String is the wait in words, one line, the same wherever it is told; empty if nothing
// waits. Times are UTC.
func (w Wait) String() string {
	words := w.text()
	if w.Code != WaitInLine && w.Position > 1 {
		words += "; position " + formatCount(w.Position)
	}
	if !w.Earliest.IsZero() {
		words += ", not before " + formatTime(w.Earliest)
	}
	return words
}

func (w Wait) text() string {
	switch w.Code {
	case WaitInLine:
		switch w.Position {
		case 0:
			return "waiting for its turn"
		case 1:
			return "the next to be started"
		}
		return "waiting for its turn: position " + formatCount(w.Position)
	case WaitPriority:
		return "behind " + formatJobs(w.Count) + " of higher priority"
	case WaitQueueFull:
		return fmt.Sprintf("waiting for a free slot (%d of %d queued)", w.Count, w.Limit)
	case WaitPlatformFull:
		return "the platform says that its queue is full"
	case WaitCounting:
		return "the platform's queue has to be counted first"
	case WaitConfiguring:
		return "the encoding is being configured"
	case WaitBackoff:
		if w.Attempt == 0 {
			return "jobs pause before their next attempt" + untilTime(w.Until)
		}
		return fmt.Sprintf("pause before attempt %d%s", w.Attempt, untilTime(w.Until))
	case WaitBatchPaused:
		return withReason("the batch is paused", w.Text)
	case WaitAccountPaused:
		return withReason("account "+w.Subject+" is paused", w.Text)
	case WaitAccountMissing:
		return fmt.Sprintf("the server has no account %q any more", w.Subject)
	}
	return w.platformText()
}

// platformText are those of the reasons that lie with the platform and the way to it.
func (w Wait) platformText() string {
	switch w.Code {
	case WaitBudget:
		return "the calls of class " + w.Subject + " are used up" + untilTime(w.Until)
	case WaitBreaker:
		return withReason("the platform cannot be used"+sinceTime(w.Since), w.Text)
	case WaitStorage, WaitProblem:
		return withReason("it is passed over for now", w.Text)
	case WaitOrganisation:
		return cmp.Or(w.Text, "the API key seems to belong to another organisation")
	case WaitReconciling:
		return withReason("the platform is compared with the job table first", w.Text)
	case WaitDailyLimit:
		return fmt.Sprintf("%d of %d starts of the day have been made%s", w.Count, w.Limit, nextStartTime(w.Until))
	case WaitStart:
		return "the start is under way"
	case WaitUnknownStart:
		return withReason("a start was not answered; it is looked up"+untilTime(w.Until)+" before it is repeated", w.Text)
	case WaitEncoder:
		return "queued at the platform" + sinceTime(w.Since) + ", waiting for an encoder"
	case WaitUnknownStatus:
		return "the platform shows status " + strconv.Quote(w.Text) + ", which is not known"
	case WaitMissing:
		return withReason("the platform does not show its encoding"+sinceTime(w.Since), w.Text)
	case WaitStop:
		if w.Count > 0 {
			return "cancel asked for; the end of " + formatJobs(w.Count) + " is not confirmed yet"
		}
		return withReason("cancel asked for; its end is not confirmed yet", w.Text)
	case WaitMoreJobs:
		return "no job is left; it is open for more"
	case WaitIdle:
		return "no job waits to be started"
	}
	return ""
}

// SimilarTo reports whether w and o tell the same but for figures that change by themselves as
// work goes on.
func (w Wait) SimilarTo(o Wait) bool {
	return w.Code == o.Code && w.Subject == o.Subject && w.Text == o.Text && w.Until.Equal(o.Until) && w.Limit == o.Limit &&
		max(w.Position, o.Position)-min(w.Position, o.Position) <= max(w.Position, o.Position)/20
}

func withReason(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

func sinceTime(t time.Time) string     { return withTime(" since ", t) }
func untilTime(t time.Time) string     { return withTime(" until ", t) }
func nextStartTime(t time.Time) string { return withTime("; the next may be made at ", t) }

func withTime(preposition string, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return preposition + formatTime(t)
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func formatJobs(n int64) string {
	if n == 1 {
		return "1 job"
	}
	return formatCount(n) + " jobs"
}

// formatCount writes a number with commas between the thousands.
func formatCount(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// oneLine is a text that fits a [Wait], on one line.
func oneLine(text string) string {
	return Shorten(strings.Join(strings.Fields(text), " "), MaxWaitText)
}

package job

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// WaitCode says why a job waits, a batch does not move, or an account starts nothing. The empty code
// says that it does not wait.
type WaitCode string

// The reasons for waiting, each with the fields of [Wait] that it sets. In addition, the wait of a job
// in line sets Position, also if its code is PLATFORM_FULL, COUNTING or BUDGET. The contract has the
// same codes, as WAIT_CODE_<name>.
const (
	WaitInLine         WaitCode = "IN_LINE"         // other jobs go first; Position, Earliest
	WaitPriority       WaitCode = "PRIORITY"        // Count jobs of higher priority go first; Position, Earliest
	WaitQueueFull      WaitCode = "QUEUE_FULL"      // Count of Limit places of the queue are taken; Position, Earliest
	WaitPlatformFull   WaitCode = "PLATFORM_FULL"   // the platform refused a start because its queue is full; Until
	WaitCounting       WaitCode = "COUNTING"        // the platform's queue has to be counted before a start
	WaitConfiguring    WaitCode = "CONFIGURING"     // the encoding is being configured; Since
	WaitBackoff        WaitCode = "BACKOFF"         // the job is in the back-off before attempt Attempt; Until
	WaitBatchPaused    WaitCode = "BATCH_PAUSED"    // the batch is paused; Since; Text: the reason that was given
	WaitAccountPaused  WaitCode = "ACCOUNT_PAUSED"  // account Subject is paused; Since; Text: the reason that was given
	WaitAccountMissing WaitCode = "ACCOUNT_MISSING" // account Subject is not in the configuration
	WaitBudget         WaitCode = "BUDGET"          // the rate limit for calls of class Subject is used up; Until
	WaitBreaker        WaitCode = "BREAKER"         // the platform cannot be used; Since; Until: the next try; Text
	WaitStorage        WaitCode = "STORAGE"         // a storage or the recipe of the batch cannot be used; Since; Until: the next try; Text
	WaitOrganisation   WaitCode = "ORGANISATION"    // the key seems to be another organisation's; Since; Until: the next try; Text
	WaitProblem        WaitCode = "PROBLEM"         // calls for the job failed, for reasons that do not lie with the job, or the job table cannot be written; Since; Until: the next try; Text
	WaitReconciling    WaitCode = "RECONCILING"     // the platform has to be compared with the job table first; Since; Text: why the latest try failed
	WaitDailyLimit     WaitCode = "DAILY_LIMIT"     // Count of Limit starts of the day have been made, for batches of Subject if that is set; Until
	WaitStart          WaitCode = "START"           // the start has been sent, or is about to be; Since
	WaitUnknownStart   WaitCode = "UNKNOWN_START"   // the start was not answered, and is looked up before it is repeated; Since; Until; Text
	WaitEncoder        WaitCode = "ENCODER"         // queued at the platform, waiting for a free encoder; Since
	WaitUnknownStatus  WaitCode = "UNKNOWN_STATUS"  // the encoding has status Text, which this service does not know; Since
	WaitMissing        WaitCode = "MISSING"         // the platform does not show the encoding; Since; Text
	WaitStop           WaitCode = "STOP"            // cancelling was requested and is not confirmed yet; Since; Text; for a batch Count jobs
	WaitMoreJobs       WaitCode = "MORE_JOBS"       // all jobs of the batch have ended, and it is open for more
	WaitIdle           WaitCode = "IDLE"            // the account has no job to start
)

// WaitCodes lists every code but the empty one.
func WaitCodes() []WaitCode {
	return []WaitCode{
		WaitInLine, WaitPriority, WaitQueueFull, WaitPlatformFull, WaitCounting, WaitConfiguring, WaitBackoff,
		WaitBatchPaused, WaitAccountPaused, WaitAccountMissing, WaitBudget, WaitBreaker, WaitStorage, WaitOrganisation,
		WaitProblem, WaitReconciling, WaitDailyLimit, WaitStart, WaitUnknownStart, WaitEncoder, WaitUnknownStatus,
		WaitMissing, WaitStop, WaitMoreJobs, WaitIdle,
	}
}

// MaxWaitText is the length of the longest text of a [Wait], in bytes.
const MaxWaitText = 400

// Wait is why a job, a batch or an account waits: a code, and the values that belong to the code. The
// other fields are zero.
type Wait struct {
	Code  WaitCode
	Since time.Time // when the wait began; zero if unknown
	Until time.Time // when the wait is over, or when the next try is made; zero if unknown
	// Position is the position of the job in the line of its account; 1 is the next job to be
	// started, 0 says that the position is unknown or that the job is not in line. A watch shows
	// a new position only after a change of more than 5 %.
	Position int64
	// Earliest is when the job may be started at the earliest, judged by the present drain rate;
	// zero if unknown.
	Earliest     time.Time
	Count, Limit int64
	Attempt      int    // the number of the attempt that the job waits for
	Subject      string // the account, or the class of calls
	Text         string // from the platform, or the reason given with a pause; at most [MaxWaitText] bytes
}

// String returns the wait in words, on one line; empty for the zero Wait. Times are in UTC.
func (w Wait) String() string {
	text := w.text()
	if w.Code != WaitInLine && w.Position > 1 {
		text += "; position " + formatCount(w.Position)
	}
	if !w.Earliest.IsZero() {
		text += ", not before " + formatTime(w.Earliest)
	}
	return text
}

// text is the wait in words, without position and earliest time.
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
		return fmt.Sprintf("waiting for a free place (%d of %d queued)", w.Count, w.Limit)
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

// platformText is text for the other codes: the rate limit, the platform, and a job at the platform.
func (w Wait) platformText() string {
	switch w.Code {
	case WaitBudget:
		return "the rate limit for calls of class " + w.Subject + " is used up" + untilTime(w.Until)
	case WaitBreaker:
		return withReason("the platform cannot be used"+sinceTime(w.Since), w.Text)
	case WaitStorage, WaitProblem:
		return withReason("waiting for the next try", w.Text)
	case WaitOrganisation:
		return cmp.Or(w.Text, "the API key seems to belong to another organisation")
	case WaitReconciling:
		return withReason("the platform is compared with the job table first", w.Text)
	case WaitDailyLimit:
		if w.Subject != "" {
			return fmt.Sprintf("all %d starts of the day for batches of %s have been made%s", w.Limit, w.Subject, nextStartTime(w.Until))
		}
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
			return "cancelling was requested; the end of " + formatJobs(w.Count) + " is not confirmed yet"
		}
		return withReason("cancelling was requested; the end is not confirmed yet", w.Text)
	case WaitMoreJobs:
		return "all jobs have ended; the batch is open for more"
	case WaitIdle:
		return "no job waits to be started"
	}
	return ""
}

// SimilarTo reports whether a watch has no need to show o after w. It ignores a change of Position of
// at most 5 %, and any change of Since, Earliest, Count and Attempt.
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

// formatCount formats a number with commas between thousands.
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

// oneLine puts a text on one line and shortens it for a [Wait].
func oneLine(text string) string {
	return Shorten(strings.Join(strings.Fields(text), " "), MaxWaitText)
}

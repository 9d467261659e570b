package job

import "time"

// AccountStatus is how one account stands: a snapshot for people and for
// monitoring. Nothing is decided by it.
type AccountStatus struct {
	ID                   string
	QueueTarget          int // wanted
	EffectiveQueueTarget int // what the platform has been seen to accept; at most QueueTarget
	// PlatformQueuedCount is how many encodings are QUEUED at the platform: other people's as they were
	// counted at QueuedTime, and those of this service as they are known now, so that it is
	// never less than OwnQueued; -1 before the first count.
	PlatformQueuedCount int
	PlatformQueuedTime  time.Time
	Uncounted           bool // the count is too old for anything to be started by it
	// HeldCount is how many places of the queue are taken, or may be: other people's encodings,
	// and of this service what is queued, starts without an answer, and what is being
	// cancelled before an encoder has taken it. Nothing is started while it is not less
	// than EffectiveTarget.
	HeldCount int
	// DrainRate is how many places of the queue become free in a minute, by how many encodings
	// run and how long they take; 0 if that is not known.
	DrainRate float64
	// InLineCount is how many jobs could be started next, as far ahead as the dispatcher looks;
	// NextDue is when the next one comes whose back-off is over, or whose batch is tried
	// again; zero if none does.
	InLineCount int
	NextDueTime time.Time

	QueuedCount, RunningCount, StartingCount, CancellingCount int // jobs of this service
	PreparedCount, PreparingCount                             int

	Paused       bool
	PausedReason string
	PausedSince  time.Time // zero if that is not known

	// Settle is how long a start without an answer is looked up before it is repeated.
	Settle time.Duration

	Breaker       BreakerState
	BreakerReason string    // what is wrong, empty when closed
	BreakerSince  time.Time // when it left CLOSED
	NextProbeTime time.Time // zero when closed

	MaxStartsPerDay  int       // 0: no ceiling, and nothing is counted
	StartsTodayCount int       // starts of this day (UTC) that count towards the ceiling
	PausedUntil      time.Time // when the account goes on after having reached it; zero if it has not

	QueueFullUntil time.Time // no start before, because the platform said its queue is full
	// Problem is what keeps jobs from being configured although the platform
	// answers, for example a storage it refuses; empty if nothing does. Problems has what
	// concerns single batches, by id; others go on meanwhile. Organisation is set if nothing
	// of ours is found at the platform, as with another organisation's key.
	Problem      string
	Problems     map[string]Problem
	Organisation Problem
	// Notes has what the job table does not know of single jobs, of those of which there is
	// something to say.
	Notes map[ID]Note

	// Waits are the jobs at the platform that wait because it gives no answer about their
	// encodings that could be believed: a start that is not known, an encoding that is missing
	// or cannot be looked at, a stop that is refused.
	Waits map[ID]Wait
	// Repeats counts what had to be done again because the platform's answer settled
	// nothing, by kind of call, since the process started.
	Repeats map[string]int64

	Budgets []Budget

	// UnknownValues are values that the platform used and nobody knew, the first that were met first,
	// at most 20; UnknownCounts how often any were met since the process started, by kind.
	UnknownValues      []UnknownValue
	UnknownValueCounts map[string]int64

	Listing Listing
	// OtherInstances are the other Stokers that have been seen at work within the last hour,
	// by id.
	OtherInstances []OtherInstance

	Webhooks *Webhooks // nil: the service takes none
}

// With is the status with settings that were changed after it was taken.
func (a AccountStatus) With(s AccountSettings) AccountStatus {
	if s.Paused || a.PausedUntil.IsZero() {
		a.Paused, a.PausedReason, a.PausedSince = s.Paused, s.PausedReason, s.PausedSince
	}
	if s.QueueTarget != 0 {
		if a.EffectiveQueueTarget == a.QueueTarget || a.EffectiveQueueTarget > s.QueueTarget {
			a.EffectiveQueueTarget = s.QueueTarget
		}
		a.QueueTarget = s.QueueTarget
	}
	return a
}

// StartsExhausted reports whether the account has made all starts that it may make in a day.
func (a *AccountStatus) StartsExhausted() bool { return !a.PausedUntil.IsZero() }

// BreakerState says whether an account is worked on.
type BreakerState string

// The states of an account's breaker.
const (
	BreakerClosed  BreakerState = "CLOSED"  // the platform answers
	BreakerOpen    BreakerState = "OPEN"    // it does not; nothing is sent until the next probe
	BreakerProbing BreakerState = "PROBING" // one call is out to see whether it does again
)

// Problem is why something is not worked on although the platform answers. The zero value:
// there is none.
type Problem struct {
	Text  string
	Seq   int64     // of the batch that has it; 0 if it is not known, or not a batch's
	Since time.Time // zero if that is not known
	Until time.Time // when it is tried again; of a batch zero if that is not passed over meanwhile
	// Refused says that the platform refuses a storage or a recipe, or that the configuration
	// does not have it any more; otherwise calls failed, and may not the next time.
	Refused bool
}

func (t Problem) asWait() Wait {
	w := Wait{Code: WaitProblem, Since: t.Since, Until: t.Until, Text: oneLine(t.Text)}
	if t.Refused {
		w.Code = WaitStorage
	}
	return w
}

// Note is what the dispatcher knows of a job and the job table does not.
type Note struct {
	Starting bool      // the call that starts it is under way, or about to be made
	Since    time.Time // when that began
	Problem  Problem   // calls for it have failed, not by its fault
}

// Budget is how many calls of one endpoint class are left.
type Budget struct {
	Class          string
	LimitPerMinute int
	Available      int
	Waiting        int       // calls that wait for their turn
	Next           time.Time // when the next of them can be made
	PausedUntil    time.Time // after a 429; zero otherwise
}

// UnknownValue is a value that the platform used and this service does not know.
type UnknownValue struct {
	Kind      string // one of: status, encoding_type, task_type, retry_hint, message_type, event, error_code, field
	Value     string // in the platform's words, at most 100 bytes
	FirstTime time.Time
	Count     int64
}

// Webhooks is how the platform tells the service that encodings have ended. It
// makes things faster; the service works without.
type Webhooks struct {
	// Problem is why deliveries cannot be expected; empty if they can, or if the
	// service was not asked to register for them.
	Problem string
	// UsedCount counts the deliveries that made the service look at an encoding, Ignored
	// those that were signed and came to nothing (repeated, stale, or not about an
	// encoding), Rejected those that were not signed or not to be read. All since
	// the process started.
	UsedCount, IgnoredCount, RejectedCount int64
	LastUsedTime                           time.Time // when one was used last; zero if none was
}

// AccountSettings is what somebody changed of an account while the service
// ran. The zero value leaves everything as configured.
type AccountSettings struct {
	Paused       bool
	PausedReason string
	PausedSince  time.Time // zero if that is not known
	QueueTarget  int       // 0: as configured
}

// Pause stops preparing and starting jobs. A pause that is repeated gets the new reason.
func (s *AccountSettings) Pause(reason string, now time.Time) {
	if !s.Paused {
		s.PausedSince = now
	}
	s.Paused, s.PausedReason = true, reason
}

// Resume takes up work again.
func (s *AccountSettings) Resume() { s.Paused, s.PausedReason, s.PausedSince = false, "", time.Time{} }

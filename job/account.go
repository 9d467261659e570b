package job

import "time"

// AccountStatus is how one account stands: a snapshot for people and for
// monitoring. Nothing is decided by it.
type AccountStatus struct {
	ID              string
	QueueTarget     int // wanted
	EffectiveTarget int // what the platform has been seen to accept; at most QueueTarget
	// Queued is how many encodings the platform reported in state QUEUED, other
	// people's included, at QueuedTime; -1 before the first answer.
	Queued     int
	QueuedTime time.Time

	OwnQueued, OwnRunning, Starting, Cancelling int // jobs of this service
	Prepared, Preparing                         int

	Paused       bool
	PausedReason string

	Breaker       BreakerState
	BreakerReason string    // what is wrong, empty when closed
	BreakerSince  time.Time // when it left CLOSED
	NextProbe     time.Time // zero when closed

	MaxStartsPerDay int       // 0: no ceiling, and nothing is counted
	StartsToday     int       // starts of this day (UTC) that count towards the ceiling
	StartsUntil     time.Time // when the account goes on after having reached it; zero if it has not

	QueueFullUntil time.Time // no start before, because the platform said its queue is full
	// Problem is what keeps jobs from being configured although the platform
	// answers, for example a storage it refuses; empty if nothing does. Problems has what
	// concerns single batches, by id; others go on meanwhile.
	Problem  string
	Problems map[string]string

	// Waits are the jobs at the platform that wait because it gives no answer about their
	// encodings that could be believed: a start that is not known, an encoding that is missing
	// or cannot be looked at, a stop that is refused.
	Waits map[ID]Wait
	// Repeats counts what had to be done again because the platform's answer settled
	// nothing, by kind of call, since the process started.
	Repeats map[string]int64

	Budgets []Budget

	// Unknown are values that the platform used and nobody knew, the first that were met first,
	// at most 20; UnknownCounts how often any were met since the process started, by kind.
	Unknown       []UnknownValue
	UnknownCounts map[string]int64

	Listing Listing
	// OtherInstances are the other Stokers that have been seen at work within the last hour,
	// by id.
	OtherInstances []OtherInstance

	Webhooks *Webhooks // nil: the service takes none
}

// StartsExhausted reports whether the account has made all starts that it may make in a day.
func (s *AccountStatus) StartsExhausted() bool { return !s.StartsUntil.IsZero() }

// BreakerState says whether an account is worked on.
type BreakerState string

// The states of an account's breaker.
const (
	BreakerClosed  BreakerState = "CLOSED"  // the platform answers
	BreakerOpen    BreakerState = "OPEN"    // it does not; nothing is sent until the next probe
	BreakerProbing BreakerState = "PROBING" // one call is out to see whether it does again
)

// Budget is how many calls of one endpoint class are left.
type Budget struct {
	Class          string
	LimitPerMinute int
	Available      int
	PausedUntil    time.Time // after a 429; zero otherwise
}

// UnknownValue is a value that the platform used and this service does not know.
type UnknownValue struct {
	Kind  string // one of: status, encoding_type, task_type, retry_hint, message_type, event, error_code, field
	Value string // in the platform's words, at most 100 bytes
	First time.Time
	Count int64
}

// Webhooks is how the platform tells the service that encodings have ended. It
// makes things faster; the service works without.
type Webhooks struct {
	// Problem is why deliveries cannot be expected; empty if they can, or if the
	// service was not asked to register for them.
	Problem string
	// Used counts the deliveries that made the service look at an encoding, Ignored
	// those that were signed and came to nothing (repeated, stale, or not about an
	// encoding), Rejected those that were not signed or not to be read. All since
	// the process started.
	Used, Ignored, Rejected int64
	UsedTime                time.Time // when one was used last; zero if none was
}

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

	QueueFullUntil time.Time // no start before, because the platform said its queue is full
	// Problem is what keeps jobs from being configured although the platform
	// answers, for example a storage it refuses; empty if nothing does. Problems has what
	// concerns single batches, by id; others go on meanwhile.
	Problem  string
	Problems map[string]string

	Budgets []Budget

	Listing Listing
	// OtherInstances are the other Stokers that have been seen at work within the last hour,
	// by id.
	OtherInstances []OtherInstance

	Webhooks *Webhooks // nil: the service takes none
}

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

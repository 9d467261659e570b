package job

import (
	"cmp"
	"time"
)

// AccountStatus is a snapshot of an account, for people and for monitoring. The dispatcher decides
// nothing by it.
type AccountStatus struct {
	ID                   string
	QueueTarget          int // how many encodings should be QUEUED at the platform
	EffectiveQueueTarget int // how many the platform is known to accept; at most QueueTarget
	// TargetSetting is how QueueTarget was set through the API; the zero value: it was not.
	TargetSetting TargetSetting
	// ConfiguredTarget is how the configuration sets QueueTarget.
	ConfiguredTarget TargetSetting
	// The least and the largest that an automatic QueueTarget may be.
	MinAutoTarget, MaxAutoTarget int
	// PlatformQueuedCount is how many encodings are QUEUED at the platform: those of others as
	// counted at PlatformQueuedTime, and those of this service at present. It is -1 before the
	// first count, and otherwise at least QueuedCount.
	PlatformQueuedCount int
	PlatformQueuedTime  time.Time
	Uncounted           bool // the count is too old, and no job is started before the next one
	// HeldCount is how many places of the queue are taken or may be: by encodings of others, and
	// by jobs of this service that are queued, whose start has no answer, or that are being
	// cancelled before an encoder has taken them. Jobs are started only while it is less than
	// EffectiveQueueTarget.
	HeldCount int
	// DrainRate is how many places of the queue become free in a minute, judged by how many
	// encodings run and how long they take; 0 if unknown.
	DrainRate float64
	// TargetAdvice is given if QueueTarget is too small for how fast the queue drains.
	TargetAdvice TargetAdvice
	// InLineCount is how many jobs from the head of the line the dispatcher has read to start
	// them; the line may have more.
	InLineCount int
	// NextDueTime is when the next back-off ends, or when the next batch with a problem is tried
	// again; zero if there is neither.
	NextDueTime time.Time

	QueuedCount, RunningCount, StartingCount, CancellingCount int // jobs of this service
	PreparedCount, PreparingCount                             int // jobs that are configured, and that are being configured

	Paused       bool
	PausedReason string
	PausedSince  time.Time // zero if unknown

	// TableTrouble is why the job table cannot be written, and with it nothing be started; the zero value: it can.
	TableTrouble Problem

	// Settle is how long a start without an answer is looked up before it is repeated.
	Settle time.Duration

	Breaker       BreakerState
	BreakerReason string    // what is wrong, empty when closed
	BreakerSince  time.Time // when it left CLOSED
	NextProbeTime time.Time // zero when closed

	MaxStartsPerDay  int       // 0: no limit, and starts are not counted
	StartsTodayCount int       // starts of this day (UTC) that count towards MaxStartsPerDay
	PausedUntil      time.Time // when an account that has reached MaxStartsPerDay continues; zero otherwise

	// ExhaustedPrincipals are the principals that have reached their daily limit of starts, by name. None of
	// their batches starts a job before the day ends.
	ExhaustedPrincipals map[string]StartLimit

	QueueFullUntil time.Time // no start before this time, because the platform said that its queue is full
	// Problem is why jobs cannot be configured although the platform answers, for example a
	// storage that it refuses; empty if there is none.
	Problem string
	// Problems has the problems of batches, by batch id. Other batches go on meanwhile.
	Problems map[string]Problem
	// Organisation is the problem that the platform shows none of the service's encodings. The
	// API key is then probably that of another organisation.
	Organisation Problem
	// Notes has what the dispatcher knows of jobs and the job table does not.
	Notes map[ID]Note

	// Waits has the jobs about whose encodings the platform gives no usable answer: the start is
	// unknown, the encoding is missing or cannot be read, or stopping it is refused.
	Waits map[ID]Wait
	// Repeats counts calls since the process started that were repeated because their answer
	// left the result open, by kind of call.
	Repeats map[string]int64

	// WaitingTime is how long, since the process started, jobs have waited that nothing but a full queue
	// kept from being started, and DryTime for how much of it the platform's queue was empty.
	WaitingTime, DryTime time.Duration

	Budgets []Budget

	// UnknownValues has the first values from the platform that this service does not know, at
	// most 20. UnknownValueCounts counts all of them since the process started, by kind.
	UnknownValues      []UnknownValue
	UnknownValueCounts map[string]int64

	// Simulated says that a simulator answers in place of the platform.
	Simulated bool

	Listing Listing
	// OtherInstances has the other Stoker servers seen within the last hour, sorted by id.
	OtherInstances []OtherInstance

	Webhooks *Webhooks // nil: the service does not receive webhooks

	// Driver is who drives the account; nil if no other process can.
	Driver *Driver
}

// Driver is the process that drives an account: that makes the calls to the platform for it. The zero value is nobody.
type Driver struct {
	Address string    // where the process runs
	Since   time.Time // when it gained the account
	Epoch   int64     // how often somebody has gained the account
}

// Replica is a process that works on a job table.
type Replica struct {
	Address string
	Version string
	Since   time.Time // when it was started
	Self    bool      // it is the one that was asked
	Terms   []ReplicaTerm
}

// ReplicaTerm is an account that a replica drives.
type ReplicaTerm struct {
	AccountID string // or the name of what one replica at a time does for all
	Since     time.Time
	Epoch     int64
}

// With returns the status with settings that may have changed after the snapshot. The pause of a
// reached daily limit stays, and so does an effective queue target that the platform has lowered.
func (a AccountStatus) With(s AccountSettings) AccountStatus {
	if s.Paused || a.PausedUntil.IsZero() {
		a.Paused, a.PausedReason, a.PausedSince = s.Paused, s.PausedReason, s.PausedSince
	}
	a.TargetSetting = s.Target
	if target := a.TargetInForce().Number; target != 0 {
		if a.EffectiveQueueTarget == a.QueueTarget || a.EffectiveQueueTarget > target {
			a.EffectiveQueueTarget = target
		}
		a.QueueTarget = target
	}
	return a
}

// TargetInForce returns how QueueTarget is set: through the API or, if it was not, by the configuration.
func (a *AccountStatus) TargetInForce() TargetSetting {
	return cmp.Or(a.TargetSetting, a.ConfiguredTarget)
}

// StartsExhausted reports whether the account has reached its daily limit of starts.
func (a *AccountStatus) StartsExhausted() bool { return !a.PausedUntil.IsZero() }

// PrincipalExhausted returns the daily limit of starts that a principal has reached; ok is false if it has not
// reached one.
func (a *AccountStatus) PrincipalExhausted(name string, now time.Time) (limit StartLimit, ok bool) {
	limit = a.ExhaustedPrincipals[name]
	return limit, limit.Until.After(now)
}

// BreakerState says whether the service calls the platform for an account.
type BreakerState string

// The states of an account's breaker.
const (
	BreakerClosed  BreakerState = "CLOSED"  // the platform answers
	BreakerOpen    BreakerState = "OPEN"    // the platform does not answer; no call is made until the next probe
	BreakerProbing BreakerState = "PROBING" // one call, the probe, is under way to see whether the platform answers again
)

// Problem is why a batch, a job or an account cannot be worked on although the platform answers.
// The zero value means that there is no problem.
type Problem struct {
	Text  string
	Seq   int64     // sequence number of the batch; 0 if unknown, or if the problem is not that of a batch
	Since time.Time // zero if unknown
	Until time.Time // when the next try is made; zero for a batch whose other jobs are started meanwhile
	// Refused says that the platform refuses a storage or a recipe, or that the configuration
	// no longer has it. Otherwise calls have failed, and may succeed the next time.
	Refused bool
}

// asWait returns the wait for the end of the problem.
func (p Problem) asWait() Wait {
	w := Wait{Code: WaitProblem, Since: p.Since, Until: p.Until, Text: oneLine(p.Text)}
	if p.Refused {
		w.Code = WaitStorage
	}
	return w
}

// Note is what the dispatcher knows of a job and the job table does not.
type Note struct {
	Starting bool      // the call that starts the job is under way, or about to be made
	Since    time.Time // since when Starting is true
	Problem  Problem   // calls for the job have failed, for reasons that do not lie with the job
}

// Budget is the rate limit for the calls of one endpoint class.
type Budget struct {
	Class          string
	LimitPerMinute int
	Available      int       // calls that could be made right now
	Waiting        int       // calls that wait for the rate limit
	Next           time.Time // when the next waiting call can be made
	PausedUntil    time.Time // when calls go on after the platform answered 429; zero without a 429
}

// UnknownValue is a value from the platform that this service does not know.
type UnknownValue struct {
	Kind      string // one of: status, encoding_type, task_type, retry_hint, message_type, event, error_code, field
	Value     string // as the platform spells it, at most 100 bytes
	FirstTime time.Time
	Count     int64
}

// Webhooks is the state of the deliveries by which the platform tells the service that encodings
// have ended. With them the service learns of an end sooner; it works without them.
type Webhooks struct {
	// Problem is why no deliveries can be expected; empty if they can, or if the service is not
	// configured to register for them.
	Problem string
	// UsedCount counts the deliveries since the process started that made the service check an
	// encoding, IgnoredCount those that were signed and had no effect (repeated, outdated, or
	// not about an encoding), and RejectedCount those that were unsigned or unreadable.
	UsedCount, IgnoredCount, RejectedCount int64
	LastUsedTime                           time.Time // of the latest used delivery; zero if there was none
}

// AccountSettings are the settings of an account that were changed through the API. The zero value
// changes nothing of the configuration.
type AccountSettings struct {
	Paused       bool
	PausedReason string
	PausedSince  time.Time // zero if unknown
	Target       TargetSetting
}

// TargetSetting is how a queue target is set: to a number, or automatically, which excludes a number.
// The zero value sets none.
type TargetSetting struct {
	Number int
	Auto   bool // the dispatcher chooses the target by how fast the queue drains
}

// Pause stops configuring and starting jobs. A repeated pause replaces the reason and keeps
// PausedSince.
func (s *AccountSettings) Pause(reason string, now time.Time) {
	if !s.Paused {
		s.PausedSince = now
	}
	s.Paused, s.PausedReason = true, reason
}

// Resume lets jobs be configured and started again.
func (s *AccountSettings) Resume() { s.Paused, s.PausedReason, s.PausedSince = false, "", time.Time{} }

package job

import "time"

// WaitCode says why a job waits, why a batch does not move, or why an account does
// nothing. The empty code means that nothing waits.
type WaitCode string

// The reasons for waiting.
const (
	WaitTurn          WaitCode = "TURN"           // other jobs go first: Position
	WaitQueueFull     WaitCode = "QUEUE_FULL"     // the queue target is reached: Count of Limit
	WaitPlatformFull  WaitCode = "PLATFORM_FULL"  // the platform said that its queue is full; Until
	WaitPriority      WaitCode = "PRIORITY"       // Count jobs of higher priority go first
	WaitConfiguring   WaitCode = "CONFIGURING"    // its encoding is being configured; Since
	WaitBackoff       WaitCode = "BACKOFF"        // the pause before attempt Attempt; Until
	WaitBatchPaused   WaitCode = "BATCH_PAUSED"   // Text is the reason that was given
	WaitAccountPaused WaitCode = "ACCOUNT_PAUSED" // Text is the reason that was given
	WaitBudget        WaitCode = "BUDGET"         // the calls of class Subject are used up; Until
	WaitBreaker       WaitCode = "BREAKER"        // the platform cannot be used; Since, Until the next probe, Text
	WaitStorage       WaitCode = "STORAGE"        // the batch's storage or recipe cannot be used; Text, Until the next try
	WaitReconciling   WaitCode = "RECONCILING"    // the platform is compared with the job table first; Since
	WaitUnknownStart  WaitCode = "UNKNOWN_START"  // a start was not answered: it is looked up before it is repeated; Until
	WaitUnknownStatus WaitCode = "UNKNOWN_STATUS" // the platform shows a status that nobody knows: Text; Since
	WaitMissing       WaitCode = "MISSING"        // the platform does not show the encoding; Since
	WaitDailyLimit    WaitCode = "DAILY_LIMIT"    // the account has made Count of Limit starts today; Until
	WaitEncoder       WaitCode = "ENCODER"        // queued at the platform, waiting for an encoder; Since
	WaitStop          WaitCode = "STOP"           // cancel was asked for, the platform has not confirmed it; Since
)

// Wait is why something waits: a code, and what the code needs to be told in words.
// Fields that a code does not name are zero.
type Wait struct {
	Code  WaitCode
	Since time.Time // when it began; zero if that is not known
	Until time.Time // when it is tried again, or is over; zero if that is not known
	// Position is how many jobs of the account go first, the job itself included; 0 if
	// that is not known. Within 5 % of the truth.
	Position int64
	// Earliest is when the job may begin at the earliest; zero if that is not known.
	Earliest     time.Time
	Count, Limit int64
	Attempt      int    // the number of the attempt that is waited for
	Subject      string // the storage, the class of calls or whatever else the code is about
	Text         string // the words of the platform, or of whoever paused it; at most 1 KiB
}

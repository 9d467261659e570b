package job

import "time"

// Submission is a batch with its jobs, as it is stored in one transaction.
type Submission struct {
	Batch Batch
	Jobs  []Spec
	// RequestID, if any, makes a repeat return the first answer. PayloadHash
	// tells a repeat from another submission under the same id.
	RequestID   string
	PayloadHash []byte
}

// BatchFilter selects batches, the newest first. Empty fields select all.
type BatchFilter struct {
	States    []BatchState
	Labels    map[string]string // all of them
	AccountID string
	BeforeSeq int64 // only batches submitted before this one; 0: from the newest
	Limit     int
}

// Filter selects jobs of one batch, in submission order. Empty fields select all.
type Filter struct {
	BatchID      string
	States       []State
	Keys         []string
	FailureKinds []FailureKind
	Categories   []string // of the failure
	AfterNumber  int64    // only jobs with a higher number
	Limit        int      // 0: no limit
}

// Change says what a commit changed, so that those who wait for it can be
// woken. It is a hint: whoever is woken reads the job table.
type Change struct {
	BatchID   string // empty: it is about the account itself
	AccountID string
	// EncodingID is an encoding of the account that is worth a look at the platform; usually
	// empty.
	EncodingID string
	// Dispatch is set if somebody other than the dispatcher may have changed what
	// there is to do: a submission, a cancellation, a retry, a pause, a new priority.
	Dispatch bool
}

// Orphan is an encoding that was never started and that no job needs. It is to
// be deleted at the platform.
type Orphan struct {
	AccountID  string
	EncodingID string
	CreateTime time.Time
}

// Selection chooses jobs of one batch for a change of many at once. Empty fields
// choose all.
type Selection struct {
	BatchID   string
	States    []State // at least one
	KeyPrefix string
	// What follows is about the latest attempt that failed.
	FailureKinds []FailureKind
	Categories   []string
	Causes       []string // as [Cause.Key] has them
}

// Cause is what a number of jobs of a batch failed of.
type Cause struct {
	// Key tells causes of a batch apart: kind, codes, category and text of the
	// failure, without what is the job's own in it (its paths and its encoding).
	Key     string
	Count   int64   // of jobs that are FAILED
	First   ID      // the first of them
	Failure Failure // of that one
}

// Run is how long a job's encoding runs or ran, for those who tell how long others will.
type Run struct {
	Number   int64 // of the job
	Began    time.Time
	Ended    time.Time // zero while it runs
	Progress int       // in percent, as of Seen
	Seen     time.Time // when the job last changed
}

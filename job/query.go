package job

import "time"

// Submission is a batch with its jobs, as it is stored in one transaction.
type Submission struct {
	Batch Batch
	Jobs  []Spec
	// RequestID, if not empty, makes a repeated submission return the batch of the first.
	// PayloadHash distinguishes a repeat from another submission with the same RequestID.
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

// Filter selects jobs of one batch, in the order of submission. Empty fields select all.
type Filter struct {
	BatchID      string
	States       []State
	Keys         []string
	FailureKinds []FailureKind
	Categories   []string // of the failure
	AfterNumber  int64    // only jobs with a higher number
	Limit        int      // 0: no limit
}

// Change says what a commit changed, to wake those who wait for it. It is a hint: what changed is
// read from the job table.
type Change struct {
	BatchID   string // empty: the account itself changed
	AccountID string
	// EncodingID is an encoding of the account whose status should be read at the platform soon;
	// usually empty.
	EncodingID string
	// Dispatch is set if the change may give the dispatcher work and was not made by it: a
	// submission, a cancellation, a retry, a pause, a new priority.
	Dispatch bool
}

// Orphan is an encoding that was never started and that no job needs. It has to be deleted at the
// platform.
type Orphan struct {
	AccountID  string
	EncodingID string
	CreateTime time.Time
}

// Selection selects jobs of one batch that are changed together. Empty fields select all.
type Selection struct {
	BatchID   string
	States    []State // at least one
	KeyPrefix string
	// The following fields are about the latest attempt that failed.
	FailureKinds []FailureKind
	Categories   []string
	Causes       []string // as [Cause.Key] has them
}

// Cause is a cause of failures in a batch.
type Cause struct {
	// Key identifies the cause: kind, codes, category and text of the failure, without the paths
	// and the encoding of the job.
	Key     string
	Count   int64   // FAILED jobs with this cause
	First   ID      // the first of these jobs
	Failure Failure // the failure of that job
}

// Run says how long the encoding of a job has run. The estimate of other jobs is made from it.
type Run struct {
	Number   int64 // of the job
	Began    time.Time
	Ended    time.Time // zero while it runs
	Progress int       // in percent, as of Seen
	Seen     time.Time // when the job last changed
}

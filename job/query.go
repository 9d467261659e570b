package job

import "time"

// Submission is a batch with its jobs, as it is stored in one transaction.
type Submission struct {
	Batch Batch
	Jobs  []Spec
	// RequestID identifies the submission among those of Batch.CreatedBy: a second one with the same
	// RequestID returns the batch of the first. Empty: every submission makes a batch. PayloadHash
	// distinguishes a repeat from another submission with the same RequestID.
	RequestID   string
	PayloadHash []byte
}

// RequestKey names a submission by its request id.
type RequestKey struct {
	CreatedBy string // who submits
	AccountID string
	ID        string // the request id
	// PayloadHash distinguishes a repeat from another submission with the same id.
	PayloadHash []byte
}

// BatchFilter selects batches, the newest first. Empty fields select all.
type BatchFilter struct {
	States   []BatchState
	Labels   map[string]string // a batch has to have all of them
	Accounts []string          // a batch has to be of one of them
	// Text has to occur in the display name. Upper and lower case are the same.
	Text        string
	DisplayName string // the whole display name
	IDPrefix    string // the id begins with this
	CreatedBy   string // the name of who submitted the batch
	BeforeSeq   int64  // only batches with a lower sequence number; 0: all
	Limit       int
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

// Change is a wakeup: it says which batch or account a commit has changed. The change itself is read
// from the job table.
type Change struct {
	BatchID   string `json:",omitempty"` // empty: the account itself changed
	AccountID string `json:",omitempty"` // empty, with Everything: all accounts
	// Everything is set if nobody knows what has changed: wakeups may have been lost. BatchID is empty then.
	Everything bool `json:",omitempty"`
	// EncodingID is an encoding of the account whose status should be read at the platform soon;
	// usually empty.
	EncodingID string `json:",omitempty"`
	// Dispatch is set if the change may give the dispatcher work and the dispatcher did not make
	// it: a submission, a cancellation, a retry, a pause, a new priority.
	Dispatch bool `json:",omitempty"`
	// Starts is how many starts of jobs of the batch the platform has accepted, and Ends how many of
	// its encodings have ended.
	Starts int `json:",omitempty"`
	Ends   int `json:",omitempty"`
	// Numbers are the jobs of the batch that were cancelled or retried on request. Their order
	// means nothing.
	Numbers []int64 `json:",omitempty"`
}

// Orphan is an encoding that was never started and that no job needs. It has to be deleted at the
// platform.
type Orphan struct {
	AccountID  string
	EncodingID string
	CreateTime time.Time
}

// Selection selects jobs of one batch that are changed together. Empty fields other than BatchID and
// States select all.
type Selection struct {
	BatchID   string
	States    []State // at least one
	KeyPrefix string
	Text      string // as of [Search]
	// The following fields select by the failure of the latest attempt that failed.
	FailureKinds []FailureKind
	Categories   []string
	Causes       []string // values of [Failure.Cause]
}

// Run says how long the encoding of a job has run. The lengths of other jobs are estimated from it.
type Run struct {
	Number   int64 // of the job
	Began    time.Time
	Ended    time.Time // zero while it runs
	Progress int       // percent, at the time Seen
	Seen     time.Time // when the job last changed
}

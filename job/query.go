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

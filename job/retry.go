package job

import (
	"cmp"
	"time"
)

// RetryPolicy says how often and how soon a failed job is retried.
type RetryPolicy struct {
	// MaxRetries is how many attempts may follow the first: 2 allows three attempts in all, 0 no
	// retry. The server sets [DefaultMaxRetries] in a submission that names no number.
	MaxRetries int `json:"max_retries"`
	// InitialBackoff is the longest back-off after the first failure. It doubles with each
	// further failure. Default 10 s.
	InitialBackoff time.Duration `json:"initial_backoff,omitzero"`
	// MaxBackoff is the longest back-off after any failure. Default 10 min.
	MaxBackoff time.Duration `json:"max_backoff,omitzero"`
	// RetryTransferErrors also retries jobs that were encoded, and paid, but whose output could
	// not be written.
	RetryTransferErrors bool `json:"retry_transfer_errors,omitzero"`
}

// MaxRetryLimit is the largest MaxRetries of a [RetryPolicy].
const MaxRetryLimit = 100

// The defaults of a [RetryPolicy].
const (
	DefaultMaxRetries     = 2
	DefaultInitialBackoff = 10 * time.Second
	DefaultMaxBackoff     = 10 * time.Minute
)

// LongestBackoff is the longest that a policy may have.
const LongestBackoff = 24 * time.Hour

// IsBackingOff reports whether the job waits out a back-off. One that ends later than any back-off can was begun while
// the machine's clock was wrong, and is over.
func (j *Job) IsBackingOff(now time.Time) bool {
	return j.NextAttemptTime.After(now) && !j.NextAttemptTime.After(now.Add(LongestBackoff))
}

// Backoff is the back-off after the given number of failures; 1 is the first. It is between half and
// all of the longest back-off: jitter, in [0, 1), says where, so that jobs that failed together are
// not retried together.
func (p RetryPolicy) Backoff(failures int, jitter float64) time.Duration {
	wait := cmp.Or(p.InitialBackoff, DefaultInitialBackoff)
	limit := cmp.Or(p.MaxBackoff, DefaultMaxBackoff)
	for range failures - 1 {
		if wait >= limit {
			break
		}
		wait *= 2
	}
	wait = min(wait, limit)
	return wait/2 + time.Duration(jitter*float64(wait/2))
}

// allows reports whether a job that failed with f may be retried. failures counts its failures, this
// one included.
func (p RetryPolicy) allows(f *Failure, failures int) bool {
	if f.Permanent || failures > p.MaxRetries {
		return false
	}
	return f.Kind != FailedTransfer || p.RetryTransferErrors
}

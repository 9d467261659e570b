package job

import (
	"cmp"
	"time"
)

// RetryPolicy says how often and how soon a failed job is tried again.
type RetryPolicy struct {
	// MaxRetries is how many attempts may follow the first. 2 allows three attempts in all, and 0
	// no retries. The default is applied at submission, not here.
	MaxRetries int `json:"max_retries"`
	// InitialBackoff is the wait after the first failure. It doubles with each further failure.
	// Default 10 s.
	InitialBackoff time.Duration `json:"initial_backoff,omitzero"`
	// MaxBackoff is the longest wait. Default 10 min.
	MaxBackoff time.Duration `json:"max_backoff,omitzero"`
	// RetryTransferErrors also retries attempts that were encoded, and paid, but whose output
	// could not be written.
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

// Backoff is how long to wait after the given number of failures; 1 is the first. jitter in [0, 1)
// spreads the waits over the upper half of the interval, so that jobs that failed together are not
// tried again together.
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

// allows reports whether a job with this failure may be tried again. failures counts its failures,
// this one included.
func (p RetryPolicy) allows(f *Failure, failures int) bool {
	if f.Permanent || failures > p.MaxRetries {
		return false
	}
	return f.Kind != FailedTransfer || p.RetryTransferErrors
}

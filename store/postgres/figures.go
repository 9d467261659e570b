package postgres

import (
	"sync/atomic"
	"time"
)

// figures are what a process tells of its terms and transactions.
type figures struct {
	deposedWrites atomic.Int64
	// unknownCommits are transactions of which nobody knows whether they were committed.
	unknownCommits atomic.Int64
	takeovers     atomic.Int64
	renewals      atomic.Int64
	renewalTime   atomic.Int64 // of all renewals, in nanoseconds
}

func (f *figures) noteGained(l *lease) { f.takeovers.Add(int64(len(l.names))) }

func (f *figures) noteRenewal(took time.Duration) {
	f.renewals.Add(1)
	f.renewalTime.Add(int64(took))
}

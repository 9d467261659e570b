package store

import (
	"time"

	"github.com/stokerd/stoker/job"
)

// Commit tells of one transaction what metrics and the log need to know.
type Commit struct {
	Writes   int // how many shared the transaction
	Duration time.Duration
	// Err is why nothing was written; nil after a commit.
	Err error
	// Wrote is false for a commit that has written no rows, which any disk takes.
	Wrote bool
	// Jobs are the changes of jobs, in the order in which they were made, and Batches what followed from
	// them for batches. Both are empty after an error.
	Jobs    []job.StateChange
	Batches []job.BatchStateChange
	// Submitted is how many jobs were added, by account.
	Submitted map[string]int64
}

// noteStateChange notes how the state of a job has changed.
func (u *unit) noteStateChange(h *batchHeader, before *job.Job, update *job.Update, now time.Time) {
	if m, moved := job.StateChangeOf(h.AccountID, before, update, now); moved && u.observed {
		u.stateChanges = append(u.stateChanges, m)
	}
}

// noteBatchChange notes that the state of a batch followed its jobs.
func (u *unit) noteBatchChange(h *batchHeader) {
	if u.observed {
		u.batchChanges = append(u.batchChanges, job.BatchStateChange{
			ID: h.ID, AccountID: h.AccountID, Number: h.Seq, State: h.State, Reason: h.StateReason, Counts: h.Counts,
		})
	}
}

// noteSubmitted notes that jobs were added to a batch of an account.
func (u *unit) noteSubmitted(accountID string, n int) {
	if u.observed && n > 0 {
		if u.submitted == nil {
			u.submitted = map[string]int64{}
		}
		u.submitted[accountID] += int64(n)
	}
}

// tell tells of a transaction: the statuses of accounts, if it shows that the table cannot be written or can be again,
// and the observer, if there is one.
func (w *writer) tell(group []*op, begin time.Time, u *unit, err error) {
	if says := err != nil || u.wrote; says && w.shared == nil && w.noteTransaction(err) {
		w.hear([]job.Change{{Everything: true, Dispatch: true}})
	}
	if w.onCommit == nil {
		return
	}
	c := Commit{Writes: len(group), Duration: time.Since(begin), Err: err, Wrote: err == nil && u.wrote}
	if err == nil {
		c.Jobs, c.Batches, c.Submitted = u.stateChanges, u.batchChanges, u.submitted
	}
	w.onCommit(c)
}

package job

import "time"

// StateChange is one change of a job's state, as metrics count it.
type StateChange struct {
	AccountID string
	From, To  State
	// Spent is how long the job was in From; less than 0 if that is not known. Of WAITING only the time
	// before the first start is known.
	Spent time.Duration
	// Failure is the kind of the failure that ended an attempt; empty if no failure did.
	Failure FailureKind
}

// unknownSpan is the time spent in a state if it is not known.
const unknownSpan time.Duration = -1

// StateChangeOf describes what an update has made of a job; false if the job is in the same state, and no attempt
// has failed.
func StateChangeOf(accountID string, before *Job, u *Update, now time.Time) (StateChange, bool) {
	after := &u.Job
	m := StateChange{AccountID: accountID, From: before.State, To: after.State, Spent: unknownSpan}
	if u.Ended != nil && u.Ended.State == Failed && u.Ended.Failure != nil {
		m.Failure = u.Ended.Failure.Kind
	}
	if m.From == m.To {
		return m, m.Failure != ""
	}
	if since := before.stateSince(after); !since.IsZero() {
		m.Spent = max(now.Sub(since), 0)
	}
	return m, true
}

// stateSince is when a job that leaves its state has entered it; zero if that is not known.
func (j *Job) stateSince(after *Job) time.Time {
	switch j.State {
	case Waiting:
		if after.State == Starting && after.Attempt == 1 {
			return j.CreateTime
		}
	case Starting:
		if j.Step == StepStart {
			return j.StepTime
		}
	case Queued:
		return j.StartTime
	case Running:
		return j.RunningTime
	case Cancelling:
		if j.Step == StepStop {
			return j.StepTime
		}
		return j.UpdateTime
	}
	return time.Time{}
}

// BatchStateChange is a change of a batch's state that followed from its jobs.
type BatchStateChange struct {
	ID, AccountID string
	Number        int64
	State         BatchState
	Reason        string // of a pause
	Counts        Counts
}

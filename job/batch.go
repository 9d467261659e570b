package job

import (
	"fmt"
	"time"
)

// BatchState is the state of a batch. The zero value is invalid.
type BatchState string

// The states of a batch.
const (
	BatchOpen       BatchState = "OPEN"       // jobs may still be added; the jobs that are there are worked on
	BatchActive     BatchState = "ACTIVE"     // no jobs can be added any more; the jobs are worked on
	BatchPaused     BatchState = "PAUSED"     // no job is started; jobs at the platform go on
	BatchCancelling BatchState = "CANCELLING" // cancelling was requested and is not confirmed for every job
	BatchSucceeded  BatchState = "SUCCEEDED"  // the jobs succeeded; some may have been cancelled one by one
	BatchFailed     BatchState = "FAILED"     // at least one job failed
	BatchCancelled  BatchState = "CANCELLED"  // the batch was cancelled
)

// BatchStates lists every state, in the order in which a batch goes through them.
func BatchStates() []BatchState {
	return []BatchState{BatchOpen, BatchActive, BatchPaused, BatchCancelling, BatchSucceeded, BatchFailed, BatchCancelled}
}

// Terminal reports whether every job of the batch has ended.
func (s BatchState) Terminal() bool {
	return s == BatchSucceeded || s == BatchFailed || s == BatchCancelled
}

// Dispatches reports whether jobs of a batch in s may be started.
func (s BatchState) Dispatches() bool { return s == BatchOpen || s == BatchActive }

// StorageRef names the storage that a batch reads from or writes to: a storage of the server's
// configuration, or an input or output that exists at the platform.
type StorageRef struct {
	Name string `json:"name,omitzero"` // of a configured storage
	ID   string `json:"id,omitzero"`   // of an existing input or output
}

// FailureLimit pauses a batch in which too many jobs fail. The zero value never does.
type FailureLimit struct {
	// Count is how many failed jobs are too many; 0: no limit.
	Count int64 `json:"count,omitzero"`
	// Percent is the percentage of the finished jobs that may have failed; 0: no limit. It
	// applies once MinFinished jobs have finished.
	Percent int `json:"percent,omitzero"`
	// MinFinished is how many jobs have to be finished before Percent applies. Default 20.
	MinFinished int64 `json:"min_finished,omitzero"`
}

// DefaultMinFinished is the default of [FailureLimit.MinFinished].
const DefaultMinFinished = 20

// Batch is a list of jobs that were submitted together. They share one recipe, account, priority and
// retry policy.
type Batch struct {
	ID          string // UUIDv7
	Seq         int64  // sequence number in the order of submission; set by the job table
	DisplayName string
	AccountID   string
	Priority    int // 0 to 100; higher goes first

	State       BatchState
	StateReason string    // why it is paused or was cancelled
	StateTime   time.Time // since when the batch is in State; zero if unknown

	Profile  string  // name of the profile that the recipe is from; empty for a recipe that came with the submission
	Recipe   *Recipe // the recipe as it was at submission; nil for a template
	Template *Template
	Input    StorageRef
	Output   StorageRef

	Retry        RetryPolicy
	FailureLimit FailureLimit
	// FailuresForgiven is how many failed jobs the failure limit no longer counts, because the
	// batch was resumed after it had paused itself, or jobs were retried after it had ended.
	FailuresForgiven int64
	Labels           map[string]string
	// SkipSucceeded leaves out jobs that have succeeded in an earlier batch: with the same key,
	// paths and variables, in a batch of the same account with the same recipe or template and
	// the same storages.
	SkipSucceeded bool
	// DistinctBy says how it is ensured that no two jobs write to the same place.
	DistinctBy Distinction

	Counts   Counts
	Revision int64 // grows with every visible change of the batch or one of its jobs
	Open     bool  // jobs may still be added, also while the batch is paused
	Skipped  int64 // jobs that were left out because of SkipSucceeded; Counts does not include them

	CreateTime time.Time
	UpdateTime time.Time
	StartTime  time.Time // of the first accepted start; zero before
	FinishTime time.Time // when it became terminal
}

// Template is a Bitmovin encoding template with Stoker's job variables.
type Template struct {
	Name string `json:"name,omitzero"` // of a configured template; empty for an inline one
	Text string `json:"text"`
	// FallbackRegions are used in order for RETRY_IN_DIFFERENT_REGION, at most 3. The
	// region of the first attempt is the template's own.
	FallbackRegions []string `json:"fallback_regions,omitempty"`
}

// Distinction says how it is ensured that no two jobs of a batch write to the same place.
type Distinction int

// The ways to distinguish jobs.
const (
	ByOutputPath Distinction = iota // no two jobs have the same output path
	ByTemplate                      // the template writes to places that differ by something else
	ByNothing                       // the template always writes to the same place: only one job is allowed
)

// Counts is how many jobs of a batch are in each state.
type Counts struct {
	Waiting, Starting, Queued, Running, Succeeded, Failed, Cancelling, Cancelled int64
}

// Of returns a pointer to the count of s; nil for an invalid state.
func (c *Counts) Of(s State) *int64 {
	switch s {
	case Waiting:
		return &c.Waiting
	case Starting:
		return &c.Starting
	case Queued:
		return &c.Queued
	case Running:
		return &c.Running
	case Succeeded:
		return &c.Succeeded
	case Failed:
		return &c.Failed
	case Cancelling:
		return &c.Cancelling
	case Cancelled:
		return &c.Cancelled
	}
	return nil
}

// Move counts a job that moves from one state to another. An empty state stands for a job that is
// added or removed.
func (c *Counts) Move(from, to State) {
	if n := c.Of(from); n != nil {
		*n--
	}
	if n := c.Of(to); n != nil {
		*n++
	}
}

// Total is how many jobs there are.
func (c Counts) Total() int64 { return c.Live() + c.Finished() }

// Live is how many jobs have not ended.
func (c Counts) Live() int64 {
	return c.Waiting + c.Starting + c.Queued + c.Running + c.Cancelling
}

// Finished is how many jobs have ended.
func (c Counts) Finished() int64 { return c.Succeeded + c.Failed + c.Cancelled }

// InFlight is how many jobs are at the platform or are being started.
func (c Counts) InFlight() int64 { return c.Starting + c.Queued + c.Running + c.Cancelling }

// Derive derives the state of the batch from the counts of its jobs: it ends the batch when the last
// job has ended, makes it active again when a job is retried, and pauses it when too many jobs fail.
// It reports whether the state changed.
func (b *Batch) Derive(now time.Time) bool {
	before := b.State
	b.FailuresForgiven = min(b.FailuresForgiven, b.Counts.Failed) // a retried job counts again when it fails again
	switch {
	case b.State.Terminal() && b.Counts.Live() > 0:
		b.State, b.StateReason, b.FinishTime = BatchActive, "", time.Time{}
		b.FailuresForgiven = b.Counts.Failed // the caller of the retry knows of these failures
	case !b.State.Terminal() && !b.Open && b.Counts.Live() == 0:
		b.finish(now)
	case b.State.Dispatches():
		if why := b.FailureLimit.exceeded(b.Counts, b.FailuresForgiven); why != "" {
			b.State, b.StateReason = BatchPaused, why
		}
	}
	if b.State == before {
		return false
	}
	b.StateTime = now
	return true
}

func (b *Batch) finish(now time.Time) {
	switch {
	case b.State == BatchCancelling && (b.Counts.Cancelled > 0 || b.Counts.Total() == 0):
		b.State = BatchCancelled
	case b.Counts.Failed > 0:
		b.State, b.StateReason = BatchFailed, ""
	case b.Counts.Cancelled > 0 && b.Counts.Succeeded == 0:
		b.State = BatchCancelled
	default:
		b.State, b.StateReason = BatchSucceeded, ""
	}
	b.FinishTime = now
}

func (l FailureLimit) exceeded(c Counts, forgiven int64) string {
	failed := c.Failed - forgiven
	if l.Count > 0 && failed >= l.Count {
		return fmt.Sprintf("%d jobs failed, the failure limit is %d", c.Failed, l.Count)
	}
	enough := int64(DefaultMinFinished)
	if l.MinFinished > 0 {
		enough = l.MinFinished
	}
	finished := c.Finished() - forgiven
	if l.Percent > 0 && finished >= enough && failed*100 > int64(l.Percent)*finished {
		return fmt.Sprintf("%d of %d finished jobs failed, the failure limit is %d %%", c.Failed, c.Finished(), l.Percent)
	}
	return ""
}

// Pause stops starting jobs. Jobs at the platform go on.
func (b *Batch) Pause(reason string) error {
	switch b.State {
	case BatchPaused:
		return nil
	case BatchOpen, BatchActive:
		b.State, b.StateReason = BatchPaused, Shorten(reason, MaxReason)
		return nil
	}
	return b.wrongState("only an OPEN or ACTIVE batch can be paused")
}

// Resume lets jobs be started again. Failures so far no longer count towards the failure limit.
func (b *Batch) Resume() error {
	switch b.State {
	case BatchOpen, BatchActive:
		return nil
	case BatchPaused:
		b.State, b.StateReason = BatchActive, ""
		if b.Open {
			b.State = BatchOpen
		}
		b.FailuresForgiven = b.Counts.Failed
		return nil
	}
	return b.wrongState("only a PAUSED batch can be resumed")
}

// Cancel requests the end of every job. The jobs follow one by one.
func (b *Batch) Cancel(reason string) error {
	switch b.State {
	case BatchCancelling, BatchCancelled:
		return nil
	case BatchOpen, BatchActive, BatchPaused:
		b.State, b.StateReason, b.Open = BatchCancelling, Shorten(reason, MaxReason), false
		return nil
	}
	return b.wrongState("it has ended and cannot be cancelled")
}

// Close lets no more jobs be added.
func (b *Batch) Close() error {
	if b.State.Terminal() || !b.Open {
		return nil
	}
	b.Open = false
	if b.State == BatchOpen {
		b.State = BatchActive
	}
	return nil
}

func (b *Batch) wrongState(problem string) error {
	return &StateError{Resource: "batch", ID: b.ID, State: string(b.State), Problem: problem}
}

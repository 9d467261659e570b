package job

import (
	"fmt"
	"time"
)

// BatchState is the state of a batch. The zero value is invalid.
type BatchState string

// The states of a batch.
const (
	BatchOpen       BatchState = "OPEN"       // jobs are started, and may still be added
	BatchActive     BatchState = "ACTIVE"     // jobs are started, and none can be added any more
	BatchPaused     BatchState = "PAUSED"     // no job is started; jobs at the platform go on
	BatchCancelling BatchState = "CANCELLING" // cancelling was requested, and some job has not ended yet
	BatchSucceeded  BatchState = "SUCCEEDED"  // no job failed, and at least one succeeded or there are no jobs
	BatchFailed     BatchState = "FAILED"     // at least one job failed; if the batch was cancelled, too late for every job
	BatchCancelled  BatchState = "CANCELLED"  // the batch was cancelled, or all of its jobs were
)

// BatchStates lists every state, in the order in which a batch goes through them.
func BatchStates() []BatchState {
	return []BatchState{BatchOpen, BatchActive, BatchPaused, BatchCancelling, BatchSucceeded, BatchFailed, BatchCancelled}
}

// Terminal reports whether every job of the batch has ended.
func (s BatchState) Terminal() bool {
	return s == BatchSucceeded || s == BatchFailed || s == BatchCancelled
}

// Dispatches reports whether jobs of a batch in state s may be started.
func (s BatchState) Dispatches() bool { return s == BatchOpen || s == BatchActive }

// StorageRef names the storage that a batch reads from or writes to: a storage of the server's
// configuration, or an input or output that exists at the platform.
type StorageRef struct {
	Name string `json:"name,omitzero"` // of a configured storage
	ID   string `json:"id,omitzero"`   // of an existing input or output
}

// FailureLimit pauses a batch in which too many jobs fail. The zero value never pauses a batch.
// Failures that [Batch.FailuresForgiven] counts do not count here.
type FailureLimit struct {
	// Count is the number of failed jobs that pauses the batch; 0: no limit.
	Count int64 `json:"count,omitzero"`
	// Percent is the highest percentage of failed jobs among the finished ones that does not
	// pause the batch; 0: no limit.
	Percent int `json:"percent,omitzero"`
	// MinFinished is how many jobs have to be finished before Percent applies. Default 20.
	MinFinished int64 `json:"min_finished,omitzero"`
}

// DefaultMinFinished is the default of [FailureLimit.MinFinished].
const DefaultMinFinished = 20

// Batch is a list of jobs that were submitted together. They share one recipe or template, account,
// priority and retry policy.
type Batch struct {
	ID          string // UUIDv7
	Seq         int64  // sequence number in the order of submission, never given twice: people call it the number of the batch; set by the job table
	DisplayName string
	CreatedBy   string // the name of who submitted the batch
	// CallID is the id of the call that submitted the batch, and TraceParent its trace, as W3C Trace Context
	// spells it. They are empty if unknown, and nothing depends on them.
	CallID, TraceParent string
	AccountID           string
	Priority            int // 0 to 100; higher goes first

	State       BatchState
	StateReason string    // why the batch is paused or was cancelled
	StateTime   time.Time // since when the batch has been in State, or was resumed last; zero if unknown

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
	// DistinctBy says by what the jobs write to different places.
	DistinctBy Distinction

	Counts   Counts
	Revision int64 // grows with every visible change of the batch or one of its jobs
	Open     bool  // jobs may still be added, also while the batch is paused
	Skipped  int64 // jobs that were left out because of SkipSucceeded; Counts does not include them

	CreateTime time.Time
	UpdateTime time.Time
	StartTime  time.Time // of the first accepted start; zero before
	FinishTime time.Time // when the batch ended; zero before
}

// Template is a Bitmovin encoding template with Stoker's job variables.
type Template struct {
	Name string `json:"name,omitzero"` // of a configured template; empty for an inline one
	Text string `json:"text"`
	// FallbackRegions are the regions, at most 3, that a job moves to one after the other when
	// the platform advises RETRY_IN_DIFFERENT_REGION. The first region is in Text.
	FallbackRegions []string `json:"fallback_regions,omitempty"`
	// AllowUnknown lets the template have keys and values that Stoker does not know, with a
	// warning: the platform's lists grow.
	AllowUnknown bool `json:"allow_unknown,omitempty"`
	// Variables declares variables of the template, by name. A variable that is used and not
	// declared is a required one.
	Variables map[string]TemplateVariable `json:"variables,omitempty"`
}

// TemplateVariable declares a variable that the jobs of a template define.
type TemplateVariable struct {
	Type        VariableType `json:"type"`
	Required    bool         `json:"required,omitempty"`    // a job has to define it; excludes Default
	Default     *string      `json:"default,omitempty"`     // the value for jobs that do not define it; nil: empty text
	Description string       `json:"description,omitempty"` // for people
}

// VariableType says which values a variable of a template can have.
type VariableType string

// The types of variables.
const (
	TextVariable   VariableType = "text"
	NumberVariable VariableType = "number" // as in JSON
	BoolVariable   VariableType = "bool"   // true or false
)

// VariableTypes lists the types of variables.
func VariableTypes() []VariableType {
	return []VariableType{TextVariable, NumberVariable, BoolVariable}
}

// Distinction says by what the jobs of a batch write to different places.
type Distinction int

// The ways to distinguish jobs.
const (
	ByOutputPath Distinction = iota // by the output path: no two jobs may have the same
	ByTemplate                      // by other variables of the template, which are not compared
	ByNothing                       // by nothing, so that the batch may have one job only
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

// Add adds other counts.
func (c *Counts) Add(o Counts) {
	for _, s := range States() {
		*c.Of(s) += *o.Of(s)
	}
}

// In returns the counts of jobs in some states, without the others.
func (c Counts) In(states []State) Counts {
	var in Counts
	for _, s := range states {
		*in.Of(s) = *c.Of(s)
	}
	return in
}

// Total is how many jobs there are.
func (c Counts) Total() int64 { return c.Unfinished() + c.Finished() }

// Unfinished is how many jobs have not ended.
func (c Counts) Unfinished() int64 {
	return c.Waiting + c.Starting + c.Queued + c.Running + c.Cancelling
}

// Finished is how many jobs have ended.
func (c Counts) Finished() int64 { return c.Succeeded + c.Failed + c.Cancelled }

// InFlight is how many jobs are at the platform or are being started.
func (c Counts) InFlight() int64 { return c.Starting + c.Queued + c.Running + c.Cancelling }

// Derive derives the state of the batch from the counts of its jobs. The batch ends when its last job
// has ended, unless it is Open. It becomes ACTIVE again when a job is retried, and is paused when too
// many jobs fail. Derive reports whether the state changed.
func (b *Batch) Derive(now time.Time) bool {
	before := b.State
	b.FailuresForgiven = min(b.FailuresForgiven, b.Counts.Failed) // a retried job counts again when it fails again
	switch {
	case b.State.Terminal() && b.Counts.Unfinished() > 0:
		b.State, b.StateReason, b.FinishTime = BatchActive, "", time.Time{}
		b.FailuresForgiven = b.Counts.Failed // whoever retried a job knows of these failures
	case !b.State.Terminal() && !b.Open && b.Counts.Unfinished() == 0:
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

// finish moves the batch to its final state.
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

// exceeded returns why a batch with these counts is to be paused; empty if it is not.
func (l FailureLimit) exceeded(c Counts, forgiven int64) string {
	failed := c.Failed - forgiven
	if l.Count > 0 && failed >= l.Count {
		return fmt.Sprintf("failure limit of %d reached", l.Count)
	}
	enough := int64(DefaultMinFinished)
	if l.MinFinished > 0 {
		enough = l.MinFinished
	}
	finished := c.Finished() - forgiven
	if l.Percent > 0 && finished >= enough && failed*100 > int64(l.Percent)*finished {
		return fmt.Sprintf("failure limit of %d %% reached: %d of %d finished jobs failed", l.Percent, c.Failed, c.Finished())
	}
	return ""
}

// Pause stops starting jobs. Jobs at the platform go on. A paused batch keeps its reason. The error
// for a batch that is cancelled or has ended is a [*StateError].
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

// Resume lets jobs be started again. Failures so far no longer count towards the failure limit of a
// batch that was paused. A batch that was not is tried again at once, if it waits after a failure. The
// error for a batch that is cancelled or has ended is a [*StateError].
func (b *Batch) Resume(now time.Time) error {
	switch b.State {
	case BatchOpen, BatchActive:
		b.StateTime = now
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

// Cancel moves the batch to CANCELLING, where no job is started or added. The caller then cancels its
// jobs one by one. A cancelled batch keeps its reason. The error for a batch that has SUCCEEDED or
// FAILED is a [*StateError].
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

// Close stops adding jobs. A batch that is closed or has ended does not change. The error is always
// nil.
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
	return &StateError{Resource: "batch", ID: b.ID, BatchNumber: b.Seq, State: string(b.State), Problem: problem}
}

package job

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ID identifies a job by its batch and its number there, from 1 in the order of submission. It is
// written "<batch id>/<number>".
type ID struct {
	Batch  string
	Number int64
}

func (id ID) String() string { return id.Batch + "/" + strconv.FormatInt(id.Number, 10) }

// ParseID reads what [ID.String] writes.
func ParseID(s string) (ID, error) {
	batch, number, found := strings.Cut(s, "/")
	n, err := strconv.ParseInt(number, 10, 64)
	if !found || batch == "" || err != nil || n < 1 {
		return ID{}, fmt.Errorf("job id %q: want <batch id>/<number>, for example 0192f0c1-…/1", s)
	}
	return ID{Batch: batch, Number: n}, nil
}

// Spec is what a caller submits for one asset.
type Spec struct {
	Key        string            // optional, chosen by the caller, unique in its batch
	Name       string            // optional, shown to people
	InputPath  string            // path of the asset on the batch's input storage
	OutputPath string            // directory on the batch's output storage, below the storage's base path
	Variables  map[string]string // values for the variables of an encoding template
}

// Title is a title for people: the job's name, else its key, else the last element of its input
// path.
func (s Spec) Title() string {
	switch {
	case s.Name != "":
		return s.Name
	case s.Key != "":
		return s.Key
	}
	return s.InputPath[strings.LastIndexByte(s.InputPath, '/')+1:]
}

// Step is a side effect at the platform whose intent is recorded and whose result is not recorded
// yet. After a crash, the dispatcher looks at the platform before it repeats an unfinished step.
type Step string

// The steps of a job.
const (
	StepNone   Step = ""
	StepCreate Step = "CREATE" // creating and configuring the encoding
	StepStart  Step = "START"  // starting it
	StepStop   Step = "STOP"   // stopping it
)

// Job is one asset to encode.
type Job struct {
	ID ID
	Spec

	State   State
	Version int64 // grows with every change of this job; serves as optimistic lock and as sequence number of events
	// Revision is the revision of the batch after the latest change of this job.
	Revision int64

	Step     Step
	StepTime time.Time // when Step was recorded, or when its call ended without an answer

	// Attempt is the number of the current or latest attempt; 0 before the first.
	Attempt int
	// Failures counts the failed attempts that used up retries, since the job was submitted or
	// retried through the API.
	Failures int

	// EncodingID is set once the encoding is completely configured at the platform or, for a
	// template, accepted by it.
	EncodingID string
	// Manifests were configured with the encoding and are attached at each start.
	Manifests []ManifestRef
	// FallbackRegionIndex is how often a retry has moved on to the next fallback region.
	FallbackRegionIndex int
	// StaleMark is the [Observation.Mark] of the previous run of the same encoding. Observations
	// with this mark are about that run and are ignored.
	StaleMark string

	Progress int // percent of the current attempt
	// PlatformStatus is the status of the encoding as the platform spells it, while this service
	// does not know that status; empty otherwise. The job keeps its state meanwhile.
	// PlatformStatusTime is since when the encoding has had it.
	PlatformStatus     string
	PlatformStatusTime time.Time

	NextAttemptTime time.Time // a WAITING job is not started before; zero: at once
	CreateTime      time.Time
	UpdateTime      time.Time
	StartTime       time.Time // when the current or latest attempt was accepted
	QueuedTime      time.Time // when the platform queued the current or latest attempt
	RunningTime     time.Time // when an encoder took it
	FinishTime      time.Time // when the job became terminal

	Failure *Failure // of the latest attempt that failed
	Reason  string   // why it was cancelled, or is waiting, in words
}

// Prepared reports whether the start call is all that a start of the job needs.
func (j *Job) Prepared() bool { return j.State == Waiting && j.EncodingID != "" }

// ManifestRef is a manifest that exists at the platform.
type ManifestRef struct {
	Format ManifestFormat `json:"format"`
	ID     string         `json:"id"`
}

// Attempt is an attempt that ended without success. The job itself describes an attempt that is
// under way or succeeded.
type Attempt struct {
	Number      int
	EncodingID  string
	StartTime   time.Time
	QueuedTime  time.Time
	RunningTime time.Time
	FinishTime  time.Time
	State       State // Failed or Cancelled
	Failure     *Failure
}

// Event is one change of a job's state.
type Event struct {
	Job     ID
	Version int64
	Time    time.Time
	From    State // empty for the submission
	To      State
	Attempt int
	Reason  string
}

// FailureKind groups failures by what failed.
type FailureKind string

// The kinds of failure. Calls that fail because the platform cannot be used are not failures of a
// job.
const (
	FailedEncoding  FailureKind = "ENCODING"  // the platform ran the encoding and reported ERROR
	FailedTransfer  FailureKind = "TRANSFER"  // encoded, but the output could not be written
	FailedStart     FailureKind = "START"     // the platform refused to start it
	FailedConfigure FailureKind = "CONFIGURE" // the platform refused the encoding or one of its parts
	FailedGone      FailureKind = "GONE"      // the encoding no longer exists at the platform
)

// RetryHint is the platform's advice whether to retry.
type RetryHint string

// The platform's hints. Other values are kept as they are and mean the same as HintUndefined:
// another attempt may succeed.
const (
	HintRetry           RetryHint = "RETRY"
	HintNoRetry         RetryHint = "NO_RETRY"
	HintDifferentRegion RetryHint = "RETRY_IN_DIFFERENT_REGION"
	HintUndefined       RetryHint = "UNDEFINED"
)

// Failure says why an attempt did not succeed, as the platform put it.
type Failure struct {
	Kind       FailureKind `json:"kind"`
	Code       int         `json:"code,omitzero"`        // encoding error code, or API error code
	HTTPStatus int         `json:"http_status,omitzero"` // of a refused call
	Category   string      `json:"category,omitzero"`
	Text       string      `json:"text,omitzero"`
	Hint       RetryHint   `json:"hint,omitzero"`
	Messages   []string    `json:"messages,omitempty"`
	RequestID  string      `json:"request_id,omitzero"`
	Time       time.Time   `json:"time,omitzero"`
	// Permanent says that another attempt would fail in the same way.
	Permanent bool `json:"permanent,omitzero"`
}

// String is one line for people.
func (f *Failure) String() string {
	var b strings.Builder
	b.WriteString(string(f.Kind))
	if f.Code != 0 {
		fmt.Fprintf(&b, " %d", f.Code)
	}
	if f.Category != "" {
		b.WriteString(" " + f.Category)
	}
	if f.Text != "" {
		b.WriteString(": " + f.Text)
	}
	for _, m := range f.Messages {
		if m != f.Text {
			b.WriteString("; " + m)
		}
	}
	if f.Hint != "" {
		fmt.Fprintf(&b, " (%s)", f.Hint)
	}
	return b.String()
}

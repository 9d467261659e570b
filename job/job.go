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

// ParseID parses an id as [ID.String] writes it.
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

// Title is what people call the job: its name, else its key, else the last element of its input path.
func (s Spec) Title() string {
	switch {
	case s.Name != "":
		return s.Name
	case s.Key != "":
		return s.Key
	}
	return s.InputPath[strings.LastIndexByte(s.InputPath, '/')+1:]
}

// Step is what is being done at the platform for a job: the intent is recorded, the result is not.
// After a crash, the dispatcher looks at the platform before it repeats a step.
type Step string

// The steps of a job.
const (
	StepNone   Step = ""
	StepCreate Step = "CREATE" // creating and configuring the encoding
	StepStart  Step = "START"  // starting the encoding
	StepStop   Step = "STOP"   // stopping the encoding
)

// Job is one asset to encode.
type Job struct {
	ID ID
	Spec

	State   State
	Version int64 // grows with every change of the job; it is the optimistic lock and the sequence number of events
	// Revision is the revision of the batch after the latest visible change of the job.
	Revision int64

	Step     Step
	StepTime time.Time // when Step was recorded, or when its call ended without an answer

	// Attempt is the number of the current or latest attempt; 0 before the first.
	Attempt int
	// Failures counts the failed attempts since the job was submitted or retried through the
	// API. [RetryPolicy.MaxRetries] limits them.
	Failures int

	// EncodingID is the encoding of the job. It is empty until the encoding is completely
	// configured at the platform or, for a template, until the platform has accepted the start.
	EncodingID string
	// Manifests are the manifests that were configured with the encoding. Each start names them.
	Manifests []ManifestRef
	// FallbackRegionIndex is how many times the job has moved on to the next fallback region.
	FallbackRegionIndex int
	// StaleMark is the [Observation.Mark] of the previous run of the same encoding; empty if the
	// encoding has not run before. Observations with this mark are about the previous run.
	StaleMark string

	Progress int // percent of the current attempt
	// PlatformStatus is the status of the encoding, as the platform spells it, if this service
	// does not know that status; empty otherwise. The job keeps its state meanwhile.
	// PlatformStatusTime is when the service first saw that status.
	PlatformStatus     string
	PlatformStatusTime time.Time

	NextAttemptTime time.Time // when the back-off of a WAITING job ends; zero without a back-off
	CreateTime      time.Time
	UpdateTime      time.Time
	// StartTime, QueuedTime and RunningTime are those of the current or latest attempt; zero
	// before they are known.
	StartTime   time.Time // when the platform accepted the start
	QueuedTime  time.Time // when the platform queued the encoding
	RunningTime time.Time // when an encoder took the encoding
	FinishTime  time.Time // when the job ended; zero before

	Failure *Failure // of the latest attempt that failed; nil if none did or the job succeeded
	Reason  string   // why the job was cancelled, or why it is WAITING again, in words
}

// Prepared reports whether the job is WAITING and its encoding is configured, so that only the start
// is left to do.
func (j *Job) Prepared() bool { return j.State == Waiting && j.EncodingID != "" }

// ManifestRef is a manifest that exists at the platform.
type ManifestRef struct {
	Format ManifestFormat `json:"format"`
	ID     string         `json:"id"`
}

// Attempt is an attempt that ended without success. An attempt that is under way or has succeeded is
// described by the fields of its [Job].
type Attempt struct {
	Number      int
	EncodingID  string
	StartTime   time.Time
	QueuedTime  time.Time
	RunningTime time.Time
	FinishTime  time.Time
	State       State // Failed or Cancelled
	Failure     *Failure
	// FallbackRegionIndex is that of the job during the attempt; less than 0 if unknown.
	FallbackRegionIndex int
}

// Event is one change of a job's state.
type Event struct {
	Job     ID
	Version int64
	Time    time.Time
	From    State // empty for the event of the submission
	To      State
	Attempt int
	Reason  string
}

// FailureKind says what failed.
type FailureKind string

// The kinds of failure. Calls that fail because the platform cannot be used are not failures of a
// job.
const (
	FailedEncoding  FailureKind = "ENCODING"  // the platform ran the encoding and reported ERROR
	FailedTransfer  FailureKind = "TRANSFER"  // the platform encoded the asset but could not write the output
	FailedStart     FailureKind = "START"     // the platform refused the start, or accepted and lost it
	FailedConfigure FailureKind = "CONFIGURE" // the platform refused the encoding or one of its parts
	FailedGone      FailureKind = "GONE"      // the encoding no longer exists at the platform
)

// FailureKinds lists every kind.
func FailureKinds() []FailureKind {
	return []FailureKind{FailedEncoding, FailedTransfer, FailedStart, FailedConfigure, FailedGone}
}

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

// Failure says why an attempt did not succeed, in the platform's words.
type Failure struct {
	Kind       FailureKind `json:"kind"`
	Code       int         `json:"code,omitzero"`        // encoding error code, or API error code
	HTTPStatus int         `json:"http_status,omitzero"` // of a refused call
	Category   string      `json:"category,omitzero"`
	Text       string      `json:"text,omitzero"`
	Hint       RetryHint   `json:"hint,omitzero"`
	Messages   []string    `json:"messages,omitempty"`
	RequestID  string      `json:"request_id,omitzero"` // of the platform, to quote to its support
	Time       time.Time   `json:"time,omitzero"`
	// Permanent says that another attempt would fail in the same way.
	Permanent bool `json:"permanent,omitzero"`
	// Cause is the id of what this failure has in common with those of other jobs; see [Job.CauseOf].
	// The [Update] sets it.
	Cause string `json:"cause,omitzero"`
}

// String is the failure in words, with texts as the platform wrote them.
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

package job

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ID names a job: the batch it belongs to and its number there, from 1 in
// submission order. It is written "<batch id>/<number>".
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

// Title is how people recognise the job: its name, else its key, else the
// last element of its input path.
func (s Spec) Title() string {
	switch {
	case s.Name != "":
		return s.Name
	case s.Key != "":
		return s.Key
	}
	return s.InputPath[strings.LastIndexByte(s.InputPath, '/')+1:]
}

// Step is a side effect at the platform that was recorded before it was made
// and whose result is not recorded yet. After a crash an unfinished step is
// looked up before it is repeated.
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
	Version int64 // grows with every change of this job; the optimistic lock and the event's sequence number
	// Revision is the batch's revision at the last change of this job.
	Revision int64

	Step     Step
	StepTime time.Time // when Step was recorded, or when its answer turned out to be unknown

	// Attempt is the number of the current or latest attempt; 0 before the first.
	Attempt int
	// Failures counts the failed attempts that used up retries since the job
	// was submitted or retried by hand.
	Failures int

	// EncodingID is set once the encoding is completely configured at the
	// platform (profiles) or accepted by it (templates).
	EncodingID string
	// Manifests were configured with the encoding and are attached at each start.
	Manifests []ManifestRef
	// FallbackRegionIndex is how often a retry has moved on to the next fallback region.
	FallbackRegionIndex int
	// StaleMark identifies the end of the previous run of the same encoding.
	// An observation that carries it speaks of that run and is ignored.
	StaleMark string

	Progress int // percent of the current attempt
	// PlatformStatus is the platform's word for the encoding's status while that is one
	// that nobody knows, and PlatformStatusTime since when it was seen. Empty otherwise: then
	// State says it. The job keeps its state meanwhile.
	PlatformStatus     string
	PlatformStatusTime time.Time

	NextAttemptTime time.Time // a WAITING job is not started before; zero: at once
	CreateTime      time.Time
	UpdateTime      time.Time
	StartTime       time.Time // when the current or latest attempt was accepted
	QueuedTime      time.Time // of the current or latest attempt, as the platform tells
	RunningTime     time.Time // likewise
	FinishTime      time.Time // when the job became terminal

	Failure *Failure // of the latest attempt that failed
	Reason  string   // why it was cancelled, or is waiting, in words
}

// Prepared reports whether a start needs nothing more than the start call.
func (j *Job) Prepared() bool { return j.State == Waiting && j.EncodingID != "" }

// ManifestRef is a manifest that exists at the platform.
type ManifestRef struct {
	Format ManifestFormat `json:"format"`
	ID     string         `json:"id"`
}

// Attempt is one ended start of an encoding for a job that did not succeed.
// The latest attempt of a job that is under way, or succeeded, is described by
// the job itself.
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

// FailureKind groups failures by who has to do something about them.
type FailureKind string

// The kinds of failure that belong to a job. Trouble on the way to the
// platform is never recorded as a job's failure.
const (
	FailedEncoding  FailureKind = "ENCODING"  // the platform ran the encoding and reported ERROR
	FailedTransfer  FailureKind = "TRANSFER"  // encoded, but the output could not be written
	FailedStart     FailureKind = "START"     // the platform refused to start it
	FailedConfigure FailureKind = "CONFIGURE" // the platform refused the encoding or one of its parts
	FailedGone      FailureKind = "GONE"      // the encoding vanished from the platform
)

// RetryHint is the platform's opinion whether another run can succeed.
type RetryHint string

// The platform's hints. Others are kept as they come, to be seen, and count as HintUndefined:
// another run may succeed.
const (
	HintRetry           RetryHint = "RETRY"
	HintNoRetry         RetryHint = "NO_RETRY"
	HintDifferentRegion RetryHint = "RETRY_IN_DIFFERENT_REGION"
	HintUndefined       RetryHint = "UNDEFINED"
)

// Failure is why an attempt did not succeed, in the platform's own words.
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
	// Permanent says that the same attempt would fail again.
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

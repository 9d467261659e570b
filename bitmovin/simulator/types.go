package simulator

import (
	"encoding/json"
	"time"
)

// Status is the status of an encoding, spelled as on the wire.
type Status string

// The statuses. A new encoding is CREATED. A run ends in FINISHED, ERROR, CANCELED or
// TRANSFER_ERROR. An encoding in ERROR may be started again.
const (
	Created       Status = "CREATED"
	Queued        Status = "QUEUED"
	Running       Status = "RUNNING"
	Finished      Status = "FINISHED"
	Error         Status = "ERROR"
	Canceled      Status = "CANCELED"
	TransferError Status = "TRANSFER_ERROR"
)

// Ended reports whether a run ends in this status.
func (s Status) Ended() bool {
	switch s {
	case Finished, Error, Canceled, TransferError:
		return true
	}
	return false
}

// valid reports whether s is one of the constants.
func (s Status) valid() bool {
	switch s {
	case Created, Queued, Running:
		return true
	}
	return s.Ended()
}

// Outcome says how one run of an encoding ends. The zero value is FINISHED
// after the run's whole duration.
type Outcome struct {
	// Status is FINISHED, ERROR, TRANSFER_ERROR, or CANCELED as if somebody else had
	// stopped the run. Empty means FINISHED.
	Status Status

	// Error is the error object of the status answer; nil leaves it out.
	Error *TaskError

	// Messages are added to the status answer when the run ends.
	Messages []Message

	// After is the time from RUNNING to the end; zero means the whole duration of the run.
	// With InQueue it is the time from the start to the end; zero means at once.
	After time.Duration

	// InQueue ends the run while the encoding is QUEUED. If an encoder takes the encoding
	// before After has passed, the run ends in FINISHED.
	InQueue bool
}

// RetryHint is the advice of the platform about starting a failed encoding again.
type RetryHint string

// The retry hints.
const (
	Retry                  RetryHint = "RETRY"
	NoRetry                RetryHint = "NO_RETRY"
	RetryInDifferentRegion RetryHint = "RETRY_IN_DIFFERENT_REGION"
	UndefinedHint          RetryHint = "UNDEFINED"
)

// TaskError is the reason why a run failed.
type TaskError struct {
	Code      int       `json:"code"`
	Category  string    `json:"category"`
	Text      string    `json:"text"`
	RetryHint RetryHint `json:"retryHint,omitempty"`
}

// Message is a message about a run. Type is ERROR, WARNING, INFO, DEBUG or TRACE; empty means
// ERROR. A zero Date means the end of the run.
type Message struct {
	ID   string    `json:"id"`
	Date time.Time `json:"date"`
	Type string    `json:"type"`
	Text string    `json:"text"`
}

// Encoding is a snapshot of one encoding with its streams and muxings. Times that do not apply
// are zero.
type Encoding struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Labels      []string `json:"labels,omitempty"`
	CloudRegion string   `json:"cloudRegion"`
	Status      Status   `json:"status"`
	Deleted     bool     `json:"deleted,omitempty"`
	Priority    int      `json:"priority"`
	Progress    int      `json:"progress"`

	// Key is the API key that created the encoding, shortened as in the ledger.
	Key string `json:"key"`
	// Template is true if the encoding was started from an encoding template.
	Template bool `json:"template,omitempty"`

	CreatedAt  time.Time `json:"createdAt,omitzero"`
	QueuedAt   time.Time `json:"queuedAt,omitzero"`
	RunningAt  time.Time `json:"runningAt,omitzero"`
	FinishedAt time.Time `json:"finishedAt,omitzero"`

	// Starts are the times of all accepted starts, in order.
	Starts []time.Time `json:"starts,omitempty"`
	// StartRequest is the body of the latest accepted start, nil if it had none.
	StartRequest json.RawMessage `json:"startRequest,omitempty"`

	Streams   []Stream `json:"streams,omitempty"`
	Muxings   []Muxing `json:"muxings,omitempty"`
	Manifests []string `json:"manifests,omitempty"`
	// Parts are the other resources of the encoding, such as input streams, thumbnails and DRM
	// configurations, in order of creation. Their Kind has {} in place of ids.
	Parts []Resource `json:"parts,omitempty"`
}

// InputPath is the path of the first asset that the encoding reads; empty if it has no streams yet.
func (e Encoding) InputPath() string {
	if len(e.Streams) == 0 || len(e.Streams[0].InputStreams) == 0 {
		return ""
	}
	return e.Streams[0].InputStreams[0].InputPath
}

// Stream is a stream of an [Encoding].
type Stream struct {
	ID            string        `json:"id"`
	CodecConfigID string        `json:"codecConfigId"`
	InputStreams  []InputStream `json:"inputStreams"`
}

// InputStream is a stream of an input file that a [Stream] reads.
type InputStream struct {
	InputID       string `json:"inputId,omitempty"`
	InputPath     string `json:"inputPath,omitempty"`
	SelectionMode string `json:"selectionMode,omitempty"`
	Position      *int   `json:"position,omitempty"`
	InputStreamID string `json:"inputStreamId,omitempty"`
}

// Muxing is a muxing of an [Encoding]. SegmentLength is in seconds.
type Muxing struct {
	ID            string      `json:"id"`
	Type          string      `json:"type"`
	Streams       []StreamRef `json:"streams"`
	Outputs       []Output    `json:"outputs,omitempty"`
	SegmentLength float64     `json:"segmentLength,omitempty"`
	Filename      string      `json:"filename,omitempty"`
}

// StreamRef names a stream of the same encoding.
type StreamRef struct {
	StreamID string `json:"streamId"`
}

// Output is a folder to which a muxing or manifest is written.
type Output struct {
	OutputID   string     `json:"outputId"`
	OutputPath string     `json:"outputPath"`
	ACL        []ACLEntry `json:"acl,omitempty"`
}

// ACLEntry is one access rule of an [Output]: PUBLIC_READ or PRIVATE.
type ACLEntry struct {
	Permission string `json:"permission"`
}

// Resource is a snapshot of an input, output, codec configuration or manifest.
type Resource struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	// Kind is the path at which the resource was created, such as /encoding/inputs/http.
	Kind string `json:"kind"`
	// Fields is the object as the API returns it, without secrets.
	Fields json.RawMessage `json:"fields"`
}

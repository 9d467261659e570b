package bitmovin

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Status is the status of an encoding. A value that is none of the constants, in exactly their
// spelling, is kept as the platform sent it, up to 100 bytes. It is neither [Status.Known] nor
// [Status.Terminal], because nobody knows what "running" or "PAUSED" would mean.
type Status string

// UnmarshalJSON accepts every JSON value. It keeps a value that is no string as JSON text.
func (s *Status) UnmarshalJSON(b []byte) error {
	*s = Status(unmarshalEnum(b))
	return nil
}

// The statuses of an encoding, in the usual order.
const (
	StatusCreated       Status = "CREATED"        // never started
	StatusQueued        Status = "QUEUED"         // started, waiting for an encoder
	StatusRunning       Status = "RUNNING"        // on an encoder
	StatusFinished      Status = "FINISHED"       // done
	StatusError         Status = "ERROR"          // failed; Task.Error says why
	StatusCanceled      Status = "CANCELED"       // stopped by somebody
	StatusTransferError Status = "TRANSFER_ERROR" // encoded, but writing to an output failed
)

// Known reports whether s is one of the constants.
func (s Status) Known() bool {
	switch s {
	case StatusCreated, StatusQueued, StatusRunning:
		return true
	}
	return s.Terminal()
}

// Terminal reports whether a run has ended with this status.
func (s Status) Terminal() bool {
	switch s {
	case StatusFinished, StatusError, StatusCanceled, StatusTransferError:
		return true
	}
	return false
}

// RetryHint is the advice of the platform about another run after an error. A value that is none
// of the constants is kept as the platform sent it.
type RetryHint string

// UnmarshalJSON accepts every JSON value. It keeps a value that is no string as JSON text.
func (h *RetryHint) UnmarshalJSON(b []byte) error {
	*h = RetryHint(unmarshalEnum(b))
	return nil
}

// Known reports whether h is one of the constants.
func (h RetryHint) Known() bool {
	switch h {
	case RetryPossible, RetryInDifferentRegion, RetryPointless, RetryUndefined:
		return true
	}
	return false
}

// The retry hints. Treat a missing or unknown hint as RetryUndefined.
const (
	RetryPossible          RetryHint = "RETRY"
	RetryInDifferentRegion RetryHint = "RETRY_IN_DIFFERENT_REGION" // not in the same region
	RetryPointless         RetryHint = "NO_RETRY"
	RetryUndefined         RetryHint = "UNDEFINED"
)

// Task describes the latest run of an encoding. The status is empty if the platform sent none; what
// an empty status means is not documented. Runs have no number: after another start, only the
// times distinguish an old ERROR from a new one.
type Task struct {
	ID         EncodingID `json:"id"` // may be missing
	Status     Status     `json:"status"`
	Progress   Percent    `json:"progress"`
	ETASeconds float64    `json:"eta"` // seconds until the run ends; 0 if unknown
	Subtasks   []Subtask  `json:"subtasks"`
	Messages   []Message  `json:"messages"`
	CreatedAt  Time       `json:"createdAt"`
	QueuedAt   Time       `json:"queuedAt"`
	RunningAt  Time       `json:"runningAt"`
	FinishedAt Time       `json:"finishedAt"`
	ErrorAt    Time       `json:"errorAt"`
	// Error says why the run failed. It is nil if the platform gave no reason; treat such a
	// failure as permanent.
	Error *TaskError `json:"error"`
}

// ETA returns the expected time until the run ends; 0 if unknown.
func (t Task) ETA() time.Duration {
	if !(t.ETASeconds > 0) {
		return 0
	}
	return time.Duration(min(t.ETASeconds, float64(1<<31)) * float64(time.Second))
}

// ErrorTexts returns the texts of the messages whose type is ERROR or unknown, in their order.
func (t Task) ErrorTexts() []string {
	var texts []string
	for _, m := range t.Messages {
		if m.Text != "" && (m.Type == MessageError || !m.Type.Known()) {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// TaskError says why a run failed. [Client.ReadStatus] fills the empty fields by the code; see
// [Client.LoadDefinitions]. The codes are unrelated to those of [APIError].
type TaskError struct {
	Code      int       `json:"code"`
	Category  string    `json:"category"`
	Text      string    `json:"text"`
	RetryHint RetryHint `json:"retryHint"`
}

// UnmarshalJSON accepts every JSON value. A code that is no number is added to the text. A value
// that is no object becomes the text.
func (e *TaskError) UnmarshalJSON(b []byte) error {
	*e = TaskError{}
	if !isObject(b) {
		if json.Unmarshal(b, &e.Text) != nil {
			e.Text = unmarshalEnum(b)
		}
		return nil
	}
	var raw struct {
		Code      errorCode `json:"code"`
		Category  string    `json:"category"`
		Text      string    `json:"text"`
		RetryHint RetryHint `json:"retryHint"`
	}
	_ = json.Unmarshal(b, &raw) // fields of an unexpected type stay empty
	*e = TaskError{Code: raw.Code.number, Category: raw.Category, Text: raw.Text, RetryHint: raw.RetryHint}
	if raw.Code.text != "" {
		e.Text = strings.TrimSpace(e.Text + " (code " + raw.Code.text + ")")
	}
	return nil
}

// taskTypes are the names of subtasks that the platform documents.
var taskTypes = []string{"Input file download", "Input file analysis", "Per-Title analysis", "Encoding", "Progressive Muxing"}

// Subtask is a step of a run, such as "Input file download" or "Encoding".
type Subtask struct {
	Name     string    `json:"name"`
	Status   Status    `json:"status"`
	Messages []Message `json:"messages"`
}

// ReadStatus returns the latest run of an encoding, whose error it completes; see [Client.Explain].
func (c *Client) ReadStatus(ctx context.Context, id EncodingID) (Task, error) {
	var t Task
	err := c.do(ctx, call{method: http.MethodGet, path: encodingPath(id, "status"), class: ClassStatus, urgency: urgencyStatus}, &t)
	c.Explain(&t)
	return t, err
}

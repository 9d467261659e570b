package bitmovin

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Status is where an encoding stands. A value that is none of the constants, in exactly their
// spelling, is kept as the platform sent it, up to 100 bytes, and is neither [Status.Known] nor
// [Status.Terminal]: "running" or "PAUSED" must not be taken for something they may not be.
type Status string

// UnmarshalJSON accepts everything; what is no text is kept as JSON.
func (s *Status) UnmarshalJSON(b []byte) error {
	*s = Status(unmarshalWord(b))
	return nil
}

// The statuses of an encoding, in the usual order.
const (
	StatusCreated       Status = "CREATED"        // configured, never started
	StatusQueued        Status = "QUEUED"         // started, waiting for an encoder
	StatusRunning       Status = "RUNNING"        // on an encoder
	StatusFinished      Status = "FINISHED"       // done
	StatusError         Status = "ERROR"          // failed; see [Task.Error]
	StatusCanceled      Status = "CANCELED"       // stopped by somebody
	StatusTransferError Status = "TRANSFER_ERROR" // encoded, but an output did not take it
)

// Known reports whether s is one of the constants.
func (s Status) Known() bool {
	switch s {
	case StatusCreated, StatusQueued, StatusRunning:
		return true
	}
	return s.Terminal()
}

// Terminal reports whether the platform will not change this status by itself.
func (s Status) Terminal() bool {
	switch s {
	case StatusFinished, StatusError, StatusCanceled, StatusTransferError:
		return true
	}
	return false
}

// RetryHint is the platform's opinion on another run after an error. One that is none of the
// constants is kept as it came.
type RetryHint string

// UnmarshalJSON accepts everything; what is no text is kept as JSON.
func (h *RetryHint) UnmarshalJSON(b []byte) error {
	*h = RetryHint(unmarshalWord(b))
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

// The hints. One that is missing or unknown is to be read as RetryUndefined.
const (
	RetryPossible          RetryHint = "RETRY"
	RetryInDifferentRegion RetryHint = "RETRY_IN_DIFFERENT_REGION" // not in the same region
	RetryPointless         RetryHint = "NO_RETRY"
	RetryUndefined         RetryHint = "UNDEFINED"
)

// Task is the state of an encoding's latest run. Its status is empty if the platform sent none,
// which is not known to mean anything. It carries no number of the run: after a
// restart only its times tell an old ERROR from a new one.
type Task struct {
	ID         EncodingID `json:"id"` // may be missing
	Status     Status     `json:"status"`
	Progress   Percent    `json:"progress"`
	ETASeconds float64    `json:"eta"` // 0 when unknown
	Subtasks   []Subtask  `json:"subtasks"`
	Messages   []Message  `json:"messages"`
	CreatedAt  Time       `json:"createdAt"`
	QueuedAt   Time       `json:"queuedAt"`
	RunningAt  Time       `json:"runningAt"`
	FinishedAt Time       `json:"finishedAt"`
	ErrorAt    Time       `json:"errorAt"`
	// Error says why a run failed. It is nil unless the platform gave a reason, and
	// it does not always give one: a failure without reason counts as permanent.
	Error *TaskError `json:"error"`
}

// ETA returns how long the run is expected to take from now on; 0 when unknown.
func (t Task) ETA() time.Duration {
	if !(t.ETASeconds > 0) {
		return 0
	}
	return time.Duration(min(t.ETASeconds, float64(1<<31)) * float64(time.Second))
}

// ErrorTexts returns the texts of the messages of type ERROR, in order, and of those whose type
// is not known: they may explain the error.
func (t Task) ErrorTexts() []string {
	var texts []string
	for _, m := range t.Messages {
		if m.Text != "" && (m.Type == MessageError || !m.Type.Known()) {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// TaskError is the reason of a failed run. What the platform left out of it [Client.Status]
// fills in by the code; see [Client.LoadDefinitions]. Its codes are five digits long and unrelated
// to those of [APIError].
type TaskError struct {
	Code      int       `json:"code"`
	Category  string    `json:"category"`
	Text      string    `json:"text"`
	RetryHint RetryHint `json:"retryHint"`
}

// UnmarshalJSON accepts everything: a code that is no number becomes part of the text, and
// what is no object becomes the text.
func (e *TaskError) UnmarshalJSON(b []byte) error {
	*e = TaskError{}
	if !isObject(b) {
		if json.Unmarshal(b, &e.Text) != nil {
			e.Text = unmarshalWord(b)
		}
		return nil
	}
	var raw struct {
		Code      errorCode `json:"code"`
		Category  string    `json:"category"`
		Text      string    `json:"text"`
		RetryHint RetryHint `json:"retryHint"`
	}
	_ = json.Unmarshal(b, &raw) // what has an unexpected type stays empty
	*e = TaskError{Code: raw.Code.number, Category: raw.Category, Text: raw.Text, RetryHint: raw.RetryHint}
	if raw.Code.odd != "" {
		e.Text = strings.TrimSpace(e.Text + " (code " + raw.Code.odd + ")")
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

// Status returns the state of an encoding's latest run.
func (c *Client) Status(ctx context.Context, id EncodingID) (Task, error) {
	var t Task
	err := c.do(ctx, call{method: http.MethodGet, path: encodingPath(id, "status"), class: ClassStatus, urgency: UrgencyStatus}, &t)
	c.Explain(&t)
	return t, err
}

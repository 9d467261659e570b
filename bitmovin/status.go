package bitmovin

import (
	"context"
	"net/http"
	"time"
)

// Status is where an encoding stands. A value that is none of the constants is kept as
// the platform sent it and is not [Status.Terminal].
type Status string

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

// Terminal reports whether the platform will not change this status by itself.
func (s Status) Terminal() bool {
	switch s {
	case StatusFinished, StatusError, StatusCanceled, StatusTransferError:
		return true
	}
	return false
}

// RetryHint is the platform's opinion on another run after an error.
type RetryHint string

// The hints. One that is missing or unknown is to be read as RetryUndefined.
const (
	RetryPossible          RetryHint = "RETRY"
	RetryInDifferentRegion RetryHint = "RETRY_IN_DIFFERENT_REGION" // not in the same region
	RetryPointless         RetryHint = "NO_RETRY"
	RetryUndefined         RetryHint = "UNDEFINED"
)

// Task is the state of an encoding's latest run. It carries no number of the run: after a
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

func (t Task) required() (field, value string) { return "status", string(t.Status) }

// ETA returns how long the run is expected to take from now on; 0 when unknown.
func (t Task) ETA() time.Duration {
	if !(t.ETASeconds > 0) {
		return 0
	}
	return time.Duration(min(t.ETASeconds, float64(1<<31)) * float64(time.Second))
}

// ErrorTexts returns the texts of the messages of type ERROR, in order.
func (t Task) ErrorTexts() []string {
	var texts []string
	for _, m := range t.Messages {
		if m.Type == MessageError && m.Text != "" {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// TaskError is the reason of a failed run. Its codes are five digits long and unrelated
// to those of [APIError].
type TaskError struct {
	Code      int       `json:"code"`
	Category  string    `json:"category"`
	Text      string    `json:"text"`
	RetryHint RetryHint `json:"retryHint"`
}

// Subtask is a step of a run, such as "Input file download" or "Encoding".
type Subtask struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Status    Status    `json:"status"`
	Progress  Percent   `json:"progress"`
	Messages  []Message `json:"messages"`
	StartedAt Time      `json:"startedAt"`
}

// Status returns the state of an encoding's latest run.
func (c *Client) Status(ctx context.Context, id EncodingID) (Task, error) {
	var t Task
	err := c.do(ctx, call{method: http.MethodGet, path: encodingPath(id, "status"), class: ClassStatus, urgency: UrgencyStatus}, &t)
	return t, err
}

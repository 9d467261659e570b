package notification

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/stokerd/stoker/job"
)

// DeliveryState is the state of a delivery. The zero value is invalid.
type DeliveryState string

// The states of a delivery.
const (
	Pending   DeliveryState = "PENDING"   // to be sent, or to be sent again
	Delivered DeliveryState = "DELIVERED" // the endpoint has accepted it
	Failed    DeliveryState = "FAILED"    // given up
)

// DeliveryStates lists every state.
func DeliveryStates() []DeliveryState { return []DeliveryState{Pending, Delivered, Failed} }

// Delivery is one message to one endpoint, and what became of it. It is written in the transaction of the change
// that it tells of.
type Delivery struct {
	Seq      int64  // position in the outbox, in the order of the events; set by the job table
	ID       string // of the message: the receiver gets it with every attempt
	Endpoint string // name
	Event    Event

	AccountID string
	BatchID   string // empty for the events of an account
	BatchSeq  int64  // the batch's number; 0 for the events of an account
	Revision  int64  // of the batch at the change; 0 for the events of an account
	Content   Content
	// JobCount is how many jobs the event happened to, and JobNumbers has the first of them, at most
	// [MaxJobNumbers], in the order of the changes. 0 and nil unless the event [Event.JoinsJobs].
	JobCount   int64
	JobNumbers []int64
	// Joining says that further jobs may join the message. No attempt is made before that has ended.
	Joining bool

	CreateTime time.Time // of the change; the first one if jobs were joined

	State      DeliveryState
	Attempts   int       // made
	NextTime   time.Time // when the next attempt is due; zero unless Pending
	LastTime   time.Time // of the latest attempt; zero before the first
	HTTPStatus int       // of the latest answer; 0 if there was none
	Problem    string    // why the latest attempt failed; empty if it did not
	FinishTime time.Time // when the delivery left Pending; zero before
}

// Content is what only some events have.
type Content struct {
	State  string      `json:"state,omitzero"`  // of the batch
	Reason string      `json:"reason,omitzero"` // why the batch is paused or was cancelled, or why the account cannot be used
	Counts *job.Counts `json:"counts,omitzero"` // of the jobs of the batch
	Since  time.Time   `json:"since,omitzero"`  // since when the account cannot be used, or could not be used
}

// Bounds of what is joined.
const (
	// JoinTime is how long a message waits for more jobs of its batch. So there is at most one a second.
	JoinTime = time.Second
	// MaxJobNumbers is how many jobs a message names.
	MaxJobNumbers = 100
)

// MaxProblem is the length of the longest [Delivery.Problem], in bytes.
const MaxProblem = 500

// NewID makes the id of a message.
func NewID() string { return "msg_" + rand.Text() }

// body is a message as it is sent.
type body struct {
	Type      Event    `json:"type"`
	Timestamp string   `json:"timestamp"`
	Data      bodyData `json:"data"`
}

type bodyData struct {
	Account     string      `json:"account,omitempty"`
	BatchID     string      `json:"batch_id,omitempty"`
	BatchNumber int64       `json:"batch_number,omitempty"`
	Revision    int64       `json:"revision,omitempty"`
	State       string      `json:"state,omitempty"`
	Reason      string      `json:"reason,omitempty"`
	Counts      *bodyCounts `json:"counts,omitempty"`
	JobCount    int64       `json:"job_count,omitempty"`
	JobIDs      []string    `json:"job_ids,omitempty"`
	Since       string      `json:"since,omitempty"`
}

// bodyCounts has every state, those without jobs too: a receiver need not know which are left out.
type bodyCounts struct {
	Waiting    int64 `json:"waiting"`
	Starting   int64 `json:"starting"`
	Queued     int64 `json:"queued"`
	Running    int64 `json:"running"`
	Succeeded  int64 `json:"succeeded"`
	Failed     int64 `json:"failed"`
	Cancelling int64 `json:"cancelling"`
	Cancelled  int64 `json:"cancelled"`
}

// Body is the JSON that the endpoint gets, the same with every attempt.
func (d *Delivery) Body() ([]byte, error) {
	b := body{Type: d.Event, Timestamp: formatTime(d.CreateTime), Data: bodyData{
		Account: d.AccountID, BatchID: d.BatchID, BatchNumber: d.BatchSeq, Revision: d.Revision,
		State: d.Content.State, Reason: d.Content.Reason, JobCount: d.JobCount,
	}}
	if d.Content.Counts != nil {
		b.Data.Counts = new(bodyCounts(*d.Content.Counts))
	}
	if !d.Content.Since.IsZero() {
		b.Data.Since = formatTime(d.Content.Since)
	}
	for _, n := range d.JobNumbers {
		b.Data.JobIDs = append(b.Data.JobIDs, d.BatchID+"/"+strconv.FormatInt(n, 10))
	}
	text, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", d.ID, err)
	}
	return text, nil
}

func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// Attempt is how an attempt to deliver has ended.
type Attempt struct {
	Time       time.Time     // when it ended
	Duration   time.Duration // how long it took
	HTTPStatus int           // of the answer; 0 if there was none
	Problem    string        // why it failed; empty if it did not
}

// Delivered reports whether the endpoint has accepted the message.
func (a Attempt) Delivered() bool { return a.Problem == "" }

// MaxAttempts is how many attempts are made.
const MaxAttempts = 8

// retries lists the pauses before the attempts after the first: more than a day in all.
var retries = [MaxAttempts - 1]time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, LongestPause, LongestPause,
}

// LongestPause is the longest pause between two attempts.
const LongestPause = 10 * time.Hour

// NoteAttempt notes how an attempt has ended, and when the next one is due.
func (d *Delivery) NoteAttempt(a Attempt) {
	d.Attempts++
	d.LastTime, d.HTTPStatus = a.Time, a.HTTPStatus
	if d.State != Pending && !a.Delivered() {
		return // it was given up during the attempt, and its problem says why
	}
	d.Problem = job.Shorten(a.Problem, MaxProblem)
	switch {
	case a.Delivered():
		d.finish(Delivered, a.Time)
	case d.Attempts >= MaxAttempts:
		d.finish(Failed, a.Time)
	default:
		d.NextTime = a.Time.Add(retries[d.Attempts-1])
	}
}

// GiveUp ends a delivery that is not to be tried any more.
func (d *Delivery) GiveUp(why string, now time.Time) {
	d.Problem = job.Shorten(why, MaxProblem)
	d.finish(Failed, now)
}

func (d *Delivery) finish(state DeliveryState, now time.Time) {
	d.State, d.Joining, d.NextTime, d.FinishTime = state, false, time.Time{}, now
}

// Redeliver has the message sent again, with as many attempts as a new one. It waits for no more jobs.
func (d *Delivery) Redeliver(now time.Time) {
	d.State, d.Joining, d.Attempts, d.NextTime, d.FinishTime = Pending, false, 0, now, time.Time{}
}

// DeliveryFilter chooses deliveries of one endpoint.
type DeliveryFilter struct {
	Endpoint  string
	States    []DeliveryState // empty: any
	Events    []Event         // empty: any
	BatchID   string          // empty: any
	IDs       []string        // of messages; empty: any
	Since     time.Time       // of the change; zero: any
	BeforeSeq int64           // 0: from the newest
	Limit     int
}

// Backlog is what an endpoint has not got yet.
type Backlog struct {
	Endpoint string
	Pending  int64
	Oldest   time.Time // the creation of the oldest pending message; zero if there is none
}

// Availability is what endpoints were told last of an account.
type Availability struct {
	AccountID string
	Told      bool // endpoints were told that it is not available
	Since     time.Time
}

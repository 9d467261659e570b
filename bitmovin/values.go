package bitmovin

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// Ids of the platform's resources. Each kind has a type of its own, so that the
// compiler refuses an output's id where an input's is wanted.
type (
	EncodingID string
	InputID    string
	OutputID   string
	ConfigID   string
	StreamID   string
	MuxingID   string
	ManifestID string
	WebhookID  string
)

// Time is a point in time as the platform reports it. Text that cannot be read as
// RFC 3339 becomes the zero time instead of an error: one odd date must not cost
// a page of a hundred encodings.
type Time struct{ time.Time }

// UnmarshalJSON accepts everything; see [Time].
func (t *Time) UnmarshalJSON(b []byte) error {
	t.Time = time.Time{}
	var s string
	if json.Unmarshal(b, &s) != nil {
		return nil
	}
	if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
		t.Time = at.UTC()
	}
	return nil
}

// query renders t the way list filters expect it: ISO 8601 in UTC.
func query(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// Percent is a progress between 0 and 100. Numbers outside are clamped, fractions
// rounded down, and anything that is no number counts as 0.
type Percent int

// UnmarshalJSON accepts everything; see [Percent].
func (p *Percent) UnmarshalJSON(b []byte) error {
	*p = 0
	f, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err == nil && !math.IsNaN(f) {
		*p = Percent(max(0, min(f, 100)))
	}
	return nil
}

// unmarshalWord reads a word that has a meaning for the platform. It accepts everything: what
// is no text is kept as the JSON it came as, so that it is seen to be unknown and
// not taken for missing. Missing, and empty, are only null and the empty text.
func unmarshalWord(b []byte) string {
	var s string
	if json.Unmarshal(b, &s) != nil {
		s = string(b)
	}
	return cleanWord(s)
}

// MessageType is the severity of a [Message].
type MessageType string

// UnmarshalJSON accepts everything; what is no text is kept as JSON.
func (t *MessageType) UnmarshalJSON(b []byte) error {
	*t = MessageType(unmarshalWord(b))
	return nil
}

// Known reports whether t is one of the constants.
func (t MessageType) Known() bool {
	switch t {
	case MessageError, MessageWarning, MessageInfo, MessageDebug, MessageTrace:
		return true
	}
	return false
}

// The severities the platform documents.
const (
	MessageError   MessageType = "ERROR"
	MessageWarning MessageType = "WARNING"
	MessageInfo    MessageType = "INFO"
	MessageDebug   MessageType = "DEBUG"
	MessageTrace   MessageType = "TRACE"
)

// Message is a line of explanation, attached to a task or to an API error.
type Message struct {
	Type MessageType `json:"type"`
	Text string      `json:"text"`
}

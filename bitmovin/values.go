package bitmovin

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// The ids of resources. Each kind has its own type: the compiler refuses the id of an output
// where that of an input is required.
type (
	EncodingID string
	InputID    string
	OutputID   string
	ConfigID   string
	FilterID   string
	StreamID   string
	MuxingID   string
	ManifestID string
	WebhookID  string

	PeriodID        string
	AdaptationSetID string
)

// Time is a time that the platform sent. A text that is not RFC 3339 becomes the zero time instead
// of an error: one unreadable date must not make a page of a hundred encodings unreadable.
type Time struct{ time.Time }

// UnmarshalJSON accepts every JSON value; see [Time].
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

// formatTime formats a time for the filters of lists: ISO 8601 in UTC.
func formatTime(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// Percent is a progress from 0 to 100. Other numbers are clamped, fractions are rounded down, and
// a value that is no number becomes 0.
type Percent int

// UnmarshalJSON accepts every JSON value; see [Percent].
func (p *Percent) UnmarshalJSON(b []byte) error {
	*p = 0
	f, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err == nil && !math.IsNaN(f) {
		*p = Percent(max(0, min(f, 100)))
	}
	return nil
}

// unmarshalEnum decodes the value of an enumeration. It accepts every JSON value and keeps one that
// is no string as JSON text, so that it counts as unknown and not as missing. Only null and the
// empty string become empty.
func unmarshalEnum(b []byte) string {
	var s string
	if json.Unmarshal(b, &s) != nil {
		s = string(b)
	}
	return cleanValue(s)
}

// MessageType is the severity of a [Message]. A value that is none of the constants is kept as the
// platform sent it.
type MessageType string

// UnmarshalJSON accepts every JSON value. It keeps a value that is no string as JSON text.
func (t *MessageType) UnmarshalJSON(b []byte) error {
	*t = MessageType(unmarshalEnum(b))
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

// The documented severities.
const (
	MessageError   MessageType = "ERROR"
	MessageWarning MessageType = "WARNING"
	MessageInfo    MessageType = "INFO"
	MessageDebug   MessageType = "DEBUG"
	MessageTrace   MessageType = "TRACE"
)

// Message is a message about a task or in an [APIError].
type Message struct {
	Type MessageType `json:"type"`
	Text string      `json:"text"`
}

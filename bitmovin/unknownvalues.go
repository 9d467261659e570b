package bitmovin

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stokerd/stoker/internal/clock"
)

// UnknownKind is the kind of an unknown value.
type UnknownKind string

// The kinds. There are no others, so a kind can be the label of a metric.
const (
	UnknownStatus       UnknownKind = "status"        // of an encoding or a subtask
	UnknownEncodingType UnknownKind = "encoding_type" // neither NONE, VOD nor LIVE
	UnknownTaskType     UnknownKind = "task_type"     // the name of a subtask
	UnknownRetryHint    UnknownKind = "retry_hint"
	UnknownMessageType  UnknownKind = "message_type"
	UnknownEvent        UnknownKind = "event"      // of a webhook delivery
	UnknownErrorCode    UnknownKind = "error_code" // of a refused call or a failed run
	UnknownField        UnknownKind = "field"      // an undocumented field, or one of another type
)

// UnknownKinds lists all kinds.
func UnknownKinds() []UnknownKind {
	return []UnknownKind{
		UnknownStatus, UnknownEncodingType, UnknownTaskType, UnknownRetryHint,
		UnknownMessageType, UnknownEvent, UnknownErrorCode, UnknownField,
	}
}

// maxUnknown bounds how many values of a kind are remembered. Values beyond the bound are counted,
// but not logged. The bound holds for each kind, so one kind cannot displace the others.
const maxUnknown = 50

// UnknownValue is a value that the platform sent and this package does not know.
type UnknownValue struct {
	Kind  UnknownKind
	Value string // on one line, at most 100 bytes
	First time.Time
	Count int64 // how often the value was received
}

// UnknownValues records values that this package does not know. It logs a value when it is first
// received and counts all receipts. The code that receives an unknown value must act rightly
// whatever the value means. UnknownValues is safe for concurrent use. A nil one records nothing.
type UnknownValues struct {
	log   *slog.Logger
	clock clock.Clock

	mu     sync.Mutex
	values map[UnknownKind]map[string]*UnknownValue
	totals map[UnknownKind]int64
}

func newUnknownValues(log *slog.Logger, c clock.Clock) *UnknownValues {
	return &UnknownValues{
		log: log, clock: c, values: map[UnknownKind]map[string]*UnknownValue{}, totals: map[UnknownKind]int64{},
	}
}

// Note records a value, and logs it the first time.
func (u *UnknownValues) Note(kind UnknownKind, value string) {
	if u == nil {
		return
	}
	value = cmp.Or(cleanValue(value), noValue)
	u.mu.Lock()
	u.totals[kind]++
	of := u.values[kind]
	if of == nil {
		of = map[string]*UnknownValue{}
		u.values[kind] = of
	}
	known, room := of[value], len(of) < maxUnknown
	switch {
	case known != nil:
		known.Count++
	case room:
		of[value] = &UnknownValue{Kind: kind, Value: value, First: u.clock.Now(), Count: 1}
	}
	u.mu.Unlock()
	if known == nil && room {
		u.log.Log(context.Background(), logLevel(kind), "the platform sent an unknown value", "kind", string(kind), "value", value)
	}
}

// logLevel returns the level at which a value is logged: a warning if decisions depend on values of
// its kind.
func logLevel(kind UnknownKind) slog.Level {
	switch kind {
	case UnknownStatus, UnknownRetryHint, UnknownEvent:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// remove removes a value that has become known. The totals still count it.
func (u *UnknownValues) remove(kind UnknownKind, value string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.values[kind], value)
}

// List returns at most n values, in the order in which they were first received.
func (u *UnknownValues) List(n int) []UnknownValue {
	if u == nil {
		return nil
	}
	var all []UnknownValue
	u.mu.Lock()
	for _, of := range u.values {
		for _, v := range of {
			all = append(all, *v)
		}
	}
	u.mu.Unlock()
	slices.SortFunc(all, func(a, b UnknownValue) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value))
	})
	return all[:min(n, len(all))]
}

// Totals returns how often unknown values of each kind were received. The map has every kind.
func (u *UnknownValues) Totals() map[UnknownKind]int64 {
	totals := map[UnknownKind]int64{}
	for _, kind := range UnknownKinds() {
		totals[kind] = 0
	}
	if u != nil {
		u.mu.Lock()
		defer u.mu.Unlock()
		maps.Copy(totals, u.totals)
	}
	return totals
}

// noValue is recorded for a value that is missing or empty.
const noValue = "(none)"

// cleanValue makes an enumeration value fit to be kept and shown: at most 100 bytes of valid UTF-8
// without control characters. Known values stay the same, and no other becomes a known one.
func cleanValue(s string) string { return cleanText(s, maxValue) }

// cleanText returns at most the first limit bytes of s, as valid UTF-8 without control characters.
func cleanText(s string, limit int) string {
	if len(s) > limit {
		end := limit
		for end > 0 && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// unknownReporter is implemented by results that may contain unknown values.
type unknownReporter interface{ reportUnknown(u *UnknownValues) }

func (t Task) reportUnknown(u *UnknownValues) {
	if !t.Status.Known() {
		u.Note(UnknownStatus, string(t.Status))
	}
	for _, m := range t.Messages {
		m.reportUnknown(u)
	}
	for _, s := range t.Subtasks {
		if s.Status != "" && !s.Status.Known() {
			u.Note(UnknownStatus, string(s.Status))
		}
		if s.Name != "" && !slices.Contains(taskTypes, s.Name) {
			u.Note(UnknownTaskType, s.Name)
		}
		for _, m := range s.Messages {
			m.reportUnknown(u)
		}
	}
	if t.Error != nil && t.Error.RetryHint != "" && !t.Error.RetryHint.Known() {
		u.Note(UnknownRetryHint, string(t.Error.RetryHint))
	}
}

func (m Message) reportUnknown(u *UnknownValues) {
	if m.Type != "" && !m.Type.Known() {
		u.Note(UnknownMessageType, string(m.Type))
	}
}

func (e Encoding) reportUnknown(u *UnknownValues) {
	if e.Status != "" && !e.Status.Known() {
		u.Note(UnknownStatus, string(e.Status))
	}
	if e.Type != "" && !e.Type.Known() {
		u.Note(UnknownEncodingType, string(e.Type))
	}
}

func (p pageBody[T]) reportUnknown(u *UnknownValues) {
	for _, item := range p.Items {
		if n, ok := any(item).(unknownReporter); ok {
			n.reportUnknown(u)
		}
	}
}

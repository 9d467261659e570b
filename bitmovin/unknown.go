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

// UnknownKind is what kind of value of the platform's this package does not know.
type UnknownKind string

// The kinds. There are no others, so that a kind can label a metric.
const (
	UnknownStatus       UnknownKind = "status"        // of an encoding or a subtask
	UnknownEncodingType UnknownKind = "encoding_type" // neither NONE, VOD nor LIVE
	UnknownTaskType     UnknownKind = "task_type"     // the name of a subtask
	UnknownRetryHint    UnknownKind = "retry_hint"
	UnknownMessageType  UnknownKind = "message_type"
	UnknownEvent        UnknownKind = "event"      // of a webhook delivery
	UnknownErrorCode    UnknownKind = "error_code" // of a refused call or a failed run
	UnknownField        UnknownKind = "field"      // see [Client]
)

// unknownKinds are all of them.
var unknownKinds = []UnknownKind{
	UnknownStatus, UnknownEncodingType, UnknownTaskType, UnknownRetryHint,
	UnknownMessageType, UnknownEvent, UnknownErrorCode, UnknownField,
}

// maxUnknown bounds how many values of a kind are remembered, so that none of the kinds can
// crowd out the others. What comes beyond is counted and not named.
const maxUnknown = 50

// UnknownValue is a value that the platform used and this package does not know.
type UnknownValue struct {
	Kind  UnknownKind
	Value string // on one line, at most 100 bytes
	First time.Time
	Count int64 // how often it was met
}

// UnknownValues remembers the values of the platform's that nobody knew: each is logged
// once, and all are counted. A value that is met is handled by whoever meets it, in a way that
// is right whatever it means. It is safe for concurrent use; a nil one takes note of nothing.
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

// Note takes note of a value. The first time it is logged.
func (u *UnknownValues) Note(kind UnknownKind, value string) {
	if u == nil {
		return
	}
	value = cmp.Or(cleanWord(value), noWord)
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
		u.log.Log(context.Background(), level(kind), "the platform uses a value that is not known", "kind", string(kind), "value", value)
	}
}

// level is how loudly to tell of an unknown value: what decisions depend on is a warning.
func level(kind UnknownKind) slog.Level {
	switch kind {
	case UnknownStatus, UnknownRetryHint, UnknownEvent:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// forget drops a value that has become known. It stays in the totals.
func (u *UnknownValues) forget(kind UnknownKind, value string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.values[kind], value)
}

// List returns at most n values, the first that were met first.
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

// Totals returns how often values of each kind were met, those that were not included.
func (u *UnknownValues) Totals() map[UnknownKind]int64 {
	totals := map[UnknownKind]int64{}
	for _, kind := range unknownKinds {
		totals[kind] = 0
	}
	if u != nil {
		u.mu.Lock()
		defer u.mu.Unlock()
		maps.Copy(totals, u.totals)
	}
	return totals
}

// noWord stands for a word that is missing or empty.
const noWord = "(none)"

// cleanWord makes a word of the platform's fit to be kept and shown: at most 100 bytes of
// valid UTF-8 without control characters. A known word stays what it is, and no other
// becomes one.
func cleanWord(s string) string { return cleanText(s, maxWord) }

// cleanText is the same for a text of at most limit bytes.
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

// noter is implemented by results that hold words of the platform's which may be unknown.
type noter interface{ note(u *UnknownValues) }

func (t Task) note(u *UnknownValues) {
	if !t.Status.Known() {
		u.Note(UnknownStatus, string(t.Status))
	}
	for _, m := range t.Messages {
		m.note(u)
	}
	for _, s := range t.Subtasks {
		if s.Status != "" && !s.Status.Known() {
			u.Note(UnknownStatus, string(s.Status))
		}
		if s.Name != "" && !slices.Contains(taskTypes, s.Name) {
			u.Note(UnknownTaskType, s.Name)
		}
		for _, m := range s.Messages {
			m.note(u)
		}
	}
	if t.Error != nil && t.Error.RetryHint != "" && !t.Error.RetryHint.Known() {
		u.Note(UnknownRetryHint, string(t.Error.RetryHint))
	}
}

func (m Message) note(u *UnknownValues) {
	if m.Type != "" && !m.Type.Known() {
		u.Note(UnknownMessageType, string(m.Type))
	}
}

func (e Encoding) note(u *UnknownValues) {
	if e.Status != "" && !e.Status.Known() {
		u.Note(UnknownStatus, string(e.Status))
	}
	if e.Type != "" && !e.Type.Known() {
		u.Note(UnknownEncodingType, string(e.Type))
	}
}

func (p pageBody[T]) note(u *UnknownValues) {
	for _, item := range p.Items {
		if n, ok := any(item).(noter); ok {
			n.note(u)
		}
	}
}

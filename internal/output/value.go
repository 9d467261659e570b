package output

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Value is what stands in a column of a row. It knows how it looks on a terminal, how it is written for a
// program, and how it sorts. The zero Value is empty.
type Value struct {
	kind     valueKind
	text     string // on a terminal
	machine  string // for a program, if hasMachine; else as text
	number   float64
	from, to time.Time
	symbol   string
	colour   Colour
	compose  func(Look) string

	hasMachine bool
}

type valueKind int

const (
	kindNone     valueKind = iota
	kindText               // a user's or the platform's
	kindOwn                // of this program's words, which have ASCII forms
	kindComposed           // made by compose
	kindNumber             // sorts by number
	kindTime               // to the second
	kindMinute             // to the minute
	kindRange              // a forecast, from from to to
)

// Text is a text of a user, of the platform or of the server.
func Text(text string) Value {
	if text == "" {
		return Value{}
	}
	return Value{kind: kindText, text: text}
}

// Own is a text of this program.
func Own(text string) Value { return Value{kind: kindOwn, text: text} }

// Composed is a text with times in it, which depend on the look. A program gets the text with times in UTC.
func Composed(text func(Look) string) Value { return Value{kind: kindComposed, compose: text} }

// Nothing is – : there is no such value.
func Nothing() Value {
	return Value{kind: kindOwn, text: "–", colour: Faint}.ForPrograms("")
}

// Count is a number, faint if it is 0.
func Count[T int | int32 | int64](n T) Value {
	v := Value{kind: kindNumber, text: Number(n), number: float64(n)}.ForPrograms(strconv.FormatInt(int64(n), 10))
	if n == 0 {
		v.colour = Faint
	}
	return v
}

// Share is a percentage, rounded down.
func Share(percent float64) Value {
	v := Value{kind: kindNumber, text: Percent(percent), number: percent}
	return v.ForPrograms(strings.TrimSuffix(v.text, " %"))
}

// At is a time; empty if it is not set.
func At(t *timestamppb.Timestamp) Value {
	if t == nil {
		return Value{}
	}
	return Value{kind: kindTime, from: t.AsTime()}
}

// AtMinute is [At] without seconds.
func AtMinute(t *timestamppb.Timestamp) Value {
	v := At(t)
	if t != nil {
		v.kind = kindMinute
	}
	return v
}

// Forecast is a range of times. It begins and ends at the same time if that is certain.
func Forecast(from, to time.Time) Value { return Value{kind: kindRange, from: from, to: to} }

// Lasted is a duration; empty if it is not set.
func Lasted(d *durationpb.Duration) Value {
	if d == nil {
		return Value{}
	}
	seconds := d.AsDuration().Seconds()
	return Value{kind: kindNumber, text: Duration(d.AsDuration()), number: seconds}.
		ForPrograms(strconv.FormatFloat(Seconds(d.AsDuration()), 'f', -1, 64))
}

// Named is a name that a command takes, such as 411/28. It sorts by numbers, the first one first.
func Named(name string, numbers ...int64) Value {
	v := Value{kind: kindText, text: name}
	for _, n := range numbers {
		v.kind, v.number = kindNumber, v.number*(1<<24)+float64(n)
	}
	return v.ForPrograms(name)
}

// State is a word with the symbol and the colour that go with it. A program gets the word alone.
func State(word, symbol string, colour Colour) Value {
	return Value{kind: kindOwn, text: word, symbol: symbol, colour: colour}.ForPrograms(word)
}

// Coloured gives a value a colour.
func (v Value) Coloured(c Colour) Value {
	v.colour = c
	return v
}

// ForPrograms sets what a program gets for a value.
func (v Value) ForPrograms(text string) Value {
	v.machine, v.hasMachine = text, true
	return v
}

// shown is the value on a terminal.
func (v Value) shown(l Look) string {
	switch v.kind {
	case kindNone:
		return ""
	case kindTime:
		return l.Time(v.from)
	case kindMinute:
		return l.Minute(v.from)
	case kindRange:
		return l.Range(v.from, v.to)
	case kindComposed:
		return Printable(v.compose(l))
	case kindOwn:
		if v.symbol != "" {
			return l.Spell(v.symbol) + " " + l.Spell(v.text)
		}
		return l.Spell(v.text)
	}
	return Printable(v.text)
}

// written is the value for a program.
func (v Value) written() string {
	switch {
	case v.hasMachine:
		return v.machine
	case v.kind == kindComposed:
		return v.compose(Look{})
	case v.kind == kindTime, v.kind == kindMinute:
		return v.from.UTC().Format(machineTime)
	case v.kind == kindRange:
		return v.from.UTC().Format(machineTime) + "/" + v.to.UTC().Format(machineTime)
	}
	return v.text
}

// compare sorts values: numbers and times by size, texts without regard to case. What is empty comes last.
func (v Value) compare(w Value) int {
	if empty, other := v.written() == "", w.written() == ""; empty || other {
		return cmp.Compare(order(empty), order(other))
	}
	return cmp.Or(
		cmp.Compare(v.number, w.number),
		v.from.Compare(w.from),
		v.to.Compare(w.to),
		strings.Compare(strings.ToLower(v.text), strings.ToLower(w.text)),
	)
}

// order is 1 for true, which sorts behind 0 for false.
func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

package ui

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/stokerd/stoker/job"
)

// Printable makes a text safe to print on one line: every control character, line breaks included, every
// invisible character and every character that changes the reading order ([job.Hidden]) becomes a space.
// An old job table may hold such characters.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if job.Hidden(r) {
			return ' '
		}
		return r
	}, text)
}

// PrintableLines is [Printable] for a text of several lines.
func PrintableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = Printable(line)
	}
	return strings.Join(lines, "\n")
}

// PrintableArgs returns the arguments of a format with every string made [Printable]. Other types, errors
// among them, stay as they are.
func PrintableArgs(args []any) []any {
	printable := make([]any, len(args))
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			arg = Printable(text)
		}
		printable[i] = arg
	}
	return printable
}

// WriteLine writes a text, made [Printable], as one line.
func WriteLine(w io.Writer, line string) error {
	_, err := io.WriteString(w, Printable(line)+"\n")
	return err
}

// FormatDuration formats a duration to the second, such as 3m20s, and from an hour on to the minute, such
// as 2h5m. A negative duration is 0s.
func FormatDuration(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

// Seconds is a duration in seconds to the millisecond, as the number with the fewest digits:
// [time.Duration.Seconds] makes 3.7039999999999997 of 3.704 s.
func Seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}

// Plural counts a noun whose plural ends in s: "1 job", "2 jobs".
func Plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// formatTime is a time in UTC, to the second; empty if it is not set.
func formatTime(t *timestamppb.Timestamp) string { return formatTimeAs(time.RFC3339, t) }

// formatExactTime is a time in UTC, with the fraction of the second; empty if it is not set.
func formatExactTime(t *timestamppb.Timestamp) string { return formatTimeAs(time.RFC3339Nano, t) }

func formatTimeAs(layout string, t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().UTC().Format(layout)
}

func itoa[T int | int32 | int64](n T) string { return strconv.FormatInt(int64(n), 10) }

// inBrackets is a text in brackets, after a space; empty for an empty text.
func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

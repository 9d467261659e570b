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

// Printable is a text that is safe to print: on one line, and without control characters, invisible
// characters, and characters that change the reading order ([job.Hidden]), each of which becomes a
// space. An old job table may hold any of them.
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

// PrintableArgs are the arguments of a format, with every string made [Printable].
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

// WriteLine writes a text on one line.
func WriteLine(w io.Writer, line string) error {
	_, err := io.WriteString(w, Printable(line)+"\n")
	return err
}

// FormatDuration is a duration as exact as people need it: in seconds, from an hour on in minutes.
// A negative one is 0s.
func FormatDuration(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

// Plural is "1 job" or "2 jobs".
func Plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// formatTime is a time in UTC, to the second; empty if it is not set.
func formatTime(t *timestamppb.Timestamp) string { return formatTimeAs(time.RFC3339, t) }

// formatExactTime is a time in UTC, as exact as it is known; empty if it is not set.
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

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/stokerd/stoker/job"
)

// table is rows under a header.
type table struct {
	header []string
	rows   [][]string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// printTable shows a table: aligned under its header to people, as tab-separated
// values without header to programs.
func (c *cli) printTable(t table) error {
	if _, people := terminal(c.stdout); people {
		_, err := io.WriteString(c.stdout, t.aligned())
		return err
	}
	_, err := io.WriteString(c.stdout, t.tabbed())
	return err
}

func (t *table) aligned() string {
	rows := [][]string{t.header}
	for _, row := range t.rows {
		flat := make([]string, len(row))
		for i, cell := range row {
			flat[i] = printable(cell)
		}
		rows = append(rows, flat)
	}
	widths := make([]int, len(t.header))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], lipgloss.Width(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", widths[i]-lipgloss.Width(cell)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

func (t *table) tabbed() string {
	var b strings.Builder
	for _, row := range t.rows {
		for i, cell := range row {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(printable(cell))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// printable is a text as it is shown: on one line, without what a terminal obeys, what
// nobody sees and what changes the order in which a text is read. Names, reasons and errors
// are other people's, and an old job table holds whatever was allowed then. Everything that
// is printed passes through it where it leaves its renderer; JSON escapes instead.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if job.Hidden(r) {
			return ' '
		}
		return r
	}, text)
}

// printableArgs are the arguments of a format, texts as they are shown.
func printableArgs(args []any) []any {
	shown := make([]any, len(args))
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			arg = printable(text)
		}
		shown[i] = arg
	}
	return shown
}

// writeLine prints a line.
func writeLine(w io.Writer, line string) error {
	_, err := io.WriteString(w, printable(line)+"\n")
	return err
}

// printRow prints a row for programs.
func (c *cli) printRow(cells ...string) error {
	_, err := io.WriteString(c.stdout, (&table{rows: [][]string{cells}}).tabbed())
	return err
}

// escaped is JSON on one line with what [printable] leaves out written as escapes.
func escaped(line []byte) []byte {
	if position, _ := job.FindHidden(string(line)); position == 0 {
		return line
	}
	clean := make([]byte, 0, len(line)+16)
	for _, r := range string(line) {
		if job.Hidden(r) {
			clean = fmt.Appendf(clean, `\u%04x`, r) // it stands in a string: nothing else has any
		} else {
			clean = utf8.AppendRune(clean, r)
		}
	}
	return clean
}

// escaping writes lines of JSON, each by one call.
type escaping struct{ w io.Writer }

func (e escaping) Write(line []byte) (int, error) {
	text, ended := bytes.CutSuffix(line, []byte{'\n'})
	text = escaped(text)
	if ended {
		text = append(text[:len(text):len(text)], '\n')
	}
	if _, err := e.w.Write(text); err != nil {
		return 0, err
	}
	return len(line), nil
}

// jsonLine encodes a message on one line. Fields that are not set are left out.
func jsonLine(m proto.Message) ([]byte, error) {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	var line bytes.Buffer // the encoder varies its spaces on purpose
	if err := json.Compact(&line, text); err != nil {
		return nil, err
	}
	return escaped(line.Bytes()), nil
}

// printJSON prints a message, indented.
func (c *cli) printJSON(m proto.Message) error {
	line, err := jsonLine(m)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := json.Indent(&text, line, "", "  "); err != nil {
		return err
	}
	text.WriteByte('\n')
	_, err = c.stdout.Write(text.Bytes())
	return err
}

// printJSONLine prints a message on one line.
func (c *cli) printJSONLine(m proto.Message) error {
	line, err := jsonLine(m)
	if err != nil {
		return err
	}
	_, err = c.stdout.Write(append(line, '\n'))
	return err
}

// jsonArray prints messages as one array, each on a line of its own, as they come.
type jsonArray struct {
	w     io.Writer
	began bool
}

func (a *jsonArray) add(m proto.Message) error {
	line, err := jsonLine(m)
	if err != nil {
		return err
	}
	opening := ",\n"
	if !a.began {
		opening, a.began = "[\n", true
	}
	_, err = a.w.Write(append([]byte(opening), line...))
	return err
}

func (a *jsonArray) end() error {
	closing := "\n]\n"
	if !a.began {
		closing = "[]\n"
	}
	_, err := io.WriteString(a.w, closing)
	return err
}

// note tells people something that is not the command's data.
func (c *cli) note(format string, args ...any) {
	_, _ = fmt.Fprintf(c.stderr, format+"\n", printableArgs(args)...) // advice that nobody can read is not worth failing for
}

// moment is a time for people and, in UTC, for programs; empty if it is not set.
func moment(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().UTC().Format(time.RFC3339)
}

// rounded is a duration with no more precision than people need.
func rounded(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	text := d.Round(time.Minute).String()
	return strings.TrimSuffix(text, "0s")
}

// plural is "1 job" or "2 jobs".
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

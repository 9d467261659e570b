package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/job"
)

// WriteJSON writes a message as indented JSON, with the field names of the contract. Fields that are
// not set are left out.
func WriteJSON(w io.Writer, m proto.Message) error {
	line, err := jsonLine(m)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := json.Indent(&text, line, "", "  "); err != nil {
		return err
	}
	text.WriteByte('\n')
	_, err = w.Write(text.Bytes())
	return err
}

// writeJSONLine is [WriteJSON] on one line.
func writeJSONLine(w io.Writer, m proto.Message) error {
	line, err := jsonLine(m)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// JSONArray writes messages as one JSON array, a line each. It keeps none of them in memory.
type JSONArray struct {
	w     io.Writer
	began bool
}

// NewJSONArray writes an array to w.
func NewJSONArray(w io.Writer) *JSONArray { return &JSONArray{w: w} }

// Add writes a message as the next element.
func (a *JSONArray) Add(m proto.Message) error {
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

// End closes the array; [] if it has no elements.
func (a *JSONArray) End() error {
	closing := "\n]\n"
	if !a.began {
		closing = "[]\n"
	}
	_, err := io.WriteString(a.w, closing)
	return err
}

// EscapingWriter escapes, in lines of JSON, the characters that [Printable] replaces. Each Write has to
// be one whole line.
type EscapingWriter struct{ W io.Writer }

// Write writes a line to W.
func (e EscapingWriter) Write(line []byte) (int, error) {
	text, ended := bytes.CutSuffix(line, []byte{'\n'})
	text = escapeHidden(text)
	if ended {
		text = append(text[:len(text):len(text)], '\n')
	}
	if _, err := e.W.Write(text); err != nil {
		return 0, err
	}
	return len(line), nil
}

// jsonLine encodes a message on one line.
func jsonLine(m proto.Message) ([]byte, error) {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	return escapeHidden(withoutSpaces(text)), nil
}

// withoutSpaces removes the spaces between the parts of a line of JSON, in place. protojson varies them on
// purpose. Long lists are printed as lines, and [json.Compact], which checks what it reads, takes half as
// long as protojson itself.
func withoutSpaces(line []byte) []byte {
	kept, quoted := line[:0], false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			kept = append(kept, c)
			i++
		case c == '"':
			quoted = !quoted
		case c == ' ' && !quoted:
			continue
		}
		kept = append(kept, line[i])
	}
	return kept
}

// escapeHidden escapes the characters in a line of JSON that [Printable] replaces. Compact JSON has such
// characters only within strings.
func escapeHidden(line []byte) []byte {
	if position, _ := job.FindHidden(string(line)); position == 0 {
		return line
	}
	escaped := make([]byte, 0, len(line)+16)
	for _, r := range string(line) {
		if job.Hidden(r) {
			escaped = fmt.Appendf(escaped, `\u%04x`, r)
		} else {
			escaped = utf8.AppendRune(escaped, r)
		}
	}
	return escaped
}

package output

import (
	"io"

	"google.golang.org/protobuf/proto"
)

// WriteMessage writes one message as JSON or YAML, or the results of an expression over it. The options
// have been checked ([Options.Check]), and are [Options.ForPrograms].
func WriteMessage(w io.Writer, o Options, m proto.Message) error {
	line, err := JSON(m)
	if err != nil {
		return err
	}
	return WriteDocument(w, o, line)
}

// WriteDocument is [WriteMessage] for a line of JSON.
func WriteDocument(w io.Writer, o Options, line []byte) error {
	if o.JQ != "" {
		q, err := newQuery(o.JQ)
		if err != nil {
			return err
		}
		return q.run(w, line)
	}
	var err error
	text := append(line[:len(line):len(line)], '\n')
	switch o.format() {
	case FormatJSON:
		text, err = indented(line)
	case FormatYAML:
		text, err = yamlDocument(line, "")
	}
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// Lines returns a function that writes messages as lines of JSON, or the results of an expression over
// each.
func Lines(w io.Writer, o Options) (func(proto.Message) error, error) {
	if o.JQ == "" {
		return func(m proto.Message) error { return WriteMessage(w, Options{Format: FormatJSONL}, m) }, nil
	}
	q, err := newQuery(o.JQ)
	if err != nil {
		return nil, err
	}
	return func(m proto.Message) error {
		line, err := JSON(m)
		if err != nil {
			return err
		}
		return q.run(w, line)
	}, nil
}

// Thing is a single message that is shown on a screen of its own.
type Thing[T any] struct {
	// Message is what JSON and YAML have.
	Message proto.Message
	// Row is what stands in the row of a listing.
	Row T
	// Sheet draws the screen; all is for -o wide.
	Sheet func(look Look, all bool) string
}

// WriteThing writes a single thing: on a screen of its own, or in the chosen format. --columns, CSV and
// names show it as the only row of the listing.
func (l Listing[T]) WriteThing(w io.Writer, look Look, o Options, t Thing[T]) error {
	switch f := o.format(); {
	case f == FormatJSON, f == FormatJSONL, f == FormatYAML:
		return WriteMessage(w, o, t.Message)
	case (f == FormatTable || f == FormatWide) && len(o.Columns) == 0:
		look.UTC = look.UTC || o.UTC
		_, err := io.WriteString(w, t.Sheet(look, f == FormatWide))
		return err
	}
	rows, err := l.NewWriter(w, look, o)
	if err != nil {
		return err
	}
	if err := rows.Add(t.Row); err != nil {
		return err
	}
	return rows.End()
}

package output

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/stokerd/stoker/internal/spelling"
)

// Writer writes messages, each with a call of Add. The output is complete only after End. Nothing is
// written if neither is called.
type Writer[T any] interface {
	Add(T) error
	End() error
}

// NewWriter makes a writer of messages in the chosen format. It refuses options that do not fit the listing,
// before anything is written.
//
// Messages are written as they come: a table on a terminal is printed after [rowsTogether] rows, and JSON
// for an expression, or anything sorted, at the end.
func (l Listing[T]) NewWriter(w io.Writer, look Look, o Options) (Writer[T], error) {
	if err := o.Check(ListingFormats()); err != nil {
		return nil, err
	}
	chosen, err := l.columns(look, o)
	if err != nil {
		return nil, err
	}
	look.UTC = look.UTC || o.UTC
	to, err := l.format(w, look, o, chosen)
	if err != nil || o.Sort == "" {
		return to, err
	}
	by, err := l.column(strings.TrimPrefix(o.Sort, "-"), "--sort "+o.Sort)
	if err != nil {
		return nil, err
	}
	return &sorted[T]{to: to, by: by.Value, descending: strings.HasPrefix(o.Sort, "-"), most: o.Most}, nil
}

// format makes a writer for a format, with the chosen columns if it is one of columns.
func (l Listing[T]) format(w io.Writer, look Look, o Options, chosen []Column[T]) (Writer[T], error) {
	switch f := o.format(); f {
	case FormatJSON, FormatJSONL:
		return l.newJSONWriter(w, f == FormatJSON, o.JQ)
	case FormatYAML:
		return &yamlWriter[T]{out: newBuffer(w), line: l.line}, nil
	case FormatCSV:
		return l.newCSVWriter(w, o)
	case FormatName:
		return &nameWriter[T]{out: newBuffer(w), name: l.Name}, nil
	default:
		if !look.OnTerminal() {
			return &tabWriter[T]{out: newBuffer(w), columns: chosen}, nil
		}
		shapes := make([]shape, len(chosen))
		for i, c := range chosen {
			shapes[i] = c.describeShape()
		}
		return &tableWriter[T]{table: newTable(w, look, shapes, f == FormatWide, !o.NoHeader), columns: chosen}, nil
	}
}

// columns are the columns of a table: those that --columns names, else all for a program and for -o wide,
// else the usual ones. A table on a terminal leaves out more of them, where they do not fit.
func (l Listing[T]) columns(look Look, o Options) ([]Column[T], error) {
	if len(o.Columns) == 0 && (!look.OnTerminal() || o.format() == FormatWide) {
		return l.Columns, nil
	}
	var chosen []Column[T]
	if len(o.Columns) == 0 {
		for _, c := range l.Columns {
			if !c.Wide && !slices.Contains(l.Leave, c.Head) {
				chosen = append(chosen, c)
			}
		}
		return chosen, nil
	}
	for _, name := range o.Columns {
		c, err := l.column(name, "--columns "+name)
		if err != nil {
			return nil, err
		}
		c.LeaveOut, c.asked = 0, true
		chosen = append(chosen, c)
	}
	return chosen, nil
}

// column finds the column with a name, or makes one of a field of the contract. given is how the user
// named it.
func (l Listing[T]) column(name, given string) (Column[T], error) {
	for _, c := range l.Columns {
		if strings.EqualFold(c.Head, name) {
			return c, nil
		}
	}
	for _, e := range l.Extra {
		if e.Name == name {
			return Column[T]{Head: strings.ToUpper(name), Right: e.Number, Cut: CutMiddle, Value: e.column}, nil
		}
	}
	if f, ok := l.findField(name); ok {
		return Column[T]{Head: strings.ToUpper(f.name), Right: f.numeric(), Cut: CutMiddle, Value: func(m T) Value { return f.value(asMessage(m)) }}, nil
	}
	names, fields := l.ColumnNames(), l.fieldNames()
	also := ""
	if len(fields) > 0 {
		also = ", and every field of JSON is one, such as " + fields[0]
	}
	return Column[T]{}, fmt.Errorf("%s: there is no such column; the columns are %s%s%s",
		given, strings.Join(names, ", "), also, spelling.Hint(name, append(slices.Clone(names), fields...)))
}

// ColumnNames are the names that --columns and --sort take, beside fields of the contract.
func (l Listing[T]) ColumnNames() []string {
	names := make([]string, len(l.Columns))
	for i, c := range l.Columns {
		names[i] = strings.ToLower(c.Head)
	}
	return names
}

// fieldNames are the names of the fields that CSV has.
func (l Listing[T]) fieldNames() []string {
	var names []string
	for _, f := range l.fields() {
		names = append(names, f.name)
	}
	for _, e := range l.Extra {
		names = append(names, e.Name)
	}
	return names
}

// line is a message as a line of JSON, with the extra fields of the listing.
func (l Listing[T]) line(m T) ([]byte, error) {
	line := []byte("{}")
	if message, ok := any(m).(proto.Message); ok {
		var err error
		if line, err = JSON(message); err != nil {
			return nil, err
		}
	}
	for _, e := range l.Extra {
		value := e.Value(m)
		if value == "" {
			continue
		}
		line = line[:len(line)-1]
		if len(line) > 1 {
			line = append(line, ',')
		}
		line = append(append(append(line, '"'), e.Name...), '"', ':')
		if e.Number {
			line = append(line, value...)
		} else {
			line = escapeHidden(appendText(line, value))
		}
		line = append(line, '}')
	}
	return line, nil
}

// tableWriter writes a table for a terminal.
type tableWriter[T any] struct {
	table   *table
	columns []Column[T]
}

func (t *tableWriter[T]) Add(m T) error {
	row := make([]cell, len(t.columns))
	for i, c := range t.columns {
		row[i] = cellOf(c.Value(m), t.table.look)
	}
	return t.table.add(row)
}

func (t *tableWriter[T]) End() error { return t.table.end() }

// Shows reports whether a table for a terminal, after its end, has shown the column with a head.
func Shows[T any](w Writer[T], head string) bool {
	if s, ok := w.(*sorted[T]); ok {
		w = s.to
	}
	t, ok := w.(*tableWriter[T])
	if !ok {
		return false
	}
	at := slices.IndexFunc(t.columns, func(c Column[T]) bool { return c.Head == head })
	return at >= 0 && at < len(t.table.printed) && t.table.printed[at] > 0
}

// tabWriter writes lines with tabs, for programs.
type tabWriter[T any] struct {
	out     buffer
	columns []Column[T]
}

func (t *tabWriter[T]) Add(m T) error {
	for i, c := range t.columns {
		if i > 0 {
			t.out.writeText("\t")
		}
		t.out.writeText(Printable(c.Value(m).written()))
	}
	t.out.writeText("\n")
	return t.out.problem()
}

func (t *tabWriter[T]) End() error { return t.out.flush() }

// nameWriter writes what other commands take.
type nameWriter[T any] struct {
	out  buffer
	name func(T) string
}

func (n *nameWriter[T]) Add(m T) error {
	n.out.writeText(Printable(n.name(m)) + "\n")
	return n.out.problem()
}

func (n *nameWriter[T]) End() error { return n.out.flush() }

// yamlWriter writes a list.
type yamlWriter[T any] struct {
	out   buffer
	line  func(T) ([]byte, error)
	began bool
}

func (y *yamlWriter[T]) Add(m T) error {
	y.began = true
	line, err := y.line(m)
	if err != nil {
		return err
	}
	text, err := yamlDocument(line, "- ")
	if err != nil {
		return err
	}
	y.out.writeBytes(text)
	return y.out.problem()
}

func (y *yamlWriter[T]) End() error {
	if !y.began {
		y.out.writeText("[]\n")
	}
	return y.out.flush()
}

// sorted keeps all messages until the end.
type sorted[T any] struct {
	to         Writer[T]
	by         func(T) Value
	descending bool
	most       int // how many are printed; 0: all
	messages   []T
}

func (s *sorted[T]) Add(m T) error {
	s.messages = append(s.messages, m)
	return nil
}

func (s *sorted[T]) End() error {
	slices.SortStableFunc(s.messages, func(a, b T) int {
		v, w := s.by(a), s.by(b)
		if s.descending && v.written() != "" && w.written() != "" {
			v, w = w, v
		}
		return v.compare(w)
	})
	if s.most > 0 {
		s.messages = s.messages[:min(s.most, len(s.messages))]
	}
	for _, m := range s.messages {
		if err := s.to.Add(m); err != nil {
			return err
		}
	}
	return s.to.End()
}

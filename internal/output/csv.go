package output

import (
	"encoding/csv"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// csvColumn is a column of CSV.
type csvColumn[T any] struct {
	name string
	text func(T) string
}

// csvWriter writes a line of names, even without messages, and a line for each message.
type csvWriter[T any] struct {
	out     buffer
	csv     *csv.Writer
	columns []csvColumn[T]
	cell    func(string) string // what is written for a value
	row     []string
}

// newCSVWriter makes a writer of CSV. With BOM it is for a spreadsheet: with a byte order mark, by which
// Excel knows UTF-8, and with an apostrophe before every value that a spreadsheet would take for a
// formula.
func (l Listing[T]) newCSVWriter(w io.Writer, o Options) (Writer[T], error) {
	columns := l.csvColumns(o.Columns)
	to := &csvWriter[T]{out: newBuffer(w), columns: columns, cell: Printable, row: make([]string, len(columns))}
	to.csv = csv.NewWriter(to.out)
	if o.BOM {
		to.cell = withoutFormula
		to.out.writeText("\ufeff")
	}
	if o.NoHeader {
		return to, nil
	}
	for i, c := range columns {
		to.row[i] = c.name
	}
	return to, to.csv.Write(to.row)
}

// csvColumns are the columns with the given names, or else one for every field of the contract and every
// extra field. A name is that of a field or an extra field, if there is one, and else that of a column of the table.
func (l Listing[T]) csvColumns(names []string) []csvColumn[T] {
	var columns []csvColumn[T]
	if len(names) == 0 {
		for _, f := range l.fields() {
			columns = append(columns, csvColumn[T]{f.name, func(m T) string { return f.text(asMessage(m)) }})
		}
		for _, e := range l.Extra {
			columns = append(columns, csvColumn[T]{e.Name, e.Value})
		}
		return columns
	}
	for _, name := range names {
		if f, ok := l.findField(name); ok {
			columns = append(columns, csvColumn[T]{name, func(m T) string { return f.text(asMessage(m)) }})
			continue
		}
		if at := slices.IndexFunc(l.Extra, func(e Extra[T]) bool { return e.Name == name }); at >= 0 {
			columns = append(columns, csvColumn[T]{name, l.Extra[at].Value})
			continue
		}
		if c, err := l.column(name, name); err == nil { // the names have been checked
			columns = append(columns, csvColumn[T]{strings.ToLower(name), func(m T) string { return c.Value(m).written() }})
		}
	}
	return columns
}

func (c *csvWriter[T]) Add(m T) error {
	for i, column := range c.columns {
		c.row[i] = c.cell(column.text(m)) // CSV has no escapes; JSON keeps every character
	}
	return c.csv.Write(c.row)
}

func (c *csvWriter[T]) End() error {
	c.csv.Flush()
	if err := c.csv.Error(); err != nil {
		return err
	}
	return c.out.flush()
}

// withoutFormula is a value as a cell that no spreadsheet takes for a formula. Some spreadsheets look
// behind blanks, and some know the wide forms of the characters as well.
func withoutFormula(value string) string {
	value = Printable(value)
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(value, unicode.IsSpace))
	if slices.Contains([]rune("=+-@＝＋－＠"), first) {
		return "'" + value
	}
	return value
}

package joblist

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/job"
)

// readCSV reads a header and one job per record. It returns only errors of in.
func (p *parser) readCSV(in io.Reader) error {
	source := &recorder{in: in}
	r := csv.NewReader(source)
	r.FieldsPerRecord = -1 // p.record counts the fields, so that reading goes on after a short row
	r.ReuseRecord = true
	var columns []string
	for {
		source.advance(r.InputOffset())
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if syntax, ok := errors.AsType[*csv.ParseError](err); ok {
			p.mistake(syntax.StartLine, "%s; write a quote inside a quoted field twice", strings.TrimSpace(syntax.Err.Error()))
			if columns == nil {
				return nil // without a header, the other rows cannot be read
			}
			continue
		}
		if err != nil {
			return err
		}
		line, _ := r.FieldPos(0)
		if !slices.ContainsFunc(record, notBlank) {
			continue // a spreadsheet writes an empty row as commas
		}
		if columns != nil {
			quoted := func(i int) bool { return source.at(r.FieldPos(i)) == '"' }
			p.record(columns, record, line, quoted)
			continue
		}
		if columns = p.header(record, line); columns == nil {
			return nil
		}
	}
}

// notBlank reports whether a cell holds more than white space.
func notBlank(cell string) bool { return strings.TrimSpace(cell) != "" }

// header returns the names of the columns. It returns nil after a mistake in the header: the other
// rows are not read then. A column without a name is allowed, because spreadsheets write empty
// columns; record refuses a value in it.
func (p *parser) header(record []string, line int) []string {
	columns := make([]string, len(record))
	for i, cell := range record {
		columns[i] = strings.TrimSpace(cell)
	}
	if slices.ContainsFunc(columns, func(c string) bool { return strings.Contains(c, "\r") }) {
		p.mistake(line, "lines end in CR alone: save the list with lines that end in LF or CRLF")
		return nil
	}
	if !slices.ContainsFunc(columns, isField) {
		p.mistake(line, "the first line must name the columns, for example %s; %s", strings.Join(fieldNames(), ","), foundInstead(record))
		return nil
	}
	before := len(p.mistakes)
	for i, c := range columns {
		switch {
		case c == "":
		case slices.Contains(columns[:i], c):
			p.mistake(line, "column %q appears twice", c)
		case !isField(c):
			p.mistake(line, "unknown column %q%s", c, p.columnHint(c))
		}
	}
	if !p.forTemplate && !slices.Contains(columns, "input_path") {
		p.mistake(line, "the column input_path is missing")
	}
	if len(p.mistakes) > before {
		return nil
	}
	return columns
}

// foundInstead says what the first row holds instead of the names of the columns.
func foundInstead(record []string) string {
	text := strings.Join(record, ",")
	if !utf8.ValidString(text) {
		return "this is not UTF-8 text: save the list as CSV in UTF-8"
	}
	for _, delimiter := range []string{";", "\t"} {
		if slices.ContainsFunc(strings.Split(text, delimiter), isField) {
			return fmt.Sprintf("the columns are separated by %q: separate them by commas", delimiter)
		}
	}
	const enough = 60
	if runes := []rune(text); len(runes) > enough {
		text = string(runes[:enough]) + "…"
	}
	return fmt.Sprintf("it reads %q", text)
}

func (p *parser) columnHint(column string) string {
	if hint := spelling.Hint(column, fieldNames()); hint != "" {
		return hint
	}
	return "; the columns are " + strings.Join(fieldNames(), ", ") + " and var:<name>"
}

// record reads one job. White space around a field is dropped. In quotes it is kept, because it may
// be part of a path; a field of white space alone is empty all the same.
func (p *parser) record(columns, record []string, line int, quoted func(field int) bool) {
	switch {
	case len(record) < len(columns):
		p.mistake(line, "%d fields, and the header names %d: too few", len(record), len(columns))
		return
	case len(record) > len(columns):
		p.mistake(line, "%d fields, and the header names %d: too many; put a field that contains a comma in quotes", len(record), len(columns))
		return
	}
	var spec job.Spec
	for i, value := range record {
		trimmed := strings.TrimSpace(value)
		if trimmed == "" || trimmed != value && !quoted(i) {
			value = trimmed
		}
		switch {
		case value == "":
		case columns[i] == "":
			p.mistake(line, "field %d, %q, is in a column that has no name", i+1, shorten([]byte(value)))
		default:
			p.set(&spec, columns[i], value, line)
		}
	}
	p.add(spec, line)
}

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
	r.FieldsPerRecord = -1 // counted here, so that one short line does not hide the others
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
				return nil // without a header nothing below makes sense
			}
			continue
		}
		if err != nil {
			return err
		}
		line, _ := r.FieldPos(0)
		if !slices.ContainsFunc(record, filled) {
			continue // spreadsheets write empty rows as commas
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

// filled reports whether there is something in a cell.
func filled(cell string) bool { return strings.TrimSpace(cell) != "" }

// header checks the names of the columns. It returns nil if jobs cannot be read
// with them. Spreadsheets write empty columns too: one without a name is fine as long as
// there is nothing in it.
func (p *parser) header(record []string, line int) []string {
	columns := make([]string, len(record))
	for i, cell := range record {
		columns[i] = strings.TrimSpace(cell)
	}
	if slices.ContainsFunc(columns, func(c string) bool { return strings.Contains(c, "\r") }) {
		p.mistake(line, "its lines end in CR alone; save the list with LF or CRLF at their ends")
		return nil
	}
	if !slices.ContainsFunc(columns, known) {
		p.mistake(line, "the first line has to name the columns, for example %s; %s", strings.Join(fields(), ","), instead(record))
		return nil
	}
	before := len(p.mistakes)
	for i, c := range columns {
		switch {
		case c == "":
		case slices.Contains(columns[:i], c):
			p.mistake(line, "column %q is there twice", c)
		case !known(c):
			p.mistake(line, "unknown column %q%s", c, p.columnHint(c))
		}
	}
	if !p.forTemplate && !slices.Contains(columns, "input_path") {
		p.mistake(line, "there is no column input_path")
	}
	if len(p.mistakes) > before {
		return nil
	}
	return columns
}

// instead says what is on the line that should name the columns.
func instead(record []string) string {
	text := strings.Join(record, ",")
	if !utf8.ValidString(text) {
		return "this is not UTF-8 text: save the list as CSV in UTF-8"
	}
	for _, delimiter := range []string{";", "\t"} {
		if slices.ContainsFunc(strings.Split(text, delimiter), known) {
			return fmt.Sprintf("they are separated by %q, which has to be a comma", delimiter)
		}
	}
	const enough = 60
	if runes := []rune(text); len(runes) > enough {
		text = string(runes[:enough]) + "…"
	}
	return fmt.Sprintf("it reads %q", text)
}

func (p *parser) columnHint(column string) string {
	if hint := spelling.Hint(column, fields()); hint != "" {
		return hint
	}
	return "; the columns are " + strings.Join(fields(), ", ") + " and var:<name>"
}

// record reads one job. Blanks around a field are no part of it, unless it stands in
// quotes: those that do were written on purpose, and a path is what its bytes are.
func (p *parser) record(columns, record []string, line int, quoted func(field int) bool) {
	switch {
	case len(record) < len(columns):
		p.mistake(line, "too few fields: %d, and the header names %d", len(record), len(columns))
		return
	case len(record) > len(columns):
		p.mistake(line, "%d fields, the header names %d; put a field that contains a comma in quotes", len(record), len(columns))
		return
	}
	var spec job.Spec
	for i, value := range record {
		bare := strings.TrimSpace(value)
		if bare == "" || bare != value && !quoted(i) {
			value = bare
		}
		switch {
		case value == "":
		case columns[i] == "":
			p.mistake(line, "field %d, %q, is in a column without a name", i+1, shorten([]byte(value)))
		default:
			p.set(&spec, columns[i], value, line)
		}
	}
	p.add(spec, line)
}

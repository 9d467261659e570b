package joblist

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/stokerd/stoker/job"
)

// table is a list in CSV, as far as it was read.
type table struct {
	*csv.Reader
	source  *recorder
	dialect dialect
	columns []string // the field of each column: "" for one without a name, ignored for one that is not read
	bare    bool     // there is no header: columns are named by their positions
	names   []string // what the list calls each column
	sparse  bool     // some columns are not read
	rows    int      // that were read behind the header
	counter int      // the column without a name that counts the rows; -1: there is none
}

// readCSV reads a header and one job per record. It returns only errors of in.
func (p *parser) readCSV(in *bufio.Reader) error {
	d, err := p.detectDialect(in)
	if err != nil {
		return err
	}
	preview, err := previewOf(in)
	if err != nil {
		return err
	}
	p.list.header = true
	t := &table{source: &recorder{in: in}, dialect: d, counter: -1}
	t.Reader = csv.NewReader(t.source)
	t.Comma = d.comma
	t.FieldsPerRecord = -1 // p.record counts the fields, so that reading goes on after a short row
	t.ReuseRecord = true
	for !p.stopped {
		t.source.advance(t.InputOffset())
		record, err := t.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, errLongRow) {
			p.longRow(t.source.line + 1 + d.lines)
			return nil
		}
		if syntax, ok := errors.AsType[*csv.ParseError](err); ok {
			if t.columns == nil && strings.HasPrefix(preview.first(), "<") {
				p.mistake(1+d.lines, "%s", p.headerless(preview, d.comma))
				return nil
			}
			p.syntaxError(t, syntax)
			if t.columns == nil {
				return nil // without a header, the other rows cannot be read
			}
			continue
		}
		if err != nil {
			return err
		}
		switch {
		case t.columns == nil:
			if ok := p.header(t, record, preview); !ok {
				return nil
			}
			if t.bare {
				p.record(t, record)
			}
		case !slices.ContainsFunc(record, notBlank): // a spreadsheet writes an empty row as commas
		case p.isRowComment(t, record):
		case !t.bare && t.repeatsHeader(record):
			p.mistake(t.line(), "the line repeats the header: two lists were put together; leave the line out")
		default:
			p.record(t, record)
		}
	}
	return nil
}

// longRow notes that reading ended with a row that is longer than any.
func (p *parser) longRow(line int) {
	p.mistake(line, "the row that begins here is longer than %d bytes: is a quote missing? Reading stopped here", maxRow)
}

// line is the number of the line on which the current record begins.
func (t *table) line() int {
	line, _ := t.FieldPos(0)
	return line + t.dialect.lines
}

// quoted reports whether a field of the current record is in quotes.
func (t *table) quoted(field int) bool { return t.source.at(t.FieldPos(field)) == '"' }

// syntaxError notes a mistake in the quotes of a row, unless the row is a comment.
func (p *parser) syntaxError(t *table, syntax *csv.ParseError) {
	first := string([]byte{t.source.at(syntax.StartLine, 1), t.source.at(syntax.StartLine, 2)})
	if isComment(first) && syntax.StartLine == syntax.Line { // a field of several lines may have jobs in it
		p.skipped.comments++
		return
	}
	remedy := "write a quote inside a quoted field twice"
	if errors.Is(syntax.Err, csv.ErrBareQuote) {
		remedy = "put a field that contains a quote in quotes, and write the quote inside twice"
	}
	p.mistake(syntax.StartLine+t.dialect.lines, "%s; %s", strings.TrimSpace(syntax.Err.Error()), remedy)
}

// notBlank reports whether a cell holds more than white space.
func notBlank(cell string) bool { return strings.TrimSpace(cell) != "" }

// isRowComment reports whether a row is a comment. A row that begins with # and has as many fields as
// the header may as well be a job: this is noted as a mistake.
func (p *parser) isRowComment(t *table, record []string) bool {
	if !isComment(record[0]) || t.quoted(0) || slices.Contains(cellErrors, record[0]) {
		return false
	}
	text := strings.TrimLeft(record[0], "#/")
	if len(record) == len(t.columns) && text != "" && text[0] != ' ' {
		p.mistake(t.line(), "%s may be a comment or a value: put a value in quotes, or leave out the line", excerpt(record[0]))
	} else {
		p.skipped.comments++
	}
	return true
}

// repeatsHeader reports whether a row names columns, as the header does: every field the name of a
// column, in any order. Of several columns at least two have to be named, since one name may be a value.
func (t *table) repeatsHeader(record []string) bool {
	named := 0
	for _, cell := range record {
		cell = strings.TrimSpace(strings.TrimPrefix(cell, byteOrderMark))
		switch {
		case cell == "":
		case slices.Contains(t.names, cell), len(t.names) > 1 && isFieldName(cell):
			named++
		default:
			return false
		}
	}
	return named >= min(2, len(t.names))
}

// isFieldName reports whether a text is one of FieldNames, in upper or lower case.
func isFieldName(text string) bool {
	return slices.ContainsFunc(FieldNames(), func(field string) bool { return strings.EqualFold(field, text) })
}

// header reads the names of the columns, and reports whether it has no mistake: else the other rows are
// not read. A column without a name is allowed, because spreadsheets write empty columns; record
// refuses a value in it.
func (p *parser) header(t *table, record []string, v preview) bool {
	line := t.line()
	if len(record) > maxHeader {
		p.mistake(line, "the line names %d columns: want at most %d, as many as a spreadsheet can have", len(record), maxHeader)
		return false
	}
	t.names = trimmed(record)
	if bad := slices.IndexFunc(t.names, func(c string) bool { return !utf8.ValidString(c) }); bad >= 0 {
		p.mistake(line, "the name of column %d: %s", bad+1, p.damage(t.names[bad]))
		return false
	}
	if !slices.ContainsFunc(t.names, p.columns.known) && p.columns.byPosition() {
		t.bare = true
		for i := range t.names {
			t.names[i] = strconv.Itoa(i + 1)
		}
	}
	if !slices.ContainsFunc(t.names, p.columns.known) {
		if !p.checkNamed(line, t.names) {
			return false
		}
		p.mistake(line, "%s", p.headerless(v, t.dialect.comma))
		return false
	}
	before, twice := len(p.mistakes), false
	has := make([]string, len(t.names))
	for i, n := range t.names {
		has[i] = fieldOf(n)
	}
	lacks := fieldsWithout(has)
	for _, c := range t.names {
		twice = !p.addColumn(t, c, lacks, line) || twice
	}
	if t.names[0] == "" {
		t.counter = 0
	}
	t.sparse = slices.Contains(t.columns, ignored)
	if p.checkNamed(line, t.names) && !p.options.ForTemplate && !slices.Contains(t.columns, inputPath) {
		p.mistake(line, "the column input_path is missing")
	}
	if len(p.mistakes) == before {
		return true
	}
	row := v.row(t.Comma)
	if isInventoryHeader(t.names) && len(row) > 1 && strings.ContainsAny(row[1], "%+") {
		p.suggest("--list-format", string(S3Inventory)) // its keys are URL-encoded
	}
	if !twice {
		p.suggestColumns(t.names, row)
	}
	return false
}

// maxHeader is how many columns a list may have.
const maxHeader = 16_384

// addColumn adds a column of the header. lacks are the fields that the header does not name as we do. It reports
// false if the list has another column for the same field.
func (p *parser) addColumn(t *table, name string, lacks []string, line int) bool {
	field := ""
	if name != "" {
		if field = p.columns.field(name); field == "" {
			p.mistake(line, "unknown column %s%s", excerpt(name), fieldHint(name, lacks))
		}
	}
	other := slices.Index(t.columns, field)
	t.columns = append(t.columns, field)
	switch {
	case field == "" || field == ignored:
		return true
	case other >= 0 && t.names[other] == name:
		p.mistake(line, "column %q appears twice", name)
	case other >= 0:
		p.mistake(line, "the columns %q and %q are both %s", t.names[other], name, field)
	case t.bare:
		p.list.columns[field] = "column " + name
	case field != name:
		p.list.columns[field] = name
	}
	return other < 0
}

// record reads one job. White space around a field is dropped. In quotes it is kept, because it may
// be part of a path; a field of white space alone is empty all the same.
func (p *parser) record(t *table, record []string) {
	line := t.line()
	t.rows++
	switch {
	case len(record) < len(t.columns):
		p.mistake(line, "%s, and the %s: too few", fieldCount(record), t.width())
		return
	case slices.ContainsFunc(record[len(t.columns):], notBlank):
		p.mistake(line, "%s, and the %s: too many; put a field that contains %q in quotes", fieldCount(record), t.width(), t.Comma)
		return
	}
	var spec job.Spec
	for i, field := range t.columns {
		value := record[i]
		if trimmed := strings.TrimSpace(value); trimmed == "" || trimmed != value && !t.quoted(i) {
			value = trimmed
		}
		switch {
		case value == "" || field == ignored:
		case field == "" && t.counts(i, value):
		case field == "":
			p.mistake(line, "field %d, %s, is in a column that has no name", i+1, excerpt(value))
		default:
			if t.sparse {
				value = strings.Clone(value) // else the job would keep the whole row in memory
			}
			p.set(&spec, field, value, line)
		}
	}
	p.add(spec, line)
}

// width says how many columns the list has, and where from.
func (t *table) width() string {
	if t.bare {
		return fmt.Sprintf("first line has %d", len(t.columns))
	}
	return fmt.Sprintf("header names %d", len(t.columns))
}

func fieldCount(record []string) string {
	if len(record) == 1 {
		return "1 field"
	}
	return fmt.Sprintf("%d fields", len(record))
}

// counts reports whether a value in a column without a name is the number of the row, from 0 or 1, as
// programs that write tables put it into the first column.
func (t *table) counts(column int, value string) bool {
	n, err := strconv.Atoi(value)
	return column == t.counter && err == nil && (n == t.rows || n == t.rows-1)
}

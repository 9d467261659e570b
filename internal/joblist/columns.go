package joblist

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/job"
)

// VariablePrefix begins the field of a variable of an encoding template, such as var:title.
const VariablePrefix = "var:"

const (
	inputPath = "input_path"
	ignored   = "-" // instead of a field, for a column that is not read
)

// FieldNames lists the columns of CSV and the fields of JSON, without variables.
func FieldNames() []string { return []string{"key", "name", inputPath, "output_path"} }

// fieldOf is the field that a column of our own names: one of FieldNames, or var:<name>. Upper and
// lower case count as the same letter there, and so do blank, - and _. It is empty for other columns.
func fieldOf(column string) string {
	if len(column) > len(VariablePrefix) && strings.EqualFold(column[:len(VariablePrefix)], VariablePrefix) {
		if name := strings.TrimSpace(column[len(VariablePrefix):]); name != "" {
			return VariablePrefix + name
		}
	}
	if folded := fold(column); slices.Contains(FieldNames(), folded) {
		return folded
	}
	return ""
}

// fold makes names equal that differ only in case, or in blanks, - and _.
func fold(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '_' || r == '-' || unicode.IsSpace(r) })
	return strings.Join(words, "_")
}

// Column says which field a column of a list is.
type Column struct {
	Theirs string // as the list names it
	Ours   string // a field; empty: the column is not read
}

// ParseColumns reads texts like "File Name=input_path". In "Size=" the column is not read. The error
// begins with the text.
func ParseColumns(texts []string) ([]Column, error) {
	var columns []Column
	for _, text := range texts {
		at := strings.LastIndexByte(text, '=')
		if at <= 0 {
			return nil, fmt.Errorf("%s: want THEIRS=OURS, for example Filename=input_path", text)
		}
		theirs, ours := strings.TrimSpace(text[:at]), strings.TrimSpace(text[at+1:])
		field := fieldOf(ours)
		if field == "" && ours != "" {
			return nil, fmt.Errorf("%s: %q is no field of a job%s", text, ours, fieldHint(ours, FieldNames()))
		}
		for _, c := range columns {
			if c.Theirs == theirs || field != "" && c.Ours == field {
				return nil, fmt.Errorf("%s: %s=%s says otherwise", text, c.Theirs, c.Ours)
			}
		}
		columns = append(columns, Column{theirs, field})
	}
	return columns, nil
}

// columnNames knows the columns of a list: those of [Options.Columns], and our own.
type columnNames struct {
	named  []Column
	exact  map[string]*Column // of named, by Theirs
	folded map[string]*Column // of named, the first of those by fold of Theirs
	ours   map[string]bool    // of named
	found  map[string]bool    // of named, by Theirs
	fields map[string]string  // of the first columns that field was asked for
}

func newColumnNames(named []Column) *columnNames {
	c := &columnNames{
		named: named, exact: map[string]*Column{}, folded: map[string]*Column{}, ours: map[string]bool{},
		found: map[string]bool{}, fields: map[string]string{},
	}
	for i := range slices.Backward(named) { // so that the first one stays
		n := &named[i]
		c.exact[n.Theirs], c.folded[fold(n.Theirs)], c.ours[n.Ours] = n, n, true
	}
	return c
}

// field is the field that a column is: one of FieldNames, a variable, or ignored. It is empty for an
// unknown column.
func (c *columnNames) field(column string) string {
	field, known := c.fields[column]
	if !known {
		field = c.findField(column)
		if len(c.fields) < maxColumns {
			c.fields[column] = field
		}
	}
	return field
}

// maxColumns is how many columns columnNames remembers. Objects may have any number of them.
const maxColumns = 1000

func (c *columnNames) findField(column string) string {
	if n := c.lookUp(column); n != nil {
		c.found[n.Theirs] = true
		return cmp.Or(n.Ours, ignored)
	}
	field := fieldOf(column)
	if field != "" && c.ours[field] || field == "" && len(c.named) > 0 {
		return ignored
	}
	return field
}

// lookUp finds a column among the named ones: one that is spelled the same, or else one that differs
// only as in fold. It returns nil if there is none.
func (c *columnNames) lookUp(column string) *Column {
	if n := c.exact[column]; n != nil {
		return n
	}
	return c.folded[fold(column)]
}

// byPosition reports whether the named columns are numbers, from 1: those of a list without a header.
func (c *columnNames) byPosition() bool {
	return len(c.named) > 0 && !slices.ContainsFunc(c.named, func(n Column) bool {
		position, err := strconv.Atoi(n.Theirs)
		return err != nil || position < 1 || n.Theirs != strconv.Itoa(position)
	})
}

// known reports whether a column is one of ours, or a named one.
func (c *columnNames) known(column string) bool {
	return fieldOf(column) != "" || c.lookUp(column) != nil
}

// maxShown is how many columns of a list a message about them compares and names, and maxNames how many bytes of
// their names it has.
const maxShown, maxNames = 100, 1 << 10

// checkNamed notes a mistake for each column of [Options.Columns] that the list does not have, and
// reports whether it has all.
func (p *parser) checkNamed(line int, has []string) bool {
	all := true
	shown := has[:min(len(has), maxShown)]
	for _, n := range p.columns.named {
		if !p.columns.found[n.Theirs] {
			hint := spelling.Hint(n.Theirs, shown)
			if p.columns.byPosition() {
				hint = fmt.Sprintf("; it has %d", len(has))
			}
			if hint == "" {
				hint = "; the list has " + job.Shorten(strings.Join(shown, ", "), maxNames)
				if more := len(has) - len(shown); more > 0 {
					hint += fmt.Sprintf(" and %d more", more)
				}
			}
			p.mistake(line, "--list-columns %s=%s: the list has no such column%s", n.Theirs, n.Ours, hint)
			all = false
		}
	}
	return all
}

// fieldsWithout are our fields without those that a list has.
func fieldsWithout(has []string) []string {
	return slices.DeleteFunc(FieldNames(), func(field string) bool { return slices.Contains(has, field) })
}

// fieldHint ends a message about an unknown column. It may mean one of the fields that the list lacks.
func fieldHint(column string, lacks []string) string {
	if hint := spelling.Hint(column, lacks); hint != "" {
		return hint
	}
	return "; the columns are " + strings.Join(FieldNames(), ", ") + " and var:<name>"
}

// suggestColumns suggests --list-columns for a list with unknown columns, if it becomes readable by
// that. row has the values of the first job, as far as they are known.
func (p *parser) suggestColumns(columns, row []string) {
	if len(p.columns.named) > 0 || slices.ContainsFunc(columns, isNoColumn) {
		return
	}
	pairs := p.guessColumns(columns, row)
	if len(pairs) == 0 {
		return
	}
	var text strings.Builder
	w := csv.NewWriter(&text)
	_ = w.Write(pairs) // cannot fail
	w.Flush()
	p.suggest("--list-columns", strings.TrimSpace(text.String()))
}

// isNoColumn reports whether a text in a header cannot be the name of a column: the header is a row of
// values then, or has another separator.
func isNoColumn(text string) bool {
	at, _ := job.FindHidden(text)
	return at > 0 || looksLikePath(text) || strings.ContainsAny(text, ",;|")
}

// guessColumns guesses which columns are which of our fields, as pairs like "File=input_path". If no
// column has to be renamed, one pair says so, so that unknown columns are ignored. It returns none if it
// does not find the input path.
func (p *parser) guessColumns(columns, row []string) []string {
	var pairs, unknown []string
	names := map[string]string{} // of our fields, in the list
	for _, c := range columns {
		if field := fieldOf(c); field != "" {
			names[field] = c
		} else if c != "" {
			unknown = append(unknown, c)
		}
	}
	if len(unknown) == 0 && names[inputPath] != "" {
		return nil // something else is wrong
	}
	rename := func(column, field string) {
		names[field] = column
		pairs = append(pairs, column+"="+field)
	}
	for _, c := range unknown {
		meant := spelling.Closest(c, FieldNames())
		if meant != "" && names[meant] == "" && (meant == inputPath || !likelyPath(c)) {
			rename(c, meant)
		}
	}
	if names[inputPath] == "" {
		if c := pathColumn(columns, row); c != "" {
			rename(c, inputPath)
		} else if !p.options.ForTemplate {
			return nil
		}
	}
	if len(pairs) == 0 {
		for _, field := range append([]string{inputPath}, slices.Sorted(maps.Keys(names))...) {
			if names[field] != "" {
				return []string{names[field] + "=" + field}
			}
		}
	}
	return pairs
}

// pathColumn is the column that most likely holds the paths of the assets; empty if none does. A name
// alone suffices if there is no row.
func pathColumn(columns, row []string) string {
	best, rank := "", len(pathNames)+1
	for i, c := range columns {
		r := slices.Index(pathNames, fold(c))
		if r < 0 {
			r = len(pathNames)
		}
		if i < len(row) && !looksLikePath(row[i]) || len(row) == 0 && r == len(pathNames) {
			continue
		}
		if r < rank && c != "" {
			best, rank = c, r
		}
	}
	return best
}

// pathNames lists what columns of paths are called, the likeliest first.
var pathNames = []string{
	"path", "file_path", "filepath", "full_path", "input", "source", "src", "source_path", "input_file", "file", "filename", "file_name",
	"asset", "object", "object_key", "object_name", "s3_key", "location", "key", "name", "url", "uri",
	"pfad", "datei", "dateiname", "chemin", "fichier", "ruta", "archivo",
}

func likelyPath(column string) bool { return slices.Contains(pathNames, fold(column)) }

// extension matches the end of a file name.
var extension = regexp.MustCompile(`^\.[A-Za-z][A-Za-z0-9]{1,4}$`)

// looksLikePath reports whether a value is a path on a storage by its looks.
func looksLikePath(value string) bool {
	if isAddress(value) || strings.HasPrefix(value, "<") {
		return false
	}
	return strings.Contains(value, "/") && !datelike.MatchString(value) || extension.MatchString(path.Ext(value)) || slices.Contains(containers, path.Ext(value))
}

// containers are extensions of assets that do not look like extensions.
var containers = []string{".3gp", ".3g2"}

// datelike matches dates such as 29/11/2026.
var datelike = regexp.MustCompile(`^\d{1,4}[/.]\d{1,2}[/.]\d{1,4}\b`)

package joblist

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/stokerd/stoker/job"
)

// Format is how a list is written.
type Format string

// The formats of a list.
const (
	Auto  Format = ""      // JSON Lines if the list starts with { or [, else CSV
	CSV   Format = "csv"   // comma-separated, with a header
	JSONL Format = "jsonl" // one JSON object per line
)

// ParseFormat reads the name of a format. The empty name is [Auto].
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case Auto, CSV, JSONL:
		return f, nil
	}
	return Auto, fmt.Errorf("format %q: want csv or jsonl", s)
}

// Options say how [Read] reads a list.
type Options struct {
	// Name is the name of the list in error messages. Default "list".
	Name string
	// Format is the format of the list. Default [Auto].
	Format Format
	// ForTemplate reads a list for an encoding template: the column input_path is optional, and
	// output paths are not derived.
	ForTemplate bool
}

// List is a list of jobs without mistakes.
type List struct {
	Name string // as in [Options]
	Jobs []job.Spec
	// Lines holds the number of the line on which each of Jobs begins, from 1.
	Lines []int
	// Derived says of each of Jobs whether its output path is [DefaultOutputPath] of its input
	// path, because the list has none.
	Derived []bool
}

// Where names the line of Jobs[i], such as titles.csv:17.
func (l *List) Where(i int) string { return fmt.Sprintf("%s:%d", l.Name, l.Lines[i]) }

// MaxMistakes is how many mistakes an [Error] lists. It counts the others.
const MaxMistakes = 100

// Error lists what is wrong with a list, in the order of its lines.
type Error struct {
	Name     string
	Mistakes []Mistake
	More     int // mistakes beyond MaxMistakes
}

// Mistake is one thing wrong with a list.
type Mistake struct {
	Line int // from 1; 0: the mistake concerns the list as a whole
	Text string
}

// Error lists the mistakes, one per line.
func (e *Error) Error() string {
	var b strings.Builder
	for i, m := range e.Mistakes {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Name)
		if m.Line > 0 {
			fmt.Fprintf(&b, ":%d", m.Line)
		}
		b.WriteString(": " + m.Text)
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\n%s: and %d more mistakes", e.Name, e.More)
	}
	return b.String()
}

// Read reads a list to its end. It checks the form of the list, that no two jobs have the same
// key, and that there is a job. If the list has mistakes, the error is an [*Error]; any other
// error comes from r.
func Read(r io.Reader, o Options) (*List, error) {
	p := &parser{
		list:        &List{Name: cmp.Or(o.Name, "list")},
		forTemplate: o.ForTemplate,
	}
	if err := p.read(bufio.NewReader(r), o.Format); err != nil {
		return nil, fmt.Errorf("read %s: %w", p.list.Name, err)
	}
	p.findDuplicateKeys()
	if len(p.list.Jobs) == 0 && len(p.mistakes) == 0 {
		p.mistake(0, "the list has no jobs")
	}
	if len(p.mistakes) > 0 {
		slices.SortStableFunc(p.mistakes, func(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) })
		return nil, &Error{Name: p.list.Name, Mistakes: p.mistakes, More: p.more}
	}
	return p.list, nil
}

// read reads a list in the wanted format. It returns only errors of in.
func (p *parser) read(in *bufio.Reader, wanted Format) error {
	format, err := detectFormat(in, wanted)
	if err != nil {
		return err
	}
	start, _ := in.Peek(in.Size()) // the next read returns an error of Peek again
	if bytes.IndexByte(start, 0) >= 0 {
		p.mistake(0, "this is not a text file; save the list as CSV in UTF-8")
		return nil
	}
	if format == JSONL {
		return p.readJSONLines(in)
	}
	return p.readCSV(in)
}

// detectFormat skips a byte order mark and returns the format of the list: the wanted one or, for
// Auto, the format that the first character suggests.
func detectFormat(in *bufio.Reader, wanted Format) (Format, error) {
	if mark, err := in.Peek(3); err == nil && bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = in.Discard(3) // cannot fail: the buffer holds what was peeked
	}
	if wanted != Auto {
		return wanted, nil
	}
	for n := 1; ; n++ {
		start, err := in.Peek(n)
		if len(start) < n {
			if errors.Is(err, io.EOF) || errors.Is(err, bufio.ErrBufferFull) {
				return CSV, nil
			}
			return Auto, err
		}
		switch start[n-1] {
		case ' ', '\t', '\r', '\n':
		case '{', '[': // readJSONLines refuses an array, with a message about JSON
			return JSONL, nil
		default:
			return CSV, nil
		}
	}
}

// parser collects jobs and mistakes.
type parser struct {
	list        *List
	forTemplate bool

	mistakes []Mistake
	more     int // mistakes beyond MaxMistakes
}

// mistake notes what is wrong with a line.
func (p *parser) mistake(line int, format string, args ...any) {
	if len(p.mistakes) == MaxMistakes {
		p.more++
		return
	}
	p.mistakes = append(p.mistakes, Mistake{Line: line, Text: fmt.Sprintf(format, args...)})
}

const notUTF8 = "%s is not UTF-8 text; export the list as UTF-8"

// set sets a field of a job: one of fieldNames, or a variable. It notes a mistake instead if the
// value is too long or not UTF-8.
func (p *parser) set(spec *job.Spec, field, value string, line int) {
	if len(value) > maxLine {
		p.mistake(line, "%s is %d bytes long; is a quote missing?", field, len(value))
		return
	}
	if !utf8.ValidString(value) {
		p.mistake(line, notUTF8, field)
		return
	}
	switch field {
	case "key":
		spec.Key = value
	case "name":
		spec.Name = value
	case "input_path":
		spec.InputPath = value
	case "output_path":
		spec.OutputPath = value
	default:
		if spec.Variables == nil {
			spec.Variables = map[string]string{}
		}
		spec.Variables[strings.TrimPrefix(field, variablePrefix)] = value
	}
}

// add appends a job. It derives the output path of a job that has none, unless the list is for a
// template.
func (p *parser) add(spec job.Spec, line int) {
	derived := !p.forTemplate && spec.OutputPath == "" && spec.InputPath != ""
	if derived {
		spec.OutputPath = DefaultOutputPath(spec.InputPath)
	}
	p.list.Jobs = append(p.list.Jobs, spec)
	p.list.Lines = append(p.list.Lines, line)
	p.list.Derived = append(p.list.Derived, derived)
}

// findDuplicateKeys notes a mistake for each job whose key an earlier job has.
func (p *parser) findDuplicateKeys() {
	if !p.mayHaveDuplicateKeys() {
		return
	}
	first := make(map[string]int, len(p.list.Jobs))
	for i, j := range p.list.Jobs {
		line := p.list.Lines[i]
		if j.Key == "" {
			continue
		}
		if other, ok := first[j.Key]; ok {
			p.mistake(line, "key %q is also the key of line %d", j.Key, other)
			continue
		}
		first[j.Key] = line
	}
}

// mayHaveDuplicateKeys reports whether the hashes of two keys are equal. For a million jobs, the
// hashes take a small part of the memory of a map of the keys.
func (p *parser) mayHaveDuplicateKeys() bool {
	seed := maphash.MakeSeed()
	sums := make([]uint64, 0, len(p.list.Jobs))
	for _, j := range p.list.Jobs {
		if j.Key != "" {
			sums = append(sums, maphash.String(seed, j.Key))
		}
	}
	slices.Sort(sums)
	return len(slices.Compact(sums)) < len(sums)
}

// DefaultOutputPath derives an output path from an input path: the input path without leading
// slashes and without its extension.
func DefaultOutputPath(input string) string {
	input = strings.TrimLeft(input, "/")
	base := path.Base(input)
	if ext := path.Ext(base); ext != base { // .hidden is a file name without an extension
		return strings.TrimSuffix(input, ext)
	}
	return input
}

const variablePrefix = "var:"

// fieldNames lists the columns of CSV and the fields of JSON Lines, without variables.
func fieldNames() []string { return []string{"key", "name", "input_path", "output_path"} }

// isField reports whether field is one of fieldNames or var:<name>.
func isField(field string) bool {
	return slices.Contains(fieldNames(), field) ||
		strings.HasPrefix(field, variablePrefix) && field != variablePrefix
}

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
	Auto  Format = ""      // JSON Lines if the list starts with {, else CSV
	CSV   Format = "csv"   // comma-separated, with a header
	JSONL Format = "jsonl" // one JSON object per line
)

// ParseFormat reads the name of a format, as a user gives it.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case Auto, CSV, JSONL:
		return f, nil
	}
	return Auto, fmt.Errorf("format %q: want csv or jsonl", s)
}

// Options say what a list is and what it must have.
type Options struct {
	// Name of the list in error messages. Default "list".
	Name string
	// Format of the list. Default: told from its first byte.
	Format Format
	// ForTemplate reads a list for an encoding template: paths are optional,
	// and output paths are not derived.
	ForTemplate bool
}

// List is a list of jobs.
type List struct {
	Name string
	Jobs []job.Spec
	// Lines holds the number of the line on which each of Jobs begins, from 1.
	Lines []int
}

// Where names the line of the i-th job, such as titles.csv:17.
func (l *List) Where(i int) string { return fmt.Sprintf("%s:%d", l.Name, l.Lines[i]) }

// MaxMistakes is how many mistakes an [Error] lists; it counts the others.
const MaxMistakes = 100

// Error lists what is wrong with a list, in the order of its lines.
type Error struct {
	Name     string
	Mistakes []Mistake
	More     int // mistakes beyond MaxMistakes
}

// Mistake is one thing wrong with a list.
type Mistake struct {
	Line int // from 1; 0 speaks of the list as a whole
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

// Read reads a list to its end. If the list itself is wrong the error is an
// [*Error]; any other error comes from r.
func Read(r io.Reader, o Options) (*List, error) {
	p := &parser{
		list:        &List{Name: cmp.Or(o.Name, "list")},
		forTemplate: o.ForTemplate,
	}
	if err := p.read(bufio.NewReader(r), o.Format); err != nil {
		return nil, fmt.Errorf("read %s: %w", p.list.Name, err)
	}
	p.unique("key", func(j *job.Spec) string { return j.Key })
	if !o.ForTemplate { // a template may tell jobs apart by something else: the server knows
		p.unique("output_path", func(j *job.Spec) string { return strings.TrimSuffix(j.OutputPath, "/") })
	}
	if len(p.list.Jobs) == 0 && len(p.mistakes) == 0 {
		p.mistake(0, "no jobs in it")
	}
	if len(p.mistakes) > 0 {
		slices.SortStableFunc(p.mistakes, func(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) })
		return nil, &Error{Name: p.list.Name, Mistakes: p.mistakes, More: p.more}
	}
	return p.list, nil
}

// read reads a list in whichever format. It returns only errors of in.
func (p *parser) read(in *bufio.Reader, known Format) error {
	format, err := sniff(in, known)
	if err != nil {
		return err
	}
	if start, _ := in.Peek(in.Size()); bytes.IndexByte(start, 0) >= 0 { // an error comes again when reading
		p.mistake(0, "this is not a text file; save the list as CSV in UTF-8")
		return nil
	}
	if format == JSONL {
		return p.readJSONLines(in)
	}
	return p.readCSV(in)
}

// sniff skips a byte order mark and tells the format, unless it is known.
func sniff(in *bufio.Reader, known Format) (Format, error) {
	if mark, err := in.Peek(3); err == nil && bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = in.Discard(3) // what was peeked is in the buffer
	}
	if known != Auto {
		return known, nil
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
		case '{', '[': // an array is no list, but JSON: what is said about it then makes sense
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
	derived     []bool // of each job, whether its output path follows from its input path

	mistakes []Mistake
	more     int
}

func (p *parser) mistake(line int, format string, args ...any) {
	if len(p.mistakes) == MaxMistakes {
		p.more++
		return
	}
	p.mistakes = append(p.mistakes, Mistake{Line: line, Text: fmt.Sprintf(format, args...)})
}

const notUTF8 = "%s is not UTF-8 text; export the list as UTF-8"

// mistaken reports whether a field of the line that is read is known to be wrong.
func (p *parser) mistaken(field string, line int) bool {
	return slices.ContainsFunc(p.mistakes[max(0, len(p.mistakes)-len(fields())):], func(m Mistake) bool {
		return m.Line == line && strings.HasPrefix(m.Text, field)
	})
}

// set puts the value of a known field into the job.
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

// add completes a job, checks what can be checked without the server, and
// appends it.
func (p *parser) add(spec job.Spec, line int) {
	p.derived = append(p.derived, !p.forTemplate && spec.OutputPath == "")
	if !p.forTemplate {
		switch {
		case spec.InputPath == "" && !p.mistaken("input_path", line): // else it is there, and wrong
			p.mistake(line, "input_path is empty")
		case spec.OutputPath == "":
			spec.OutputPath = DefaultOutputPath(spec.InputPath)
		}
	}
	p.list.Jobs = append(p.list.Jobs, spec)
	p.list.Lines = append(p.list.Lines, line)
}

// unique looks for values that more than one job has.
func (p *parser) unique(field string, value func(*job.Spec) string) {
	jobs := p.list.Jobs
	if !p.repeats(value) {
		return
	}
	first := make(map[string]int, len(jobs))
	for i := range jobs {
		v, line := value(&jobs[i]), p.list.Lines[i]
		if v == "" {
			continue
		}
		if other, ok := first[v]; ok {
			remedy := ""
			if field == "output_path" && p.derived[i] {
				remedy = "; it follows from input_path: name another one in output_path"
			}
			p.mistake(line, "%s %q is also that of line %d%s", field, v, other, remedy)
			continue
		}
		first[v] = line
	}
}

// repeats reports whether some value may be there twice. In a list of a million that
// takes a small part of the room that a map of the values takes.
func (p *parser) repeats(value func(*job.Spec) string) bool {
	seed := maphash.MakeSeed()
	sums := make([]uint64, 0, len(p.list.Jobs))
	for i := range p.list.Jobs {
		if v := value(&p.list.Jobs[i]); v != "" {
			sums = append(sums, maphash.String(seed, v))
		}
	}
	slices.Sort(sums)
	return len(slices.Compact(sums)) < len(sums)
}

// DefaultOutputPath is where the results of an asset go if the list does not
// say: its path without leading slashes and without its extension.
func DefaultOutputPath(input string) string {
	input = strings.TrimLeft(input, "/")
	base := path.Base(input)
	if ext := path.Ext(base); ext != base { // a name like .hidden has no extension
		return strings.TrimSuffix(input, ext)
	}
	return input
}

const variablePrefix = "var:"

// fields are the columns of CSV and the names in JSON Lines.
func fields() []string { return []string{"key", "name", "input_path", "output_path"} }

// known reports whether a list may have the field.
func known(field string) bool {
	return slices.Contains(fields(), field) ||
		strings.HasPrefix(field, variablePrefix) && field != variablePrefix
}

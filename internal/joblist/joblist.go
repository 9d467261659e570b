package joblist

import (
	"bufio"
	"cmp"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"

	"github.com/stokerd/stoker/job"
)

// Options say how [Read] reads a list.
type Options struct {
	// Name is the name of the list in error messages. Default "list".
	Name string
	// Format is the format of the list. Default [Auto].
	Format Format
	// Columns say which column is which field, for a list whose columns have other names than
	// ours. With them, columns that nobody knows are ignored. Only for CSV and JSON.
	Columns []Column
	// Charset is how the text is encoded. The zero value tells UTF-8 and UTF-16 from the bytes.
	Charset Charset
	// ForTemplate reads a list for an encoding template: the column input_path is optional.
	ForTemplate bool
	// MaxJobs and MaxEntries are how many jobs are read, and how many jobs and variables together. A list that
	// has more is not read further, and neither is one with more than MaxJobs mistakes. 0: any number.
	MaxJobs, MaxEntries int
}

// List is a list of jobs without mistakes. Jobs that name no output path have none.
type List struct {
	Name string // as in [Options]
	Jobs []job.Spec
	// Lines holds the number of the line on which each of Jobs begins, from 1.
	Lines []int
	// Notes say, in words, which lines were skipped, and which jobs are probably none.
	Notes []string
	// Cut says that the list has more than MaxJobs or MaxEntries of [Options], and that it was not read further.
	Cut bool

	columns map[string]string // what the list calls a field, if not as we do
	header  bool              // the list has a line that names its columns
	first   int               // how many jobs the list had before Jobs, if this is a part of it
}

// Part is a part of the list, which shares its jobs: Jobs[first:end].
func (l *List) Part(first, end int) *List {
	part := *l
	part.Jobs, part.Lines, part.first = l.Jobs[first:end], l.Lines[first:end], l.first+first
	return &part
}

// Where names the line of Jobs[i], such as titles.csv:17, and its number if other jobs are on the line.
func (l *List) Where(i int) string {
	line := l.Lines[i]
	if i > 0 && l.Lines[i-1] == line || i+1 < len(l.Lines) && l.Lines[i+1] == line {
		return fmt.Sprintf("%s:%d, job %d", l.Name, line, l.first+i+1)
	}
	return fmt.Sprintf("%s:%d", l.Name, line)
}

// ColumnOf is what the list calls a field of the API's jobs, such as input_path or variables.title.
func (l *List) ColumnOf(field string) string {
	if name, ok := strings.CutPrefix(field, "variables."); ok && l.header {
		field = VariablePrefix + name
	}
	return cmp.Or(l.columns[field], field)
}

// MaxMistakes is how many mistakes an [Error] lists. It counts the others.
const MaxMistakes = 100

// Error lists what is wrong with a list, in the order of its lines.
type Error struct {
	Name     string
	Mistakes []Mistake
	More     int // mistakes beyond MaxMistakes, as far as the list was read
	// Remedy are the options, as flags of a command line, with which Read takes the list as it is,
	// or at least reads it further. Empty if the list has to be changed.
	Remedy []string
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
	p := newParser(o)
	if err := p.read(r); err != nil {
		return nil, fmt.Errorf("read %s: %w", p.list.Name, err)
	}
	if packed := p.text.packed; packed != nil && packed.damage != nil {
		p.mistake(0, "the gzip file is damaged, or not complete: %v", packed.damage)
	}
	p.findDuplicateKeys()
	if len(p.list.Jobs) == 0 && len(p.mistakes) == 0 {
		p.mistake(0, "the list has no jobs")
	}
	if len(p.mistakes) > 0 {
		slices.SortStableFunc(p.mistakes, func(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) })
		return nil, &Error{Name: p.list.Name, Mistakes: p.mistakes, More: p.more, Remedy: p.remedy}
	}
	p.list.Notes = append(p.skipped.texts(), p.doubtful.texts()...)
	return p.list, nil
}

// parser collects jobs and mistakes.
type parser struct {
	options Options
	list    *List
	columns *columnNames
	text    text // the list as it is encoded

	mistakes []Mistake
	more     int // mistakes beyond MaxMistakes
	remedy   []string
	entries  int  // jobs and their variables
	stopped  bool // the list is not read further

	unreadableBefore bool // a byte that is not UTF-8 was noted before

	skipped  skipped
	doubtful doubtful
}

func newParser(o Options) *parser {
	return &parser{
		options: o, columns: newColumnNames(o.Columns),
		list: &List{Name: cmp.Or(o.Name, "list"), columns: map[string]string{}},
	}
}

// read reads a list. It returns only errors of r.
func (p *parser) read(r io.Reader) error {
	in, problem, err := p.text.open(r, p.options.Charset)
	if err != nil {
		return err
	}
	if problem != "" {
		p.mistake(0, "%s", problem)
		return nil
	}
	format := p.options.Format
	if format == Auto {
		if format, err = detectFormat(in); err != nil {
			return err
		}
	}
	if len(p.options.Columns) > 0 && format != CSV && format != JSONL {
		p.mistake(0, "a list of the format %s has no columns that --list-columns could name", format)
		return nil
	}
	switch format {
	case JSONL:
		return p.readJSON(in)
	case Paths:
		return p.readPaths(in)
	case S3Listing:
		return p.readListing(in)
	case S3Inventory:
		return p.readInventory(in)
	case Auto, CSV:
	}
	return p.readCSV(in)
}

// mistake notes what is wrong with a line, in a text of one line.
func (p *parser) mistake(line int, format string, args ...any) {
	if len(p.mistakes) >= MaxMistakes {
		p.more++
		if most := p.options.MaxJobs; most > 0 && p.more > most && !p.stopped {
			p.stopped = true
			p.mistakes = append(p.mistakes, Mistake{Line: line, Text: "reading stopped here, after so many mistakes"})
		}
		return
	}
	p.mistakes = append(p.mistakes, Mistake{Line: line, Text: withoutHidden(fmt.Sprintf(format, args...))})
}

// withoutHidden has a blank in place of each character that cannot be seen.
func withoutHidden(text string) string {
	return strings.Map(func(r rune) rune {
		if job.Hidden(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}

// suggest notes the flags that take the list. The first suggestion counts, because what is found later
// may follow from it.
func (p *parser) suggest(flags ...string) {
	if p.remedy == nil {
		p.remedy = flags
	}
}

// set sets a field of a job: one of FieldNames, or a variable. It notes a mistake instead if the
// value cannot be what somebody meant to write.
func (p *parser) set(spec *job.Spec, field, value string, line int) {
	if problem := p.damage(value); problem != "" {
		p.mistake(line, "%s: %s", p.list.ColumnOf(field), problem)
		return
	}
	switch field {
	case "key":
		spec.Key = value
	case "name":
		spec.Name = value
	case inputPath:
		spec.InputPath = value
	case "output_path":
		spec.OutputPath = value
	default:
		if spec.Variables == nil {
			spec.Variables = map[string]string{}
		}
		spec.Variables[strings.TrimPrefix(field, VariablePrefix)] = value
	}
}

// add appends a job.
func (p *parser) add(spec job.Spec, line int) {
	p.list.Jobs = append(p.list.Jobs, spec)
	p.list.Lines = append(p.list.Lines, line)
	p.entries += 1 + len(spec.Variables)
	if o := p.options; o.MaxJobs > 0 && len(p.list.Jobs) > o.MaxJobs || o.MaxEntries > 0 && p.entries > o.MaxEntries {
		p.stopped, p.list.Cut = true, true
	}
}

// addPath appends a job that has nothing but an input path.
func (p *parser) addPath(at string, line int) {
	var spec job.Spec
	p.set(&spec, inputPath, at, line)
	p.add(spec, line)
	p.doubtful.note(at)
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
			p.mistake(line, "%s %s is also the %s of line %d", p.list.ColumnOf("key"), excerpt(j.Key), p.list.ColumnOf("key"), other)
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

// lines reads lines up to the length that a line may have. next returns a line without its end.
type lines struct {
	scanner *bufio.Scanner
	n       int // the number of the line that next returned
}

func newLines(in io.Reader) *lines {
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxLine)
	return &lines{scanner: s}
}

func (l *lines) next() (string, bool) {
	if !l.scanner.Scan() {
		return "", false
	}
	l.n++
	return l.scanner.Text(), true
}

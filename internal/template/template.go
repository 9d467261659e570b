package template

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/job"
)

// Template is an encoding template without mistakes. It does not change after [Parse].
type Template struct {
	doc      yaml.MapSlice
	encoding string         // the key of its one encoding
	texts    []templateText // the values that begin with a variable, which may turn them into references; each once
	used     []variable     // the variables in all values, each once
	shared   []Mistake      // output paths that are the same for all jobs
	limited  []limitedText  // the values with variables that the outline limits
	warnings []Mistake
	declared map[string]job.TemplateVariable
	unneeded []string // variables in the name of the encoding, which Render replaces

	writesTo   []destination
	ownOutputs bool // the template declares outputs that differ from job to job
}

// Mistake is one thing wrong with a template.
type Mistake struct {
	Line int // from 1
	Text string
}

func (m Mistake) String() string { return fmt.Sprintf("line %d: %s", m.Line, m.Text) }

// Parse reads a template. If the template has mistakes, Parse returns nil and all mistakes in the
// order of lines. A key or value that the outline of the platform's schema does not know is a
// mistake, unless t.AllowUnknown is true: then it is a warning, see [Template.Warnings].
func Parse(t job.Template) (*Template, []Mistake) {
	r := newReader(t)
	if mistakes := checkEncoding(t.Text); mistakes != nil {
		return nil, mistakes
	}
	r.read(t)
	return r.finish(append(r.mistakes, r.refused...))
}

// ParseStored reads the template of a batch that has been submitted. Only what makes it impossible
// to fill the template in is a mistake: a batch goes on with the template with which it was
// accepted, whatever rules have been added since.
func ParseStored(t job.Template) (*Template, []Mistake) {
	r := newReader(t)
	r.read(t)
	return r.finish(r.mistakes)
}

// read reads a template as far as that is possible.
func (r *reader) read(t job.Template) {
	root := r.parse(unixLines.Replace(strings.TrimPrefix(t.Text, "\ufeff")))
	if len(r.mistakes) > 0 && root == nil {
		return
	}
	if root == nil {
		root = &node{line: 1, kind: mappingNode}
	}
	if root.kind != mappingNode {
		r.addMistake("$", "want a mapping with metadata, encodings and other sections")
		return
	}
	r.encoding = encodingKey(root)
	r.doc = r.readMapping(root, &rule{kind: mappingValue, below: outline()}, "$")
	r.checkSections()
	r.checkReferences()
	if variesByJob(childOf(r.doc, "outputs")) {
		r.shared, r.ownOutputs = nil, true // the jobs write to different storages
	}
	if n := len(r.Variables()); n > job.MaxVariables {
		r.addMistake("$", "uses %d variables of jobs; a job can have %d", n, job.MaxVariables)
	}
}

// unixLines replaces the line ends of other systems. YAML takes each for the same, and the library does not
// within quotes.
var unixLines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// checkEncoding finds the first byte that is not UTF-8, in whose place the library would put another character
// without a word.
func checkEncoding(text string) []Mistake {
	text, line := unixLines.Replace(text), 1
	for at, c := range text {
		switch {
		case c == '\n':
			line++
		case c == utf8.RuneError && !strings.HasPrefix(text[at:], string(utf8.RuneError)):
			return []Mistake{{line, fmt.Sprintf("byte 0x%02X is not UTF-8: save the file in UTF-8", text[at])}}
		}
	}
	return nil
}

// encodingKey is the key of the first encoding; empty if there is none.
func encodingKey(root *node) string {
	for _, e := range root.entries {
		if e.key == "encodings" && len(e.value.entries) > 0 {
			return e.value.entries[0].key
		}
	}
	return ""
}

// finish returns the template, or nil and its mistakes.
func (r *reader) finish(mistakes []Mistake) (*Template, []Mistake) {
	byLine := func(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) }
	slices.SortStableFunc(r.warnings, byLine)
	if len(mistakes) > 0 {
		slices.SortStableFunc(mistakes, byLine)
		return nil, slices.Compact(mistakes)
	}
	return &r.Template, nil
}

// Warnings lists what is odd about the template, in the order of lines.
func (t *Template) Warnings() []Mistake { return t.warnings }

// Uses reports whether the template uses the built-in variable of this name, such as "input_id".
func (t *Template) Uses(name string) bool {
	return slices.ContainsFunc(t.used, func(v variable) bool { return v.kind == "" && v.name == name })
}

// reader reads a template. It goes on after mistakes.
type reader struct {
	Template
	allowUnknown bool
	lines        map[string]int  // line numbers by path, such as $.encodings.main
	seen         map[string]bool // the values in texts, as they are written
	references   []reference
	compared     int       // what mayCompare has allowed so far, in letters times letters
	mistakes     []Mistake // with which the template cannot be filled in
	refused      []Mistake // with which the template is not accepted
}

func newReader(t job.Template) *reader {
	r := &reader{allowUnknown: t.AllowUnknown, lines: map[string]int{}, seen: map[string]bool{}}
	r.declared = t.Variables
	return r
}

// maxCompared is how much mayCompare allows, which takes a second or two.
const maxCompared = 20_000_000

// mayCompare reports whether a word may be compared with others for a hint. With thousands of names in a template,
// and as many that are none of them, that would take minutes.
func (r *reader) mayCompare(word string, known []string) bool {
	for _, k := range known {
		r.compared += len(word) * len(k)
	}
	return r.compared <= maxCompared
}

// hint is [spelling.Hint], as long as that does not take long.
func (r *reader) hint(word string, known []string) string {
	if !r.mayCompare(word, known) {
		return ""
	}
	return spelling.Hint(word, known)
}

// addMistake notes a mistake in the value at a path with which the template cannot be filled in, or
// that has been one in all versions.
func (r *reader) addMistake(path, format string, args ...any) {
	r.mistakes = append(r.mistakes, r.found(path, format, args))
}

// refuse notes a mistake in the value at a path with which the template is not accepted.
func (r *reader) refuse(path, format string, args ...any) {
	r.refused = append(r.refused, r.found(path, format, args))
}

// unknown notes that the outline does not have what the template has at a path.
func (r *reader) unknown(path, format string, args ...any) {
	if r.allowUnknown {
		r.warn(path, format, args...)
		return
	}
	r.refuse(path, format, args...)
}

// warn notes that the value at a path is odd.
func (r *reader) warn(path, format string, args ...any) {
	r.warnings = append(r.warnings, r.found(path, format, args))
}

func (r *reader) found(path, format string, args []any) Mistake {
	message := fmt.Sprintf(format, args...)
	if named := strings.TrimPrefix(strings.TrimPrefix(path, "$"), "."); named != "" {
		message = named + ": " + message
	}
	return Mistake{Line: r.line(path), Text: message}
}

// line is the line of a path or, if that is unknown, of the nearest path above it.
func (r *reader) line(path string) int {
	for {
		if n, ok := r.lines[path]; ok {
			return n
		}
		at := strings.LastIndexAny(path, ".[")
		if at < 0 {
			return 1
		}
		path = path[:at]
	}
}

// parse parses the YAML. It returns nil if source is not YAML or too large, and then notes a
// mistake, or if there is no document in it.
func (r *reader) parse(source string) *node {
	tokens, file, err := parseYAML(source)
	if moustaches := findMoustaches(tokens); len(moustaches) > 0 && err != nil {
		r.mistakes = append(r.mistakes, moustaches...)
		return nil
	}
	if err != nil {
		r.mistakes = append(r.mistakes, syntaxMistake(err))
		return nil
	}
	b := nodeBuilder{anchors: map[string]*node{}}
	root := b.buildDocument(file)
	r.mistakes, r.refused = append(r.mistakes, b.mistakes...), append(r.refused, b.refused...)
	return root
}

// syntaxMistake says on one line why a template cannot be parsed.
func syntaxMistake(err error) Mistake {
	if e, ok := errors.AsType[sizeError](err); ok {
		return Mistake{e.line, e.text}
	}
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		message := e.GetMessage()
		if strings.Contains(message, "found character '\t'") {
			message = "the line is indented with a tab; indent with blanks"
		}
		return Mistake{e.GetToken().Position.Line, "not YAML: " + message}
	}
	message, _, _ := strings.Cut(err.Error(), "\n")
	return Mistake{1, "not YAML: " + message}
}

// replacedName is the path of the name of the encoding. Jobs need not have the variables in it.
func (r *reader) replacedName() string { return "$.encodings." + r.encoding + ".properties.name" }

// readText notes the variables of a text.
func (r *reader) readText(s, path string) {
	if hasMoustache(s) {
		r.refuse(path, "%s", moustacheText)
	}
	if hasUserInfo(s) {
		r.refuse(path, "a password must not stand in a template, which is stored with every batch")
	}
	t, err := parseText(s)
	if err != nil {
		r.addMistake(path, "%v", err)
		return
	}
	variables := t.variables()
	if len(variables) == 0 {
		if strings.HasPrefix(s, "$/") {
			r.references = append(r.references, reference{path, s})
		}
		return
	}
	_, alone := t.soleVariable()
	for _, v := range variables {
		if !alone && (v.kind == numberKind || v.kind == boolKind) {
			r.addMistake(path, "%s has to be the whole value; use ${var:%s} within text", v, v.name)
		}
		if path == r.replacedName() {
			r.unneeded = append(r.unneeded, v.name)
			continue
		}
		if !slices.Contains(r.used, v) {
			r.used = append(r.used, v)
		}
	}
	if t[0].variable.name != "" && !r.seen[s] { // the value begins with a variable
		r.seen[s] = true
		r.texts = append(r.texts, t)
	}
}

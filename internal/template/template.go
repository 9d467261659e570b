package template

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/stokerd/stoker/job"
)

// Template is an encoding template without mistakes. It does not change after [Parse].
type Template struct {
	doc      yaml.MapSlice
	encoding string         // the key of its one encoding
	texts    []templateText // the values that begin with a variable, which may turn them into references; each once
	used     []variable     // the variables in all values, each once
	shared   []Mistake      // output paths that are the same for all jobs

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
// order of lines. It cannot check whether the platform accepts the properties in the template.
func Parse(source string) (*Template, []Mistake) {
	r := reader{lines: map[string]int{}, seen: map[string]bool{}}
	if !r.parse(strings.TrimPrefix(source, "\ufeff")) {
		return nil, r.mistakes
	}
	r.checkSections()
	r.readValue(r.doc, "$")
	if variesByJob(childOf(r.doc, "outputs")) {
		r.shared, r.ownOutputs = nil, true // the jobs write to different storages
	}
	if n := len(r.Variables()); n > job.MaxVariables {
		r.addMistake("$", "uses %d variables of jobs; a job can have %d", n, job.MaxVariables)
	}
	if len(r.mistakes) > 0 {
		slices.SortStableFunc(r.mistakes, func(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) })
		return nil, slices.Compact(r.mistakes)
	}
	return &r.Template, nil
}

// Uses reports whether the template uses the built-in variable of this name, such as "input_id".
func (t *Template) Uses(name string) bool {
	return slices.ContainsFunc(t.used, func(v variable) bool { return v.kind == "" && v.name == name })
}

// reader reads a template. It goes on after mistakes.
type reader struct {
	Template
	lines    map[string]int  // line numbers by path, such as $.encodings.main
	seen     map[string]bool // the values in texts, as they are written
	mistakes []Mistake
}

// addMistake notes a mistake in the value at a path.
func (r *reader) addMistake(path, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if named := strings.TrimPrefix(strings.TrimPrefix(path, "$"), "."); named != "" {
		message = named + ": " + message
	}
	r.mistakes = append(r.mistakes, Mistake{Line: r.line(path), Text: message})
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

// parse parses the YAML and notes the lines of all paths. It returns false if source is not YAML or
// too large: nothing more can be checked then.
func (r *reader) parse(source string) bool {
	file, err := parseYAML(source)
	if err == nil {
		err = yaml.UnmarshalWithOptions([]byte(source), &r.doc, yaml.UseOrderedMap())
	}
	if err != nil {
		r.mistakes = append(r.mistakes, syntaxMistake(err))
		return false
	}
	for i, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case i > 0:
			r.mistakes = append(r.mistakes, Mistake{doc.Body.GetToken().Position.Line, "this is a second document; put everything into one"})
		default:
			ast.Walk(r, doc.Body)
		}
	}
	return true
}

// syntaxMistake says on one line why a template cannot be parsed.
func syntaxMistake(err error) Mistake {
	if e, ok := errors.AsType[sizeError](err); ok {
		return Mistake{e.line, e.text}
	}
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		return Mistake{e.GetToken().Position.Line, "not YAML: " + e.GetMessage()}
	}
	message, _, _ := strings.Cut(err.Error(), "\n")
	return Mistake{1, "not YAML: " + message}
}

// Visit notes the line of every path.
func (r *reader) Visit(node ast.Node) ast.Visitor {
	if _, known := r.lines[node.GetPath()]; !known {
		line := node.GetToken().Position.Line
		if entry, ok := node.(*ast.MappingValueNode); ok {
			line = entry.Key.GetToken().Position.Line // the token of an entry is its colon
		}
		r.lines[node.GetPath()] = line
	}
	return r
}

// readValue notes the variables and destinations in a value, and checks that the value can be written
// as JSON.
func (r *reader) readValue(v any, path string) {
	switch v := v.(type) {
	case yaml.MapSlice:
		r.noteDestinations(v)
		names := make(map[string]bool, len(v))
		for _, item := range v {
			name := fmt.Sprint(item.Key)
			if names[name] { // [Template.Render] might set the one that the platform ignores
				r.addMistake(path+"."+name, "appears twice, counting the keys that << merges; leave one of them out")
			}
			names[name] = true
			if s, ok := item.Value.(string); ok && name == "outputPath" {
				r.noteSharedOutput(s, path+"."+name)
			}
			if s, ok := item.Value.(string); ok && isPath(name) {
				r.checkText(s, path+"."+name)
			}
			if strings.Contains(name, "${") {
				r.addMistake(path+"."+name, "a variable can be in a value, not in a key")
			}
			r.readValue(item.Value, path+"."+name)
		}
	case []any:
		for i, element := range v {
			r.readValue(element, fmt.Sprintf("%s[%d]", path, i))
		}
	case string:
		r.readText(v, path)
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			r.addMistake(path, "%v is not a number the platform knows", v)
		}
	case nil, bool, int64, uint64:
	default:
		r.addMistake(path, "want text, a number, true or false")
	}
}

// readText notes the variables of a text.
func (r *reader) readText(s, path string) {
	t, err := parseText(s)
	if err != nil {
		r.addMistake(path, "%v", err)
		return
	}
	variables := t.variables()
	if len(variables) == 0 {
		r.checkReference(s, path)
		return
	}
	_, alone := t.soleVariable()
	for _, v := range variables {
		if !alone && (v.kind == numberKind || v.kind == boolKind) {
			r.addMistake(path, "%s has to be the whole value; use ${var:%s} within text", v, v.name)
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

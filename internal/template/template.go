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
)

// Template is an encoding template without mistakes. It is not changed after [Parse].
type Template struct {
	doc      yaml.MapSlice
	encoding string         // the key of its one encoding
	texts    []templateText // the values that a variable could make a reference, each once
	used     []variable     // in whatever value, each once
	shared   []Mistake      // output paths that are the same for all jobs

	writesTo   []destination
	ownOutputs bool // the outputs that it declares differ from job to job
}

// Mistake is one thing wrong with a template.
type Mistake struct {
	Line int // from 1
	Text string
}

func (m Mistake) String() string { return fmt.Sprintf("line %d: %s", m.Line, m.Text) }

// Parse reads a template, or says everything that is wrong with it, in the order of
// its lines. What it cannot know is whether the platform takes the properties of what is
// in it.
func Parse(source string) (*Template, []Mistake) {
	r := reader{lines: map[string]int{}, seen: map[string]bool{}}
	if !r.parse(strings.TrimPrefix(source, "\ufeff")) {
		return nil, r.mistakes
	}
	r.checkSections()
	r.readValue(r.doc, "$")
	if variesByJob(childOf(r.doc, "outputs")) {
		r.shared, r.ownOutputs = nil, true // the storages tell jobs apart
	}
	if n := len(r.Variables()); n > maxVariables {
		r.addMistake("$", "%d variables of the job's own, and a job can have %d", n, maxVariables)
	}
	if len(r.mistakes) > 0 {
		slices.SortStableFunc(r.mistakes, func(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) })
		return nil, slices.Compact(r.mistakes)
	}
	return &r.Template, nil
}

// Uses reports whether a variable such as "input_id" is anywhere in the template.
func (t *Template) Uses(name string) bool {
	return slices.ContainsFunc(t.used, func(v variable) bool { return v.kind == "" && v.name == name })
}

// reader reads a template and goes on after mistakes.
type reader struct {
	Template
	lines    map[string]int  // by path, such as $.encodings.main
	seen     map[string]bool // values that are in texts
	mistakes []Mistake
}

// addMistake notes something wrong at a path.
func (r *reader) addMistake(path, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if named := strings.TrimPrefix(strings.TrimPrefix(path, "$"), "."); named != "" {
		message = named + ": " + message
	}
	r.mistakes = append(r.mistakes, Mistake{Line: r.line(path), Text: message})
}

// line is the line of a path, or of the nearest one above it.
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

// parse parses the YAML; false if there is no going on.
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
			r.mistakes = append(r.mistakes, Mistake{doc.Body.GetToken().Position.Line, "a second document; put everything into one"})
		default:
			ast.Walk(r, doc.Body)
		}
	}
	return true
}

// syntaxMistake is in one line why a template cannot be read.
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

// Visit remembers the line of every path.
func (r *reader) Visit(node ast.Node) ast.Visitor {
	if _, known := r.lines[node.GetPath()]; !known {
		line := node.GetToken().Position.Line
		if entry, ok := node.(*ast.MappingValueNode); ok {
			line = entry.Key.GetToken().Position.Line // its own token is the colon, or worse
		}
		r.lines[node.GetPath()] = line
	}
	return r
}

// readValue finds the variables in a value and checks what can be filled in and
// written again.
func (r *reader) readValue(v any, path string) {
	switch v := v.(type) {
	case yaml.MapSlice:
		r.noteDestinations(v)
		names := make(map[string]bool, len(v))
		for _, item := range v {
			name := fmt.Sprint(item.Key)
			if names[name] { // what is filled in could end up in the one that does not count
				r.addMistake(path+"."+name, "is there twice, counting what << merges; leave one of them out")
			}
			names[name] = true
			if s, ok := item.Value.(string); ok && name == "outputPath" {
				r.checkDestination(s, path+"."+name)
			}
			if s, ok := item.Value.(string); ok && isPath(name) {
				r.checkText(s, path+"."+name)
			}
			if strings.Contains(name, "${") {
				r.addMistake(path+"."+name, "variables are for values, not for keys")
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

// readText notes the variables of a value.
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
			r.addMistake(path, "%s has to stand alone; use ${var:%s} inside of text", v, v.name)
		}
		if !slices.Contains(r.used, v) {
			r.used = append(r.used, v)
		}
	}
	if t[0].variable.name != "" && !r.seen[s] { // a $ before a variable is never plain text
		r.seen[s] = true
		r.texts = append(r.texts, t)
	}
}

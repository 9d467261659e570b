package joblist

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/job"
)

// readJSON reads one job per object. It returns only errors of in.
func (p *parser) readJSON(in io.Reader) error {
	s := &objectScanner{in: in, line: 1, lineStart: true}
	o := objectReader{
		parser: p, unknown: map[string]bool{}, names: map[string]bool{},
		values: map[string]json.RawMessage{}, from: map[string]string{},
	}
	for !p.stopped {
		found, err := s.next()
		if problem, ok := errors.AsType[*jsonError](err); ok {
			p.mistake(problem.line, "%s", problem.text)
			if name := onlyList(problem.object); name != "" {
				p.unpack(problem.line, name)
			}
			continue
		}
		if errors.Is(err, io.EOF) {
			p.skipped.comments += s.comments
			p.checkNamed(0, slices.Sorted(maps.Keys(o.names)))
			return nil
		}
		if err != nil {
			return err
		}
		o.object(found)
	}
	return nil
}

// objectReader makes jobs of objects.
type objectReader struct {
	*parser
	unknown map[string]bool // fields that were reported as unknown
	names   map[string]bool // of fields, at most maxColumns of them, if [Options.Columns] are given
	guesses int             // how often suggestFor was called

	// Of the current object, reused for the next:
	values map[string]json.RawMessage
	sorted []string          // the names of its fields
	from   map[string]string // the name of each of our fields in it
}

// unpack notes that the list is in a field of an object.
func (p *parser) unpack(line int, field string) {
	p.mistake(line, "the list is in the field %q of one object; to take it out: jq '.%s' %s | stoker submit -", field, field, p.list.Name)
}

// object reads one job. A job with mistakes is added too: Read returns no list then.
func (o *objectReader) object(found jsonObject) {
	line := found.line
	if !utf8.Valid(found.text) { // the decoder would replace invalid bytes by U+FFFD
		o.mistake(line, "%s", o.damage(string(found.text)))
		return
	}
	object := o.values
	clear(object)
	if err := json.Unmarshal(found.text, &object); err != nil {
		o.mistake(line, "want one JSON object for each job%s", jsonReason(err))
		return
	}
	if len(object) < found.members {
		o.mistake(line, "the field %s appears twice", excerpt(repeatedField(found.text)))
		return
	}
	clear(o.from)
	o.sorted = slices.AppendSeq(o.sorted[:0], maps.Keys(object))
	slices.Sort(o.sorted)
	for _, name := range o.sorted {
		if value := object[name]; value[0] == '[' && objectsInside.Match(value[:min(len(value), maxHead)]) {
			o.unpack(line, name)
			return
		}
	}
	var spec job.Spec
	foreign := false // the object has columns of others
	for _, name := range o.sorted {
		field := o.columns.field(name)
		if len(o.options.Columns) > 0 && len(o.names) < maxColumns {
			o.names[name] = true
		}
		switch {
		case fold(name) == "variables" && (field == "" || field == ignored) && o.columns.lookUp(name) == nil:
			o.variables(&spec, name, object[name], line)
		case field == ignored:
		case field == "":
			foreign = true
			o.unknownField(name, object, line)
		case o.from[field] != "":
			o.mistake(line, "the fields %q and %q are both %s", o.from[field], name, field)
		default:
			if o.from[field] = name; name != field {
				o.list.columns[field] = name
			}
			o.value(&spec, field, object[name], line)
		}
	}
	if noInput := o.from[inputPath] == "" && !o.options.ForTemplate && len(o.list.Jobs) == 0; foreign || noInput {
		o.suggestFor(object)
		if noInput && !foreign && o.remedy != nil {
			o.mistake(line, "the field input_path is missing")
		}
	}
	o.add(spec, line)
}

// unknownField notes a mistake for a field that no job has, once for each name.
func (o *objectReader) unknownField(name string, object map[string]json.RawMessage, line int) {
	if o.unknown[name] {
		return
	}
	o.unknown[name] = true
	lacks := slices.DeleteFunc(append(FieldNames(), "variables"), func(field string) bool { return object[field] != nil })
	hint := spelling.Hint(name, lacks)
	if hint == "" {
		hint = "; the fields are " + strings.Join(FieldNames(), ", ") + " and variables"
	}
	o.mistake(line, "unknown field %s%s", excerpt(name), hint)
}

// maxGuesses is in how many objects suggestFor looks for the input path.
const maxGuesses = 100

// suggestFor suggests which fields of an object are which, until one object has led to a suggestion, or many to
// none.
func (o *objectReader) suggestFor(object map[string]json.RawMessage) {
	if o.guesses++; o.remedy != nil || o.guesses > maxGuesses || len(object) > maxColumns {
		return
	}
	names := slices.Sorted(maps.Keys(object))
	row := make([]string, len(names))
	for i, name := range names {
		_ = json.Unmarshal(object[name], &row[i]) // what is no text is no path
	}
	o.suggestColumns(names, row)
}

// variables reads the field variables, which the object calls in.
func (o *objectReader) variables(spec *job.Spec, in string, value json.RawMessage, line int) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(value, &object); err != nil {
		o.mistake(line, `variables: want an object of texts, such as {"title": "Sintel"}`)
		return
	}
	if bytes.Count(value, []byte{':'}) > len(object) { // else no variable is there twice
		if name := repeatedField(value); name != "" {
			o.mistake(line, "variables: %s appears twice", excerpt(name))
			return
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		switch field := VariablePrefix + name; {
		case name == "":
			o.mistake(line, "variables: a variable has no name")
		case o.from[field] != "":
			o.mistake(line, "the fields %q and %q both have %s", o.from[field], in, field)
		default:
			o.from[field] = in
			o.value(spec, field, object[name], line)
		}
	}
}

// repeatedField is the first field that a JSON object has twice; empty if there is none.
func repeatedField(object []byte) string {
	seen := map[string]bool{}
	d := json.NewDecoder(bytes.NewReader(object))
	for _, err := d.Token(); err == nil && d.More(); {
		var name json.Token
		if name, err = d.Token(); err != nil {
			break
		}
		text, _ := name.(string)
		if seen[text] {
			return text
		}
		seen[text] = true
		var skipped json.RawMessage
		err = d.Decode(&skipped)
	}
	return ""
}

// value reads the value of a field. A null counts as a missing field. A number is its text as it is
// written, since numbers are good keys, titles and variables; a path is always a text.
func (o *objectReader) value(spec *job.Spec, field string, value json.RawMessage, line int) {
	isPath := field == inputPath || field == "output_path"
	isVariable := strings.HasPrefix(field, VariablePrefix)
	switch c := value[0]; {
	case string(value) == "null":
		return
	case (c == '-' || '0' <= c && c <= '9') && !isPath, (c == 't' || c == 'f') && isVariable:
		o.set(spec, field, string(value), line)
		return
	case c != '"':
		o.mistake(line, "%s: want text in quotes, got %s", o.list.ColumnOf(field), shorten(string(value)))
		return
	}
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		o.mistake(line, "%s: want text in quotes%s", o.list.ColumnOf(field), jsonReason(err))
		return
	}
	if strings.ContainsRune(s, utf8.RuneError) && !bytes.ContainsRune(value, utf8.RuneError) && !bytes.Contains(bytes.ToLower(value), []byte(`\ufffd`)) {
		o.mistake(line, `%s: %s has one half of a \u surrogate pair; the other half is missing`, o.list.ColumnOf(field), shorten(string(value)))
		return
	}
	o.set(spec, field, s, line)
}

// jsonReason is what is wrong with a JSON text, after a colon.
func jsonReason(err error) string {
	if err == nil {
		return ""
	}
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return "" // its text names Go types
	}
	return ": " + err.Error()
}

// objectsInside matches a list of objects.
var objectsInside = regexp.MustCompile(`^\[\s*\{`)

// listInside matches an object that begins with a field that holds a list of objects.
var listInside = regexp.MustCompile(`^\{\s*"([^"\\]+)"\s*:\s*\[\s*\{`)

// onlyList is the field at the beginning of an object that holds a list of objects; empty if there is
// none.
func onlyList(object []byte) string {
	if m := listInside.FindSubmatch(object[:min(len(object), maxHead)]); m != nil {
		return string(m[1])
	}
	return ""
}

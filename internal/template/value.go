package template

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// readValue turns a node into a value of the document, and checks it against what the outline says.
// f is nil where the outline says nothing.
func (r *reader) readValue(n *node, f *rule, path string) any {
	if f != nil && f.list {
		if n.kind == listNode {
			element := *f
			element.list = false
			return r.readList(n, &element, path)
		}
		if n.kind == scalarNode && n.scalarValue() == nil {
			return nil
		}
		r.refuse(path, "want a list, one entry per line that begins with -")
	}
	switch n.kind {
	case mappingNode:
		return r.readMapping(n, f, path)
	case listNode:
		switch {
		case f == nil || f.kind == anyValue || f.list:
		case f.kind == mappingValue:
			r.refuse(path, "want a mapping") // in the words of checkMapping
		default:
			r.refuse(path, "want %s, not a list", f.wanted())
		}
		return r.readList(n, nil, path)
	}
	return r.readScalar(n, f, path)
}

func (r *reader) readList(n *node, element *rule, path string) []any {
	list := make([]any, len(n.elements))
	for i, e := range n.elements {
		at := fmt.Sprintf("%s[%d]", path, i)
		r.lines[at] = e.line
		list[i] = r.readValue(e, element, at)
	}
	return list
}

// namePattern is the form of the names that a template gives to its resources.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (r *reader) readMapping(n *node, f *rule, path string) yaml.MapSlice {
	var s *shape
	if f != nil && !f.list {
		s = f.below
		if f.kind != anyValue && s == nil {
			r.refuse(path, "want %s, not a mapping", f.wanted())
			f = nil
		}
	}
	m := make(yaml.MapSlice, 0, len(n.entries))
	for _, e := range n.entries {
		at := path + "." + e.key
		r.lines[at] = e.line
		if strings.Contains(e.key, "${") {
			r.addMistake(at, "a variable can be in a value, not in a key")
		}
		below, free := s.find(e.key)
		switch {
		case below == nil && isSecretName(e.key):
			r.checkSecret(e.value, &rule{secret: true}, at)
		case s == nil: // the outline says nothing
		case below == nil:
			r.unknownKey(at, path, e, s)
		case free:
			r.checkName(at, e.key, s)
		}
		if below != nil && below.secret || below != nil && below.content {
			r.checkSecret(e.value, below, at)
		}
		m = append(m, yaml.MapItem{Key: e.key, Value: r.readValue(e.value, below, at)})
	}
	if s != nil {
		r.checkRequired(m, s, path)
	}
	r.noteDestinations(m)
	for _, item := range m {
		if text, ok := item.Value.(string); ok {
			r.checkText(fmt.Sprint(item.Key), text, path)
		}
	}
	return m
}

// unknownKey refuses a key that the outline does not know. The platform would drop it without a
// word.
func (r *reader) unknownKey(at, path string, e entry, s *shape) {
	key := e.key
	switch {
	case path == "$":
		return // checkSections says more
	case key == "live" && strings.Count(path, ".") == 2 && strings.HasPrefix(path, "$.encodings."):
		return // checkEncoding says more
	}
	names := s.keyNames()
	hint := r.hint(key, names)
	if hint == "" {
		const few = 12
		if len(names) > 0 && len(names) <= few {
			hint = "; the keys here are " + strings.Join(names, ", ")
		}
	}
	if e.value.kind == scalarNode && e.value.plain && slices.Contains([]string{"yes", "no", "on", "off"}, strings.ToLower(e.value.text)) {
		hint += fmt.Sprintf("; %s is text in YAML 1.2%s", e.value.text, boolHint(e.value.text))
	}
	r.unknown(at, "unknown key %q, which the platform would ignore%s", key, hint)
}

// checkName checks a name that the template gives to a resource.
func (r *reader) checkName(at, name string, s *shape) {
	for _, key := range s.keyNames() {
		if strings.EqualFold(key, name) {
			r.unknown(at, "%q is taken for a name; did you mean %q?", name, key)
			return
		}
	}
	if !namePattern.MatchString(name) && !strings.Contains(name, "${") {
		r.refuse(at, "the name of a resource may have letters, digits, _ and -")
	}
}

// checkRequired checks that a mapping has the keys that the outline requires.
func (r *reader) checkRequired(m yaml.MapSlice, s *shape, path string) {
	if path == "$" || path == "$.metadata" {
		return // checkSections says more; Render adds a name
	}
	for _, key := range s.keyNames() {
		f := s.keys[key]
		if !f.required || childOf(m, key) != nil {
			continue
		}
		switch {
		case f.secret && !hasKey(m, key):
			r.refuse(path, "%s is missing, and a secret must not stand in a template%s", key, secretRemedy(path))
		case f.secret:
		case f.kind == mappingValue && !f.list && len(f.below.keys) > 0:
			r.checkRequired(nil, f.below, path) // properties may be left out if all keys in them may
		default:
			r.unknown(path, "%s is missing", key)
		}
	}
}

// readScalar turns a scalar into a value of the kind that the outline wants.
func (r *reader) readScalar(n *node, f *rule, path string) any {
	value := n.scalarValue()
	if text, ok := value.(string); ok && strings.Contains(text, "${") {
		r.readText(text, path)
		if f != nil {
			r.checkVariables(text, f, path)
		}
		return text
	}
	if f == nil || f.kind == anyValue || f.list || value == nil || n.foreign {
		return r.plainValue(value, path)
	}
	switch f.kind {
	case textValue:
		if n.tag == "" || n.tag == strTag {
			value = n.text // no, 0123 and 1:20 are what is written
		}
		text := fmt.Sprint(value)
		r.readText(text, path)
		r.checkWord(text, f, path)
		return text
	case intValue, numberValue:
		return r.readNumber(n, value, f, path)
	case boolValue:
		if _, ok := value.(bool); !ok {
			r.refuse(path, "want true or false, not %s%s", shown(n), boolHint(n.text))
		}
	case mappingValue:
		r.refuse(path, "want a mapping")
	}
	return r.plainValue(value, path)
}

// plainValue checks a value about which the outline says nothing.
func (r *reader) plainValue(value any, path string) any {
	switch v := value.(type) {
	case string:
		r.readText(v, path)
	case float64:
		r.addMistake(path, "%v is not a number the platform knows", v)
	}
	return value
}

// readNumber turns a scalar into a number.
func (r *reader) readNumber(n *node, value any, f *rule, path string) any {
	if n.plain && groupedForm.MatchString(n.text) {
		value, _ = parseNumber(strings.ReplaceAll(n.text, "_", ""))
	}
	number, ok := value.(json.Number)
	if !ok {
		quoted := ""
		if _, is := parseNumber(n.text); is {
			quoted = "; leave out the quotes"
		}
		if _, infinite := value.(float64); infinite {
			return r.plainValue(value, path)
		}
		r.refuse(path, "want %s, not %s%s", f.wanted(), shown(n), quoted)
		return r.plainValue(value, path)
	}
	if f.kind == intValue {
		whole, ok := wholeNumber(number)
		if !ok {
			r.refuse(path, "want a whole number, not %s", n.text)
			return number
		}
		number = whole
	}
	if problem := f.checkBounds(number); problem != "" {
		r.unknown(path, "%s", problem)
	}
	return number
}

// checkBounds returns what is wrong with a number; "" if nothing is.
func (f *rule) checkBounds(n json.Number) string {
	v, err := n.Float64()
	switch {
	case err != nil:
		return n.String() + " is too large"
	case f.min != nil && f.max != nil && (v < *f.min || v > *f.max):
		return fmt.Sprintf("want %v to %v, not %s", *f.min, *f.max, n)
	case f.min != nil && v < *f.min:
		return fmt.Sprintf("want at least %v, not %s", *f.min, n)
	case f.max != nil && v > *f.max:
		return fmt.Sprintf("want at most %v, not %s", *f.max, n)
	}
	return ""
}

// checkWord checks a text against the values that its key can have.
func (r *reader) checkWord(text string, f *rule, path string) {
	if problem := f.checkWord(text, r.hint); problem != "" {
		r.unknown(path, "%s", problem)
	}
}

// hintFunc is a [spelling.Hint] that may give none.
type hintFunc func(word string, known []string) string

// noHint gives no hint.
func noHint(string, []string) string { return "" }

// checkWord returns what is wrong with a text; "" if nothing is.
func (f *rule) checkWord(text string, findHint hintFunc) string {
	if f.words == nil || slices.Contains(f.words, text) {
		return ""
	}
	hint := findHint(text, f.words)
	if whole := strings.TrimSuffix(text, ".0"); slices.Contains(f.words, whole) {
		hint = fmt.Sprintf("; did you mean %q?", whole)
	}
	const few = 12
	if hint == "" && len(f.words) <= few {
		hint = "; want one of " + strings.Join(f.words, ", ")
	}
	return fmt.Sprintf("unknown value %q%s", text, hint)
}

// checkVariables checks that a text with variables can become a value of the kind that the outline
// wants. What values the variables have is checked for each job.
func (r *reader) checkVariables(text string, f *rule, path string) {
	t, err := parseText(text)
	if err != nil || len(t.variables()) == 0 {
		return
	}
	v, sole := t.soleVariable()
	switch f.kind {
	case intValue, numberValue:
		if !sole || v.kind != numberKind {
			r.refuse(path, "want %s: a variable for it is written ${number:NAME}", f.wanted())
		}
	case boolValue:
		if !sole || v.kind != boolKind {
			r.refuse(path, "want true or false: a variable for it is written ${bool:NAME}")
		}
	case textValue:
		if sole && (v.kind == numberKind || v.kind == boolKind) {
			r.refuse(path, "want text: a variable for it is written ${var:%s}", v.name)
		}
	case mappingValue:
		r.refuse(path, "want a mapping, not %q", text)
	case anyValue:
		return
	}
	limits := *f
	if r.allowUnknown {
		limits.words, limits.min, limits.max = nil, nil, nil
	}
	if limits.kind == intValue || limits.words != nil || limits.min != nil || limits.max != nil {
		r.limited = append(r.limited, limitedText{t, &limits, strings.TrimPrefix(path, "$.")})
	}
}

// limitedText is a text with variables whose filled-in value the outline limits.
type limitedText struct {
	text templateText
	f    *rule
	path string
}

// check returns what is wrong with a filled-in value; "" if nothing is.
func (l limitedText) check(filled string, findHint hintFunc) string {
	if l.f.kind == textValue {
		return l.f.checkWord(filled, findHint)
	}
	number, ok := parseNumber(filled)
	if !ok {
		return "" // the kind of the variable says it
	}
	if _, whole := wholeNumber(number); l.f.kind == intValue && !whole {
		return "want a whole number, not " + filled
	}
	return l.f.checkBounds(number)
}

// wanted is what a value has to be, for messages.
func (f *rule) wanted() string {
	switch f.kind {
	case textValue:
		return "text"
	case intValue:
		return "a whole number"
	case numberValue:
		return "a number"
	case boolValue:
		return "true or false"
	case mappingValue:
		return "a mapping"
	}
	return "a value"
}

// shown is a scalar as it is written, for messages.
func shown(n *node) string {
	if n.plain {
		return n.text
	}
	return fmt.Sprintf("%q", n.text)
}

// boolHint says what a text probably means that YAML 1.1 took for a boolean.
func boolHint(text string) string {
	switch strings.ToLower(text) {
	case "yes", "on", "y", "true", "1":
		return "; did you mean true?"
	case "no", "off", "n", "false", "0":
		return "; did you mean false?"
	}
	return ""
}

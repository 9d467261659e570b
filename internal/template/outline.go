package template

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// outlineText is the outline of the platform's schema for encoding templates.
//
// A line that begins with "words NAME" lists the values of a key, and one with "shape NAME" the
// keys of a mapping, both in the lines below it. The template itself is the shape named template.
// A line of a shape is one of these:
//
//	text a b*         keys whose value is text; int, number, bool, and any for any value
//	int 0..51 a       keys with bounds, which may be open at one end
//	texts a           keys whose value is a list of texts; ints, numbers, anys
//	word a b: X Y     keys with one of these values; a ~ in a value stands for a blank
//	word a: @NAME     keys with one of the values of a list
//	use NAME          all keys of a shape
//	a:                a key whose value is a mapping, with the lines below
//	a: NAME           a key whose value is a mapping, with the keys of a shape
//	a[]:              a key whose value is a list of such mappings
//	a<>:              a key below which names are free; each has properties, with the lines below
//	<name>:           a free name, in place of a key
//
// A * behind a key says that the key is required, a ! that its value is a secret, and a ? that it is
// a content key. A line that is indented twice as deep continues the line above it.
//
//go:embed outline.txt
var outlineText string

// outline is the parsed outlineText.
var outline = sync.OnceValue(func() *shape {
	root, err := parseOutline(outlineText)
	if err != nil {
		panic("template: outline.txt: " + err.Error()) // a test parses it
	}
	return root
})

// valueKind says what the value of a key is.
type valueKind int

const (
	anyValue valueKind = iota
	textValue
	intValue
	numberValue
	boolValue
	mappingValue
)

// shape is a mapping in a template: the keys that it can have.
type shape struct {
	keys  map[string]*rule
	named *rule // below a free name; nil: names are not free
}

// rule is what the outline says about the value of a key.
type rule struct {
	kind     valueKind
	list     bool // the value is a list, and the rest is about its elements
	required bool
	secret   bool
	content  bool     // the value is a content key of DRM
	min, max *float64 // nil: no bound
	words    []string // the only values; nil: any
	below    *shape   // of a mappingValue
}

// keyNames lists the keys of a shape, sorted.
func (s *shape) keyNames() []string {
	return slices.Sorted(maps.Keys(s.keys))
}

// find returns what the outline says about a key, and whether the key is a free name. It returns
// nil for an unknown key.
func (s *shape) find(key string) (f *rule, free bool) {
	switch {
	case s == nil:
		return nil, false
	case s.keys[key] != nil:
		return s.keys[key], false
	}
	return s.named, s.named != nil
}

// outlineParser parses an outline.
type outlineParser struct {
	lines  []outlineLine
	words  map[string][]string
	shapes map[string]*shape
}

// outlineLine is a line of the outline with the lines that continue it.
type outlineLine struct {
	number, depth int
	text          string
}

func parseOutline(text string) (*shape, error) {
	p := outlineParser{words: map[string][]string{}, shapes: map[string]*shape{}}
	p.splitLines(text)
	for len(p.lines) > 0 {
		line := p.lines[0]
		p.lines = p.lines[1:]
		kind, name, _ := strings.Cut(line.text, " ")
		switch kind {
		case "words":
			for len(p.lines) > 0 && p.lines[0].depth > 0 {
				p.words[name] = append(p.words[name], strings.Fields(p.lines[0].text)...)
				p.lines = p.lines[1:]
			}
		case "shape":
			if err := p.parseShape(p.findShape(name), 1); err != nil {
				return nil, err
			}
		default:
			return nil, line.errorf("want words or shape, not %q", line.text)
		}
	}
	for name, s := range p.shapes {
		if len(s.keys) == 0 && s.named == nil {
			return nil, fmt.Errorf("shape %s has no keys", name)
		}
	}
	return p.findShape("template"), nil
}

// splitLines splits the outline into lines, without comments and with continued lines joined.
func (p *outlineParser) splitLines(text string) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		trimmed := strings.TrimLeft(strings.TrimRight(line, "\n"), " ")
		depth := (len(strings.TrimRight(line, "\n")) - len(trimmed)) / 2
		last := len(p.lines) - 1
		switch {
		case trimmed == "" || trimmed[0] == '#':
		case last >= 0 && p.lines[last].depth > 0 && depth == p.lines[last].depth+2:
			p.lines[last].text += " " + trimmed
		default:
			p.lines = append(p.lines, outlineLine{number, depth, trimmed})
		}
	}
}

func (l outlineLine) errorf(format string, args ...any) error {
	return fmt.Errorf("line %d: %s", l.number, fmt.Sprintf(format, args...))
}

// findShape returns the shape of a name, which may be parsed later.
func (p *outlineParser) findShape(name string) *shape {
	if p.shapes[name] == nil {
		p.shapes[name] = &shape{keys: map[string]*rule{}}
	}
	return p.shapes[name]
}

// parseShape adds the lines of a depth to a shape.
func (p *outlineParser) parseShape(s *shape, depth int) error {
	for len(p.lines) > 0 && p.lines[0].depth >= depth {
		line := p.lines[0]
		if line.depth > depth {
			return line.errorf("indented too deep")
		}
		p.lines = p.lines[1:]
		kind, rest, _ := strings.Cut(line.text, " ")
		var err error
		switch {
		case kind == "use":
			err = p.includeShape(s, line, rest)
		case strings.HasSuffix(kind, ":"):
			err = p.parseMapping(s, strings.TrimSuffix(kind, ":"), rest, depth)
		default:
			err = p.parseScalars(s, line, kind, rest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// includeShape adds the keys of a shape to another. The included one has to come first.
func (p *outlineParser) includeShape(s *shape, line outlineLine, name string) error {
	used := p.findShape(name)
	if len(used.keys) == 0 {
		return line.errorf("shape %s is not known yet", name)
	}
	maps.Copy(s.keys, used.keys)
	return nil
}

// parseMapping adds a key whose value is a mapping or a list of mappings.
func (p *outlineParser) parseMapping(s *shape, key, shapeName string, depth int) error {
	f := &rule{kind: mappingValue}
	key, f.list = strings.CutSuffix(key, "[]")
	key, named := strings.CutSuffix(key, "<>")
	key, f.required = strings.CutSuffix(key, "*")
	f.below = &shape{keys: map[string]*rule{}}
	below := f.below
	if named {
		properties := &rule{kind: mappingValue, required: true, below: below}
		one := &shape{keys: map[string]*rule{"properties": properties}}
		f.below = &shape{keys: map[string]*rule{}, named: &rule{kind: mappingValue, below: one}}
	}
	if shapeName != "" {
		below = p.findShape(shapeName)
		if named {
			f.below.named.below.keys["properties"].below = below
		} else {
			f.below = below
		}
	} else if err := p.parseShape(below, depth+1); err != nil {
		return err
	}
	if key == "<name>" {
		s.named = f
	} else {
		s.keys[key] = f
	}
	return nil
}

// parseScalars adds keys whose values are of one kind.
func (p *outlineParser) parseScalars(s *shape, line outlineLine, kind, rest string) error {
	var f rule
	kind, f.list = strings.CutSuffix(kind, "s")
	names, words, _ := strings.Cut(rest, ": ")
	keys := strings.Fields(names)
	switch kind {
	case "any":
	case "text":
		f.kind = textValue
	case "int":
		f.kind = intValue
	case "number":
		f.kind = numberValue
	case "bool":
		f.kind = boolValue
	case "word":
		f.kind = textValue
		f.words = strings.Fields(words)
		if name, ok := strings.CutPrefix(words, "@"); ok {
			f.words = p.words[name]
		}
		for i, w := range f.words {
			f.words[i] = strings.ReplaceAll(w, "~", " ")
		}
		if len(f.words) == 0 {
			return line.errorf("no words")
		}
	default:
		return line.errorf("unknown kind %q", kind)
	}
	if low, high, ok := strings.Cut(keys[0], ".."); ok {
		f.min, f.max, keys = parseBound(low), parseBound(high), keys[1:]
	}
	for _, key := range keys {
		one := f
		key, one.secret = strings.CutSuffix(key, "!")
		key, one.content = strings.CutSuffix(key, "?")
		key, one.required = strings.CutSuffix(key, "*")
		if s.keys[key] != nil {
			return line.errorf("%s is there twice", key)
		}
		s.keys[key] = &one
	}
	return nil
}

// parseBound parses a bound; nil if it is open.
func parseBound(text string) *float64 {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return &n
	}
	return nil
}

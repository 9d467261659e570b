package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/stokerd/stoker/internal/spelling"
)

// yamlTree decodes a YAML file. Unlike the decoder of the library it continues after a mistake and
// remembers the line of every path.
type yamlTree struct {
	name     string
	lines    map[string]int // by path, such as storages[0].bucket
	anchors  map[string]ast.Node
	mistakes []Mistake
}

// decode decodes text into d as far as possible, and collects the mistakes in the tree that it
// returns.
func decode(name string, text []byte, d *document) *yamlTree {
	t := &yamlTree{name: name, lines: map[string]int{}, anchors: map[string]ast.Node{}}
	d.Settings = map[string]string{}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		line, message := syntaxError(err)
		t.mistake(line, "not YAML: %s", message)
		return t
	}
	for i, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case i > 0:
			t.mistake(line(doc.Body), "this is a second document; put everything into one")
		default:
			t.readRoot(doc.Body, d)
		}
	}
	return t
}

func syntaxError(err error) (line int, message string) {
	if e, ok := errors.AsType[*yaml.SyntaxError](err); ok && e.Token != nil {
		return e.Token.Position.Line, e.Message
	}
	message, _, _ = strings.Cut(err.Error(), "\n")
	return 1, message
}

// location returns file:line of a path, or of the nearest path above it. Without a file it returns
// the path.
func (t *yamlTree) location(path string) string {
	if t == nil {
		return path
	}
	for {
		if n, ok := t.lines[path]; ok {
			return fmt.Sprintf("%s:%d", t.name, n)
		}
		at := strings.LastIndexAny(path, ".[")
		if at < 0 {
			return t.name
		}
		path = path[:at]
	}
}

// has reports whether the file has something at a path.
func (t *yamlTree) has(path string) bool {
	if t == nil {
		return false
	}
	_, ok := t.lines[path]
	return ok
}

func (t *yamlTree) mistake(line int, format string, args ...any) {
	t.mistakes = append(t.mistakes, Mistake{Where: fmt.Sprintf("%s:%d", t.name, line), Text: fmt.Sprintf(format, args...)})
}

// readRoot reads the outermost mapping, which holds settings and sections.
func (t *yamlTree) readRoot(node ast.Node, d *document) {
	sections := fieldsOf(reflect.ValueOf(d).Elem())
	var known []string
	for _, s := range Settings() {
		key, _, _ := strings.Cut(s.key(), ".")
		if !slices.Contains(known, key) {
			known = append(known, key)
		}
	}
	for _, name := range sections.names {
		if !slices.Contains(known, name) { // auth is both, a setting and a section
			known = append(known, name)
		}
	}
	t.readMapping(node, "", func(key string, value ast.Node) {
		if field, ok := sections.byName[key]; ok {
			t.readValue(value, key, field)
			return
		}
		switch {
		case !slices.Contains(known, key):
			t.unknownKey(key, "", known)
		case slices.Contains(settingSections, key):
			t.readSection(value, key, d)
		default:
			t.readSetting(value, key, d)
		}
	})
}

// readSection reads a mapping of settings.
func (t *yamlTree) readSection(node ast.Node, section string, d *document) {
	var known []string
	for _, s := range Settings() {
		if name, ok := strings.CutPrefix(s.key(), section+"."); ok {
			known = append(known, name)
		}
	}
	if _, null := t.resolve(node).(*ast.NullNode); null {
		return
	}
	t.readMapping(node, section, func(key string, value ast.Node) {
		if !slices.Contains(known, key) {
			t.unknownKey(key, section, known)
			return
		}
		t.readSetting(value, join(section, key), d)
	})
}

// readSetting reads the value of the setting at path.
func (t *yamlTree) readSetting(node ast.Node, path string, d *document) {
	if _, null := t.resolve(node).(*ast.NullNode); null {
		return
	}
	before, text := len(t.mistakes), ""
	t.readValue(node, path, reflect.ValueOf(&text).Elem())
	if len(t.mistakes) == before {
		d.Settings[path] = text
	}
}

// readMapping calls each with every key and value of a mapping.
func (t *yamlTree) readMapping(node ast.Node, path string, each func(key string, value ast.Node)) {
	m, ok := t.resolve(node).(ast.MapNode)
	if !ok {
		t.mistake(line(node), "%swant a mapping, key: value", prefix(path))
		return
	}
	for entries := m.MapRange(); entries.Next(); {
		key := keyText(entries.Key())
		t.lines[join(path, key)] = line(entries.Key())
		each(key, entries.Value())
	}
}

// readValue decodes a node into v.
func (t *yamlTree) readValue(node ast.Node, path string, v reflect.Value) {
	if anchor, ok := node.(*ast.AnchorNode); ok {
		t.readValue(anchor.Value, path, v)
		t.anchors[anchor.Name.String()] = anchor.Value // set only now, because a node cannot contain itself
		return
	}
	node = t.resolve(node)
	if _, null := node.(*ast.NullNode); null {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		fields := fieldsOf(v)
		if _, single := scalarText(node); single && fields.single.IsValid() {
			t.readScalar(node, path, fields.single)
			return
		}
		t.readMapping(node, path, func(key string, value ast.Node) {
			if field, ok := fields.byName[key]; ok {
				t.readValue(value, join(path, key), field)
				return
			}
			t.unknownKey(key, path, fields.names)
		})
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		t.readMapping(node, path, func(key string, value ast.Node) {
			element := reflect.New(v.Type().Elem()).Elem()
			t.readValue(value, join(path, key), element)
			v.SetMapIndex(reflect.ValueOf(key), element)
		})
	case reflect.Slice:
		t.readList(node, path, v)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		t.readValue(node, path, v.Elem())
	default:
		t.readScalar(node, path, v)
	}
}

func (t *yamlTree) readList(node ast.Node, path string, v reflect.Value) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		t.mistake(line(node), "%swant a list, one entry per line that begins with -", prefix(path))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(sequence.Values), len(sequence.Values)))
	for i, element := range sequence.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		t.lines[at] = line(element)
		t.readValue(element, at, v.Index(i))
	}
}

func (t *yamlTree) readScalar(node ast.Node, path string, v reflect.Value) {
	text, ok := scalarText(node)
	if !ok {
		t.mistake(line(node), "%swant a single value", prefix(path))
		return
	}
	var err error
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		var b bool
		b, err = parseBool(text)
		v.SetBool(b)
	case reflect.Int, reflect.Int64:
		var n int64
		if n, err = strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 64); err != nil {
			err = errors.New("want a whole number")
		}
		v.SetInt(n)
	case reflect.Float64:
		var f float64
		if f, err = strconv.ParseFloat(text, 64); err != nil {
			err = errors.New("want a number")
		}
		v.SetFloat(f)
	default:
		err = fmt.Errorf("cannot be read into %s", v.Type())
	}
	if err != nil {
		t.mistake(line(node), "%s%q: %v", prefix(path), text, err)
	}
}

// unknownKey adds the mistake of a key that does not exist. If the key is the name of a secret, the
// message says where the secret belongs.
func (t *yamlTree) unknownKey(key, path string, known []string) {
	line := t.lines[join(path, key)]
	switch {
	case slices.Contains(known, key+"_env"):
		t.mistake(line, "%sa secret must not be in this file; name an environment variable (%s_env) or a file (%s_file) that holds it",
			prefix(join(path, key)), key, key)
		return
	case slices.Contains(known, key+"_file"):
		t.mistake(line, "%sa secret must not be in this file; name a file (%s_file) that holds it", prefix(join(path, key)), key)
		return
	}
	hint := spelling.Hint(key, known)
	if hint == "" {
		hint = "; known keys: " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
	}
	t.mistake(line, "%sunknown key %q%s", prefix(path), key, hint)
}

// resolve returns the node that an alias stands for, or the node inside an anchor or a tag.
func (t *yamlTree) resolve(node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.AnchorNode:
		return n.Value
	case *ast.AliasNode:
		name := n.Value.String()
		if target, ok := t.anchors[name]; ok {
			return target
		}
		t.mistake(line(node), "alias *%s: nothing above is marked &%s", name, name)
		return ast.Null(n.GetToken())
	case *ast.TagNode:
		return t.resolve(n.Value)
	}
	return node
}

// fieldSet holds the fields of a struct by their YAML names.
type fieldSet struct {
	names  []string
	byName map[string]reflect.Value
	single reflect.Value // takes a single value in place of a mapping; the zero Value if no field does
}

func fieldsOf(v reflect.Value) fieldSet {
	set := fieldSet{byName: map[string]reflect.Value{}}
	for i := range v.NumField() {
		if v.Type().Field(i).Anonymous {
			within := fieldsOf(v.Field(i))
			set.names = append(set.names, within.names...)
			maps.Copy(set.byName, within.byName)
			continue
		}
		if name := v.Type().Field(i).Tag.Get("yaml"); name != "" && name != "-" {
			set.names = append(set.names, name)
			set.byName[name] = v.Field(i)
		}
		if v.Type().Field(i).Tag.Get("single") != "" {
			set.single = v.Field(i)
		}
	}
	return set
}

func scalarText(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case ast.ScalarNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func keyText(key ast.MapKeyNode) string {
	if text, ok := scalarText(key); ok {
		return text
	}
	return key.String()
}

func line(node ast.Node) int { return node.GetToken().Position.Line }

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func prefix(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

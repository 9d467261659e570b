package template

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// node is a value of the YAML document as it is written: what a plain scalar means depends on the
// key that it belongs to. Aliases are resolved to the node that they stand for, and << is merged.
type node struct {
	line     int
	kind     nodeKind
	text     string // of a scalar
	plain    bool   // of a scalar: it has no quotes and is no block
	tag      string // of a scalar: !!str, !!int, !!float, !!bool or !!null; empty: none
	foreign  bool   // it has an unknown tag, and nothing more is to be said of it
	entries  []entry
	elements []*node
}

type nodeKind int

const (
	scalarNode nodeKind = iota
	mappingNode
	listNode
)

// entry is a key of a mapping with its value.
type entry struct {
	key   string
	line  int // of the key
	value *node
}

// nodeBuilder builds nodes from the syntax tree of a library. It goes on after mistakes.
type nodeBuilder struct {
	anchors  map[string]*node
	mistakes []Mistake
	refused  []Mistake // see [Parse] and [ParseStored]
}

func (b *nodeBuilder) addMistake(line int, format string, args ...any) {
	b.mistakes = append(b.mistakes, Mistake{line, fmt.Sprintf(format, args...)})
}

// buildDocument builds the one document of a file; nil if there is none. Directives and empty
// documents do not count.
func (b *nodeBuilder) buildDocument(file *ast.File) *node {
	var root *node
	for _, doc := range file.Docs {
		switch body := doc.Body.(type) {
		case nil:
		case *ast.DirectiveNode:
			b.checkDirective(body)
		default:
			if root != nil {
				b.addMistake(lineOf(body), "this is a second document; put everything into one")
				return root
			}
			root = b.build(body)
		}
	}
	return root
}

// checkDirective refuses directives other than %YAML. A template is read as YAML 1.2 whatever
// version it names, as [scalarValue] describes.
func (b *nodeBuilder) checkDirective(d *ast.DirectiveNode) {
	if name := d.Name.String(); name != "YAML" {
		b.refused = append(b.refused, Mistake{lineOf(d), "%" + name + ": the only directive that a template can have is %YAML"})
	}
}

func lineOf(n ast.Node) int { return n.GetToken().Position.Line }

func (b *nodeBuilder) build(n ast.Node) *node {
	switch n := n.(type) {
	case *ast.AnchorNode:
		built := b.build(n.Value)
		b.anchors[n.Name.String()] = built // only now, because a node cannot contain itself
		return built
	case *ast.AliasNode:
		name := n.Value.String()
		if target := b.anchors[name]; target != nil {
			return target
		}
		b.addMistake(lineOf(n), "*%s: nothing above is marked &%s", name, name)
		return &node{line: lineOf(n), tag: nullTag}
	case *ast.TagNode:
		return b.buildTagged(n)
	case ast.MapNode:
		return b.buildMapping(n)
	case *ast.SequenceNode:
		list := &node{line: lineOf(n), kind: listNode}
		for _, element := range n.Values {
			list.elements = append(list.elements, b.build(element))
		}
		return list
	case *ast.LiteralNode:
		return &node{line: lineOf(n), text: n.Value.Value}
	case *ast.StringNode:
		t := n.GetToken().Type
		return &node{line: lineOf(n), text: n.Value, plain: t != token.SingleQuoteType && t != token.DoubleQuoteType}
	}
	return &node{line: lineOf(n), text: n.GetToken().Value, plain: true}
}

// buildTagged builds a node with a tag. The tags of the core schema are known, and mean what they
// say.
func (b *nodeBuilder) buildTagged(n *ast.TagNode) *node {
	tag := n.Start.Value
	if n.Value == nil {
		b.addMistake(lineOf(n), "%s has no value", tag)
		return &node{line: lineOf(n), tag: nullTag}
	}
	built := *b.build(n.Value)
	switch {
	case !slices.Contains([]string{strTag, intTag, floatTag, boolTag, nullTag, "!!map", "!!seq"}, tag):
		b.refused = append(b.refused, Mistake{lineOf(n), tag + ": unknown tag; leave it out, values of the job come in by variables such as ${input_path}"})
		built.foreign = true
	case (tag == "!!map") != (built.kind == mappingNode), (tag == "!!seq") != (built.kind == listNode):
		b.addMistake(lineOf(n), "%s: the value is of another kind", tag)
	case built.kind == scalarNode:
		built.tag = tag
	}
	return &built
}

func (b *nodeBuilder) buildMapping(n ast.MapNode) *node {
	m := &node{kind: mappingNode, line: 1}
	if n, ok := n.(ast.Node); ok {
		m.line = lineOf(n)
	}
	given := map[string]bool{} // keys that stand in the mapping itself
	for it := n.MapRange(); it.Next(); {
		if _, ok := it.Key().(*ast.MergeKeyNode); ok {
			b.merge(m, it.Value())
			continue
		}
		key, ok := b.keyText(it.Key())
		if !ok {
			continue
		}
		line := lineOf(it.Key())
		if given[key] {
			b.addMistake(line, "key %q appears twice in one mapping; leave one out", key)
			continue
		}
		given[key] = true
		e := entry{key, line, b.build(it.Value())}
		if i := slices.IndexFunc(m.entries, func(e entry) bool { return e.key == key }); i >= 0 {
			m.entries[i] = e // overrides what << has brought in
		} else {
			m.entries = append(m.entries, e)
		}
	}
	return m
}

// merge adds the entries of the mapping, or of the mappings in the list, that << names. Entries
// that are there already stay.
func (b *nodeBuilder) merge(m *node, value ast.Node) {
	from := b.build(value)
	sources := []*node{from}
	if from.kind == listNode {
		sources = from.elements
	}
	for _, source := range sources {
		if source.kind != mappingNode {
			b.addMistake(lineOf(value), "<< wants a mapping or a list of mappings")
			continue
		}
		for _, e := range source.entries {
			if !slices.ContainsFunc(m.entries, func(have entry) bool { return have.key == e.key }) {
				m.entries = append(m.entries, e)
			}
		}
	}
}

// keyText is the text of a key.
func (b *nodeBuilder) keyText(key ast.MapKeyNode) (string, bool) {
	var n ast.Node = key
	if explicit, ok := n.(*ast.MappingKeyNode); ok {
		n = explicit.Value
	}
	if built := b.build(n); built.kind == scalarNode {
		return built.text, true
	}
	b.addMistake(lineOf(key), "a key is a text")
	return "", false
}

// findMoustaches lists the places at which values are written {{...}} outside of quotes, which is
// no YAML that means anything in a template.
func findMoustaches(tokens token.Tokens) (list []Mistake) {
	for i, t := range tokens {
		if i == 0 || t.Type != token.MappingStartType || tokens[i-1].Type != token.MappingStartType {
			continue
		}
		if before := tokens[i-1].Position; before.Line == t.Position.Line && before.Column+1 == t.Position.Column {
			list = append(list, Mistake{t.Position.Line, moustacheText})
		}
	}
	return list
}

// moustacheText is the mistake of a value that is written {{...}}.
const moustacheText = "{{...}} is not filled in; variables are written ${input_path}, ${output_path} or ${var:NAME}"

// hasMoustache reports whether a text has a {{...}} in it.
func hasMoustache(s string) bool {
	_, behind, found := strings.Cut(s, "{{")
	return found && strings.Contains(behind, "}}")
}

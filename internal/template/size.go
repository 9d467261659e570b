package template

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// What a template may grow to. Those that people write have some hundred values, but
// anybody who may submit a batch may bring one: what is small as text and huge as a
// document has to be found out before it is read.
const (
	maxBytes   = 1 << 20
	maxValues  = 10_000 // each alias counted as all that it stands for, and long text as several
	maxTokens  = 5 * maxValues
	maxNesting = 100
	longText   = 256 // bytes; so much text counts as one more value

	maxVariables = 50 // the API takes no more of a job
)

// parseYAML parses a template that is not too deep and not too large.
func parseYAML(source string) (*ast.File, error) {
	if len(source) > maxBytes {
		return nil, sizeError{1, fmt.Sprintf("longer than %d bytes", maxBytes)}
	}
	tokens := lexer.Tokenize(source)
	if t := tooDeep(tokens); t != nil {
		return nil, sizeError{t.Position.Line, fmt.Sprintf("nested deeper than %d levels", maxNesting)}
	}
	if len(tokens) > maxTokens {
		return nil, tooMany()
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return nil, err
	}
	m := measure{anchors: map[string]int{}}
	for _, doc := range file.Docs {
		if m.values(doc.Body) > maxValues {
			return nil, tooMany()
		}
	}
	return file, nil
}

// sizeError is why a template is not read at all.
type sizeError struct {
	line int
	text string
}

func (e sizeError) Error() string { return e.text }

func tooMany() sizeError {
	return sizeError{1, fmt.Sprintf("more than %d values, with aliases counted as what they stand for", maxValues)}
}

// tooDeep is the first token that stands too deep; nil if there is none. Only what can
// be nested within one line is counted: indentation takes room, and so is bounded by the
// length of the text.
func tooDeep(tokens token.Tokens) *token.Token {
	brackets, dashes, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, dashes = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType:
			dashes++
		}
		if brackets+dashes > maxNesting {
			return t
		}
	}
	return nil
}

// measure counts values without making them. It stops counting somewhere above the limit.
type measure struct {
	anchors map[string]int // values by the name of what they are marked with
}

func (m measure) values(node ast.Node) int {
	if node == nil {
		return 0
	}
	n := 1
	switch node := node.(type) {
	case *ast.MappingNode:
		for _, entry := range node.Values {
			n = min(n+m.values(entry), maxValues+1)
		}
	case *ast.MappingValueNode:
		n = min(m.values(node.Key)+m.values(node.Value), maxValues+1)
	case *ast.SequenceNode:
		for _, element := range node.Values {
			n = min(n+m.values(element), maxValues+1)
		}
	case *ast.TagNode:
		return m.values(node.Value)
	case *ast.AnchorNode:
		n = m.values(node.Value)
		m.anchors[node.Name.String()] = n
	case *ast.AliasNode:
		return m.anchors[node.Value.String()]
	case *ast.LiteralNode:
		n += len(node.Value.Value) / longText
	default:
		n += len(node.GetToken().Value) / longText
	}
	return n
}

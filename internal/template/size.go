package template

import (
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits on templates. A usual template has some hundred values. But whoever may submit a batch may
// send a template, and a small text can stand for a huge document, through aliases. So the size is
// checked before the document is built.
const (
	maxBytes   = 1 << 20
	maxValues  = 10_000 // an alias counts as all values that it stands for, and a long text as several
	maxTokens  = 5 * maxValues
	maxNesting = 100
	longText   = 256      // bytes; each such piece of a text counts as one more value
	maxPaths   = 16 << 20 // bytes; the parser keeps the path of each value, so that a long key costs memory for every value below it
)

// parseYAML parses a template. A template above the limits is a sizeError. The tokens are there even
// if the template cannot be parsed, unless it is too long.
func parseYAML(source string) (token.Tokens, *ast.File, error) {
	if len(source) > maxBytes {
		return nil, nil, sizeError{1, fmt.Sprintf("longer than %d bytes", maxBytes)}
	}
	tokens := lexer.Tokenize(source)
	file, err := parseTokens(tokens)
	return tokens, file, err
}

func parseTokens(tokens token.Tokens) (*ast.File, error) {
	if t := findTooDeep(tokens); t != nil {
		return nil, sizeError{t.Position.Line, fmt.Sprintf("nested deeper than %d levels", maxNesting)}
	}
	if len(tokens) > maxTokens {
		return nil, tooManyValues(tokens[maxTokens].Position.Line)
	}
	if t := findTooLong(tokens); t != nil {
		return nil, sizeError{
			t.Position.Line,
			fmt.Sprintf("keys are too long: the paths of all values together have more than %d bytes", maxPaths),
		}
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return nil, err
	}
	m := sizeCounter{anchors: map[string]int{}}
	for _, doc := range file.Docs {
		if m.countValues(doc.Body) > maxValues {
			return nil, tooManyValues(m.line)
		}
	}
	return file, nil
}

// sizeError says that a template is too large to be parsed.
type sizeError struct {
	line int
	text string
}

func (e sizeError) Error() string { return e.text }

func tooManyValues(line int) sizeError {
	return sizeError{line, fmt.Sprintf("more than %d values; an alias counts as all values that it stands for", maxValues)}
}

// findTooDeep finds the first token that is nested too deep; nil if there is none. It counts nesting
// within a line only. Nesting by indentation is limited by the length of the text.
func findTooDeep(tokens token.Tokens) *token.Token {
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

// findTooLong finds the token at which the paths of all tokens so far have more than maxPaths bytes;
// nil if there is none.
func findTooLong(tokens token.Tokens) *token.Token {
	var above keyPath
	line, column, all := 0, 0, 0
	for i, t := range tokens {
		if t.Position.Line != line {
			line, column = t.Position.Line, t.Position.Column
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			above.open()
		case token.SequenceEndType, token.MappingEndType:
			above.close()
		case token.MappingKeyType:
			column = 0 // a value of this key may begin further to the left than the key
		}
		if i+1 < len(tokens) && tokens[i+1].Type == token.MappingValueType {
			above.key(column, len(t.Value))
		}
		if all += above.size; all > maxPaths {
			return t
		}
	}
	return nil
}

// keyPath has the keys above a token. It may have too many, because the end of a key is not always
// seen; it never has too few.
type keyPath struct {
	levels []pathLevel
	size   int // of all keys, in bytes
}

// pathLevel is a bracket, or a key in a line that begins at a column.
type pathLevel struct {
	bracket      bool
	column, size int
}

func (p *keyPath) open() { p.levels = append(p.levels, pathLevel{bracket: true}) }

func (p *keyPath) close() {
	for len(p.levels) > 0 && !p.pop().bracket {
	}
}

// key adds a key. It replaces the key before it in the same brackets, or all keys that do not begin
// further to the left.
func (p *keyPath) key(column, size int) {
	flow := slices.ContainsFunc(p.levels, func(l pathLevel) bool { return l.bracket })
	for n := len(p.levels); n > 0 && !p.levels[n-1].bracket && (flow || p.levels[n-1].column >= column && column > 0); n-- {
		p.pop()
	}
	p.levels, p.size = append(p.levels, pathLevel{column: column, size: size}), p.size+size
}

func (p *keyPath) pop() pathLevel {
	last := len(p.levels) - 1
	top := p.levels[last]
	p.levels, p.size = p.levels[:last], p.size-top.size
	return top
}

// sizeCounter counts the values of a document without expanding its aliases. It stops counting above
// maxValues.
type sizeCounter struct {
	anchors map[string]int // how many values each anchor stands for, by its name
	line    int            // of the first value with which there are too many; 0: there are not
}

func (m *sizeCounter) countValues(node ast.Node) int {
	if node == nil {
		return 0
	}
	n := m.countNode(node)
	if n > maxValues && m.line == 0 {
		m.line = node.GetToken().Position.Line
	}
	return n
}

func (m *sizeCounter) countNode(node ast.Node) int {
	n := 1
	switch node := node.(type) {
	case *ast.MappingNode:
		for _, entry := range node.Values {
			n = min(n+m.countValues(entry), maxValues+1)
		}
	case *ast.MappingValueNode:
		// A long key counts once more for each value below it, because it is in the path of each.
		below := m.countValues(node.Value) * (1 + len(node.Key.GetToken().Value)/longText)
		n = min(m.countValues(node.Key)+below, maxValues+1)
	case *ast.SequenceNode:
		for _, element := range node.Values {
			n = min(n+m.countValues(element), maxValues+1)
		}
	case *ast.TagNode:
		return m.countValues(node.Value)
	case *ast.AnchorNode:
		n = m.countValues(node.Value)
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

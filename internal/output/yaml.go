package output

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/token"

	"github.com/stokerd/stoker/job"
)

// shortLine is how many characters a mapping may have that is written on one line.
const shortLine = 120

// yamlDocument is a line of JSON as YAML: a field on each line, except for small mappings and lists.
// prefix begins the first line, and as many blanks each other one.
//
// Every value that could be taken for something else is quoted as JSON quotes it, which is YAML as well.
func yamlDocument(line []byte, prefix string) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	root, err := readNode(decoder)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString(prefix)
	root.write(&b, len(prefix))
	return []byte(b.String()), nil
}

// node is a value of JSON. The fields of a mapping keep their order.
type node struct {
	scalar string // as it is written; empty for a mapping or list
	list   bool
	keys   []string // of a mapping
	values []node   // of a mapping or list
}

// readNode reads the next value.
func readNode(d *json.Decoder) (node, error) {
	t, err := d.Token()
	if err != nil {
		return node{}, err
	}
	switch t := t.(type) {
	case string:
		return node{scalar: yamlText(t)}, nil
	case json.Number:
		return node{scalar: t.String()}, nil
	case bool:
		return node{scalar: map[bool]string{true: "true", false: "false"}[t]}, nil
	case json.Delim:
		return readMembers(d, t == '[')
	}
	return node{scalar: "null"}, nil
}

// readMembers reads the members of a mapping or list, to its end.
func readMembers(d *json.Decoder, list bool) (node, error) {
	n := node{list: list}
	for d.More() {
		if !list {
			key, err := d.Token()
			if err != nil {
				return node{}, err
			}
			name, _ := key.(string) // JSON has no other keys
			n.keys = append(n.keys, yamlText(name))
		}
		value, err := readNode(d)
		if err != nil {
			return node{}, err
		}
		n.values = append(n.values, value)
	}
	_, err := d.Token() // the closing bracket
	return n, err
}

// write writes a node whose first line is indented already, and a line break.
func (n node) write(b *strings.Builder, indent int) {
	if n.scalar != "" || len(n.values) == 0 {
		b.WriteString(n.flow() + "\n")
		return
	}
	for i, value := range n.values {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", indent))
		}
		if n.list {
			b.WriteString("- ")
			value.write(b, indent+2)
			continue
		}
		b.WriteString(n.keys[i] + ":")
		if flow := value.flow(); value.flat() && len(flow) <= shortLine {
			b.WriteString(" " + flow + "\n")
			continue
		}
		b.WriteString("\n" + strings.Repeat(" ", indent+2))
		value.write(b, indent+2)
	}
}

// flat reports whether a node is a scalar or has only scalars in it.
func (n node) flat() bool {
	for _, value := range n.values {
		if value.scalar == "" {
			return false
		}
	}
	return true
}

// flow is a node on one line.
func (n node) flow() string {
	if n.scalar != "" {
		return n.scalar
	}
	members := make([]string, len(n.values))
	for i, value := range n.values {
		members[i] = value.flow()
		if !n.list {
			members[i] = n.keys[i] + ": " + members[i]
		}
	}
	if n.list {
		return "[" + strings.Join(members, ", ") + "]"
	}
	return "{" + strings.Join(members, ", ") + "}"
}

var (
	// plainText is a text that can stand without quotes, in a flow as well.
	plainText = regexp.MustCompile(`^[\pL\pN_/][\pL\pN\pM_./+@=-]*( [\pL\pN\pM_./+@=()-]+)*$`)
	// numberLike is a text that some parser takes for a number or a date.
	numberLike = regexp.MustCompile(`^[0-9][0-9_.,:]*([eE][-+]?[0-9]+)?$|^0[xXoObB][0-9a-fA-F_]+$|^\d{4}-\d\d?-\d\d?$`)
	// timestamp is how this program writes times.
	timestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
)

// yamlText is a text as a scalar.
func yamlText(text string) string {
	if len(text) == len(machineTime) && timestamp.MatchString(text) {
		return text
	}
	if hidden, _ := job.FindHidden(text); hidden == 0 && plainText.MatchString(text) && !mistakable(text) {
		return text
	}
	return string(escapeHidden(appendText(nil, text)))
}

// mistakable reports whether some parser takes a plain text for a number, a date, or a word such as true. No
// such word has more than five letters.
func mistakable(text string) bool {
	if first := text[0] | 0x20; 'a' <= first && first <= 'z' && len(text) > len("false") {
		return false
	}
	return numberLike.MatchString(text) || token.IsNeedQuoted(text)
}

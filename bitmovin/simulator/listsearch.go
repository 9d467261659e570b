package simulator

import (
	"slices"
	"strings"
)

// term is one condition of a search: a field equals a text or begins with it.
type term struct {
	field  string // "name" or "labels"
	text   string // lower-case
	prefix bool
}

func (t term) matches(enc *encoding) bool {
	if t.field == "name" {
		return t.fits(enc.name)
	}
	return slices.ContainsFunc(enc.labels, t.fits)
}

// fits reports whether a value equals the text of the term, or begins with the text if the term is
// a prefix. Case does not matter.
func (t term) fits(value string) bool {
	value = strings.ToLower(value)
	return value == t.text || t.prefix && strings.HasPrefix(value, t.text)
}

// parseSearch reads the subset of Lucene that the platform supports: name:x, labels:x and
// name:x*, with quotes and backslash escapes, joined by AND. Anything else is an error, as on
// the platform.
func parseSearch(text string) ([]term, error) {
	var terms []term
	for rest := strings.TrimSpace(text); ; {
		field, after, ok := strings.Cut(rest, ":")
		if !ok || field != "name" && field != "labels" {
			return nil, invalid("search: expected name: or labels: at %q", rest)
		}
		t, after, err := parseTerm(after)
		if err != nil {
			return nil, err
		}
		t.field = field
		terms = append(terms, t)
		after = strings.TrimSpace(after)
		if after == "" {
			return terms, nil
		}
		rest, ok = strings.CutPrefix(after, "AND ")
		if !ok {
			return nil, invalid("search: expected AND at %q", after)
		}
		rest = strings.TrimSpace(rest)
	}
}

// parseTerm reads the value of a term and returns what follows it.
func parseTerm(text string) (term, string, error) {
	var t term
	var value strings.Builder
	rest, quoted := strings.CutPrefix(text, `"`)
	i, closed := 0, false
scan:
	for ; i < len(rest); i++ {
		switch b := rest[i]; {
		case b == '\\' && i+1 < len(rest):
			i++
			value.WriteByte(rest[i])
		case quoted && b == '"':
			closed = true
			i++
			break scan
		case !quoted && b == ' ':
			break scan
		case !quoted && b == '*':
			t.prefix = true
			i++
			break scan
		case !quoted && strings.IndexByte(`"()[]{}^~?:/+!`, b) >= 0:
			return t, "", invalid("search: %q is not supported at %q", string(b), rest[i:])
		default:
			value.WriteByte(b)
		}
	}
	if quoted && !closed {
		return t, "", invalid("search: a quote is not closed in %q", text)
	}
	if quoted && strings.HasPrefix(rest[i:], "*") {
		t.prefix = true
		i++
	}
	if i < len(rest) && rest[i] != ' ' {
		return t, "", invalid("search: %q is not supported", rest[i:])
	}
	if value.Len() == 0 {
		return t, "", invalid("search: a value is missing in %q", text)
	}
	t.text = strings.ToLower(value.String())
	return t, rest[i:], nil
}

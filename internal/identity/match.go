package identity

import (
	"errors"
	"strings"
)

// splitName splits a name before its most specific element: the last segment of a URI's path, the first
// label of a DNS name, and what is before the @ of an e-mail address. A DNS name, and what is behind the @, are in
// lower case, because case does not count there.
func splitName(name string) (rest, element string) {
	if isURI(name) {
		at := strings.LastIndexByte(name, '/')
		return name[:at+1], name[at+1:]
	}
	if at := strings.LastIndexByte(name, '@'); at >= 0 {
		return lower(name[at:]), name[:at]
	}
	element, rest, dotted := strings.Cut(lower(name), ".")
	if dotted {
		rest = "." + rest
	}
	return rest, element
}

// lower is a text with the letters A to Z in lower case. Some other characters have one of these letters as their lower
// case, and are not that letter in any name.
func lower(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, text)
}

// principalName is the name of the principal that has a name. Names that differ where case does not count are those of
// one principal: it has one share of every limit.
func principalName(name string) string {
	switch rest, element := splitName(name); {
	case isURI(name):
		return name
	case strings.Contains(name, "@"):
		return element + rest
	default:
		return lower(name)
	}
}

func isURI(name string) bool { return strings.Contains(name, "://") }

// CheckPattern says why a text cannot be the pattern of names; nil if it can.
func CheckPattern(pattern string) error {
	rest, element := splitName(pattern)
	switch {
	case pattern == "":
		return errors.New("want the name of a principal")
	case element == "":
		return errors.New("the last element is empty")
	case strings.Contains(rest, "*") || strings.Count(element, "*") > 1:
		return errors.New("want * once at most, and in the most specific element alone: after the last slash of a URI, in the first label of a DNS name, before the @ of an e-mail address")
	}
	return nil
}

// Match reports whether a name is one of those that a pattern stands for. In a pattern * stands for at least
// one character of the most specific element, and never for one that separates elements, or names in a list.
func Match(pattern, name string) bool {
	if isURI(pattern) != isURI(name) || strings.Contains(pattern, "@") != strings.Contains(name, "@") {
		return false
	}
	patternRest, patternElement := splitName(pattern)
	rest, element := splitName(name)
	if rest != patternRest || element == "" {
		return false
	}
	before, behind, wild := strings.Cut(patternElement, "*")
	if !wild {
		return element == patternElement
	}
	if len(element) <= len(before)+len(behind) || !strings.HasPrefix(element, before) || !strings.HasSuffix(element, behind) {
		return false
	}
	return !strings.ContainsAny(element[len(before):len(element)-len(behind)], separators)
}

// separators are what * never stands for. Those that splitName looks for in all of a name are not among them.
const separators = "@,"

// find returns the first rule that matches a name.
func find(rules []Rule, name string) (Rule, bool) {
	for _, r := range rules {
		if Match(r.Name, name) {
			return r, true
		}
	}
	return Rule{}, false
}

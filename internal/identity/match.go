package identity

import (
	"errors"
	"strings"
)

// splitName splits a name before its most specific element: the last segment of a URI's path, the first
// label of a DNS name, and what is before the @ of an e-mail address. What is left of a DNS name or an
// address is in lower case, because case does not count there.
func splitName(name string) (rest, element string) {
	if isURI(name) {
		at := strings.LastIndexByte(name, '/')
		return name[:at+1], name[at+1:]
	}
	if at := strings.LastIndexByte(name, '@'); at >= 0 {
		return strings.ToLower(name[at:]), name[:at]
	}
	element, rest, dotted := strings.Cut(strings.ToLower(name), ".")
	if dotted {
		rest = "." + rest
	}
	return rest, element
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
// one character of the most specific element, and never for one that separates elements.
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
	return len(element) > len(before)+len(behind) && strings.HasPrefix(element, before) && strings.HasSuffix(element, behind)
}

// find returns the first rule that matches a name.
func find(rules []Rule, name string) (Rule, bool) {
	for _, r := range rules {
		if Match(r.Name, name) {
			return r, true
		}
	}
	return Rule{}, false
}

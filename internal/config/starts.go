package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stokerd/stoker/internal/access"
)

// PrincipalStarts limits the starts of a day (UTC) for the batches that each of some principals has submitted, on
// all accounts together.
type PrincipalStarts struct {
	// Principal is the name of a principal with its kind, such as token:ci. With * at its end it is the names
	// that begin like that, and alone it is every name.
	Principal string
	Starts    int
}

// matches reports whether a principal is one of those that are limited.
func (s PrincipalStarts) matches(principal string) bool {
	if begin, ok := strings.CutSuffix(s.Principal, "*"); ok {
		return strings.HasPrefix(principal, begin)
	}
	return s.Principal == principal
}

// MaxStartsOf returns how many starts a day may have for the batches of a principal, by the first rule that
// matches its name; 0: any number.
func (c *Config) MaxStartsOf(principal string) int {
	for _, s := range c.PrincipalStarts {
		if s.matches(principal) {
			return s.Starts
		}
	}
	return 0
}

// readPrincipalStarts reads the limits of principals.
func (l *loader) readPrincipalStarts(path string, nodes []startsNode) []PrincipalStarts {
	var list []PrincipalStarts
	for i, n := range nodes {
		at := fmt.Sprintf("%s[%d]", path, i)
		if problem := principalProblem(n.Principal); problem != "" {
			l.mistakeAt(at+".principal", "%s: %s", quoteValue(n.Principal), problem)
		}
		if err := inRange(n.Starts, 1, maxStartsPerDay); err != nil {
			l.mistakeAt(at+".starts", "%d: %v", n.Starts, err)
		}
		list = append(list, PrincipalStarts(n))
	}
	return list
}

// principalProblem says why a text cannot be the name of principals; empty if it can.
func principalProblem(name string) string {
	kind, rest, ok := strings.Cut(name, ":")
	switch known := []string{string(access.TokenKind), string(access.CertificateKind), string(access.JWTKind), string(access.ProxyKind)}; {
	case name == "*" || name == access.LocalName:
		return ""
	case name == "":
		return "want the name of a principal, as stoker whoami shows it"
	case strings.Contains(strings.TrimSuffix(name, "*"), "*"):
		return "want * once, at the end"
	case ok && rest != "" && slices.Contains(known, kind):
		return ""
	}
	return "want the name of a principal with its kind, such as token:ci, jwt:* or local, or * for all"
}

// Package dburl recognises the URLs of databases that hold a job table.
package dburl

import (
	"net/url"
	"strings"
)

// Is reports whether text names a database of PostgreSQL, and no file.
func Is(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// HasBrokenPassword reports whether a password with a /, ? or # in it seems to have been cut in two: what is before the
// character looks like a host and a port, and what is behind it like a path, which would be shown.
func HasBrokenPassword(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.User != nil {
		return false
	}
	named, _, _ := strings.Cut(u.RawQuery, "=")
	return strings.Contains(u.Path, "@") || strings.Contains(u.Fragment, "@") || strings.Contains(named, "@")
}

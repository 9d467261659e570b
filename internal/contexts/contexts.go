// Package contexts keeps the servers that a user has named, in one file of the user's configuration
// directory. A context says where a server is and how to prove who calls. It has the paths of secrets, and
// no secrets.
package contexts

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/stokerd/stoker/internal/spelling"
)

// Context is one server.
type Context struct {
	// Server is host:port, or unix:PATH.
	Server string `yaml:"server"`
	// Insecure allows a server on another machine although nothing is encrypted.
	Insecure bool `yaml:"insecure,omitempty"`
	// TLSCA is a file with the certificates that the server's one is checked with; empty: those of the system.
	TLSCA string `yaml:"tls_ca,omitempty"`
	// TLSCert and TLSKey are files with the certificate that the caller shows, and its key.
	TLSCert string `yaml:"tls_cert,omitempty"`
	TLSKey  string `yaml:"tls_key,omitempty"`
	// TokenFile is a file with the caller's token.
	TokenFile string `yaml:"token_file,omitempty"`
}

// Set is all contexts of a user. The zero value has none.
type Set struct {
	// Current is the name of the context that commands use unless told otherwise; empty: none.
	Current string `yaml:"current,omitempty"`
	// Contexts has the contexts by name.
	Contexts map[string]Context `yaml:"contexts"`
}

// ErrUnknown is returned for a name that no context has.
var ErrUnknown = errors.New("no such context")

// Names returns the names of the contexts, sorted.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.Contexts)) }

// Get returns a context. The error for an unknown name is [ErrUnknown], with the name that was probably meant.
func (s *Set) Get(name string) (Context, error) {
	c, ok := s.Contexts[name]
	if ok {
		return c, nil
	}
	if hint := spelling.Hint(name, s.Names()); hint != "" {
		return c, fmt.Errorf("%w %q%s", ErrUnknown, name, hint)
	}
	return c, fmt.Errorf("%w %q", ErrUnknown, name)
}

// validName is what a context may be called: it can be typed without quotes, and is no flag.
var validName = regexp.MustCompile(`^[\pL\pN_][\pL\pN_.-]{0,62}$`)

// Add adds a context, or replaces the one with that name if replace is set.
func (s *Set) Add(name string, c Context, replace bool) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("%q cannot be the name of a context: want letters, digits, dots, - and _, at most 63", name)
	}
	if _, exists := s.Contexts[name]; exists && !replace {
		return fmt.Errorf("there is a context %q already; --replace replaces it", name)
	}
	if s.Contexts == nil {
		s.Contexts = map[string]Context{}
	}
	s.Contexts[name] = c
	return nil
}

// Use makes a context the current one.
func (s *Set) Use(name string) error {
	if _, err := s.Get(name); err != nil {
		return err
	}
	s.Current = name
	return nil
}

// Remove removes a context. If it was the current one, there is none afterwards.
func (s *Set) Remove(name string) error {
	if _, err := s.Get(name); err != nil {
		return err
	}
	delete(s.Contexts, name)
	if s.Current == name {
		s.Current = ""
	}
	return nil
}

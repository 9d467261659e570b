package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// Sample reads the variables of Bitmovin's own examples, such as BITMOVIN_API_KEY. It looks in
// ./examples.properties, the environment, systemd's credentials and ~/.bitmovin/examples.properties, in this
// order, anew with each call.
type Sample struct {
	sources Sources
}

// NewSample returns a Sample that reads by Getenv, ReadFile and Home of s.
func NewSample(s Sources) Sample {
	return Sample{s}
}

// Get returns the value of a variable and the place where it was found. Both are empty if the
// variable is set nowhere. The error is an [*Error] about a value that cannot be meant. It does not
// repeat the value, which may be a secret.
func (s Sample) Get(name string) (value, where string, err error) {
	const local = "examples.properties"
	if value, where, err = s.property(local, name); value != "" || err != nil {
		return value, where, err
	}
	if text, where := s.sources.readVariable(name); text != "" {
		value, problem := plainValue(name, text)
		if problem != "" {
			return "", where, &Error{Mistakes: []Mistake{{where, problem}}}
		}
		return value, where, nil
	}
	if s.sources.Home != "" {
		return s.property(filepath.Join(s.sources.Home, ".bitmovin", "examples.properties"), name)
	}
	return "", "", nil
}

// property returns a variable of a properties file. A file that cannot be read has no variables.
func (s Sample) property(file, name string) (value, where string, err error) {
	text, err := s.sources.ReadFile(file)
	if err != nil {
		return "", "", nil //nolint:nilerr // most people have no such file
	}
	wrong := func(line int, problem string) error {
		return &Error{Mistakes: []Mistake{{fmt.Sprintf("%s:%d", file, line), problem}}}
	}
	if !utf8.Valid(text) || strings.Contains(string(text), "\x00") {
		return "", file, wrong(1, "not UTF-8 text: save the file as UTF-8")
	}
	line := 0
	for l := range strings.Lines(strings.ReplaceAll(string(text), "\r\n", "\n")) {
		line++
		key, raw, ok := splitProperty(l)
		if !ok || key != name {
			continue
		}
		found, problem := propertyValue(name, raw)
		switch {
		case problem != "":
			return "", file, wrong(line, name+": "+problem)
		case value != "" && found != "" && found != value:
			return "", file, wrong(line, name+": has another value further up: leave one of the lines out")
		case found != "":
			value, where = found, file
		}
	}
	return value, where, nil
}

// splitProperty splits a line such as "export NAME = value" of a properties file. It reports false for
// a line without a variable.
func splitProperty(line string) (name, value string, ok bool) {
	line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
	if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "!") {
		return "", "", false
	}
	at := strings.IndexAny(line, "=:")
	if at < 0 {
		return "", "", false
	}
	words := strings.Fields(line[:at])
	if len(words) == 2 && words[0] == "export" {
		words = words[1:]
	}
	if len(words) != 1 {
		return "", "", false
	}
	return words[0], strings.TrimSpace(line[at+1:]), true
}

func (s Sample) apiKey() (string, error) {
	const name = "BITMOVIN_API_KEY"
	key, _, err := s.Get(name)
	if err == nil && key == "" {
		err = errors.New("BITMOVIN_API_KEY is set neither in the environment nor in examples.properties or ~/.bitmovin/examples.properties")
	}
	return key, err
}

package config

import (
	"errors"
	"path/filepath"
	"strings"
)

// Sample reads the variables of Bitmovin's own examples, such as BITMOVIN_API_KEY. It looks in
// ./examples.properties, the environment and ~/.bitmovin/examples.properties, in this order, anew
// with each call.
type Sample struct {
	getenv   func(string) string
	readFile func(string) ([]byte, error)
	home     string
}

// NewSample returns a Sample that reads by Getenv, ReadFile and Home of s.
func NewSample(s Sources) Sample {
	return Sample{getenv: s.Getenv, readFile: s.ReadFile, home: s.Home}
}

// Get returns the value of a variable and the place where it was found. Both are empty if the
// variable is set nowhere.
func (s Sample) Get(name string) (value, where string) {
	const local = "examples.properties"
	if v := s.property(local, name); v != "" {
		return v, local
	}
	if v := strings.TrimSpace(s.getenv(name)); v != "" {
		return v, "environment variable " + name
	}
	if s.home != "" {
		file := filepath.Join(s.home, ".bitmovin", "examples.properties")
		if v := s.property(file, name); v != "" {
			return v, file
		}
	}
	return "", ""
}

// property returns a variable of a properties file. A file that cannot be read has no variables.
func (s Sample) property(file, name string) string {
	text, err := s.readFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "!") {
			continue
		}
		at := strings.IndexAny(line, "=:")
		if at >= 0 && strings.TrimSpace(line[:at]) == name {
			return strings.TrimSpace(line[at+1:])
		}
	}
	return ""
}

func (s Sample) apiKey() (string, error) {
	if key, _ := s.Get("BITMOVIN_API_KEY"); key != "" {
		return key, nil
	}
	return "", errors.New("BITMOVIN_API_KEY is set neither in the environment nor in examples.properties or ~/.bitmovin/examples.properties")
}

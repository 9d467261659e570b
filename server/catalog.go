package server

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stokerd/stoker/job"
)

// DefaultName is the account, profile and storage of a batch that names none.
const DefaultName = "default"

// Catalog is what a batch can name: the part of the configuration that callers
// see. It is not changed after [New].
type Catalog struct {
	Profiles  map[string]job.Recipe
	Templates map[string]job.Template
	Storages  map[string]Storage
	// Retry fills in what a batch leaves open. Its zero value means no retries;
	// the usual default is [job.DefaultMaxRetries].
	Retry job.RetryPolicy
}

// Storage says what a configured storage can be used for.
type Storage struct {
	Input  bool // assets can be read from it
	Output bool // results can be written to it
	// InputBase and OutputBase are put before every path that is read from it or written
	// to; without a slash at either end.
	InputBase, OutputBase string
}

// profile finds a recipe by name. The violation says what exists instead.
func (c Catalog) profile(name string) (job.Recipe, *job.Violation) {
	r, ok := c.Profiles[name]
	if !ok {
		return job.Recipe{}, unknown("profile", name, slices.Sorted(maps.Keys(c.Profiles)))
	}
	return r, nil
}

// template finds a template by name. The violation says what exists instead.
func (c Catalog) template(name string) (job.Template, *job.Violation) {
	t, ok := c.Templates[name]
	if !ok {
		return job.Template{}, unknown("template", name, slices.Sorted(maps.Keys(c.Templates)))
	}
	return t, nil
}

// storage checks that a storage exists and goes the given way, "input" or "output".
func (c Catalog) storage(way, name string) *job.Violation {
	usable := func(s Storage) bool { return way == "input" && s.Input || way == "output" && s.Output }
	var names []string
	for _, n := range slices.Sorted(maps.Keys(c.Storages)) {
		if usable(c.Storages[n]) {
			names = append(names, n)
		}
	}
	s, ok := c.Storages[name]
	switch {
	case ok && usable(s):
		return nil
	case ok:
		return &job.Violation{Field: way, Message: fmt.Sprintf("storage %q cannot be used as %s; %s", name, way, offer(names))}
	}
	v := unknown("storage", name, names)
	v.Field = way
	return v
}

// unknown says that no kind has this name, and which names there are.
func unknown(kind, name string, names []string) *job.Violation {
	return &job.Violation{Field: kind, Message: fmt.Sprintf("unknown %s %q; %s", kind, clip(name, maxText), offer(names))}
}

func offer(names []string) string {
	if len(names) == 0 {
		return "there are none"
	}
	return "there are: " + strings.Join(names, ", ")
}

package template

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/job"
)

// Check lists why the template cannot be filled in for a job; nil if it can. Fields are named as in
// the API, relative to the job: "input_path", "variables.title".
func (t *Template) Check(s job.Spec) []job.Violation { return t.check(s, spelling.Hint) }

// CheckBriefly is Check for a job whose violations nobody reads: they lack the words that were probably meant, which
// take long to find for many jobs.
func (t *Template) CheckBriefly(s job.Spec) []job.Violation { return t.check(s, noHint) }

func (t *Template) check(s job.Spec, findHint hintFunc) []job.Violation {
	var list []job.Violation
	add := func(v variable, format string, args ...any) {
		violation := job.Violation{Field: v.field(), Message: fmt.Sprintf(format, args...)}
		if !slices.Contains(list, violation) {
			list = append(list, violation)
		}
	}
	given := s.Variables
	s.Variables = t.withDefaults(given)
	v := Values{Job: s, InputPath: s.InputPath, OutputPath: s.OutputPath, InputID: "input", OutputID: "output"}
	for _, used := range t.used {
		if used.field() == "" {
			continue
		}
		_, has := s.Variables[used.name]
		switch {
		case used.ofJob() && !has, used.kind == "" && v.valueOf(used) == "":
			add(used, "is required: %s", t.describe(used))
		default:
			if err := t.checkDeclared(used, v.valueOf(used)); err != nil {
				add(used, "%v", err)
			}
		}
	}
	for _, l := range t.limited {
		filled, err := l.text.expand(v.valueOf)
		if own := l.text.variables()[0]; err == nil && own.field() != "" {
			if problem := l.check(filled, findHint); problem != "" {
				add(own, "%s: %s", l.path, problem)
			}
		}
	}
	for _, text := range t.texts {
		if _, err := text.expand(v.valueOf); err != nil {
			add(text.variables()[0], "%v", err)
		}
	}
	own := t.Variables()
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, found := slices.BinarySearch(own, name); !found && !slices.Contains(t.unneeded, name) {
			add(variable{textKind, name}, "the template has no variable %q%s", name, cmp.Or(findHint(name, own), "; "+listNames(own)))
		}
	}
	return list
}

// describe says for what a job needs a variable.
func (t *Template) describe(v variable) string {
	if declared := t.declared[v.name]; v.ofJob() && declared.Description != "" {
		return declared.Description
	}
	return "the template uses " + v.String()
}

func listNames(names []string) string {
	if len(names) == 0 {
		return "it has none"
	}
	return "it has: " + strings.Join(names, ", ")
}

// Variables lists the names of the variables that jobs define, sorted.
func (t *Template) Variables() []string {
	var names []string
	for _, v := range t.used {
		if v.ofJob() {
			names = append(names, v.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Secrets lists the names of the secrets that the template uses, sorted.
func (t *Template) Secrets() []string {
	var names []string
	for _, v := range t.used {
		if v.kind == secretKind {
			names = append(names, v.name)
		}
	}
	slices.Sort(names)
	return names
}

// SharedOutputs lists the output paths that are the same for all jobs. They are mistakes in a batch of
// more than one job, because the jobs would overwrite each other's output.
func (t *Template) SharedOutputs() []Mistake { return t.shared }

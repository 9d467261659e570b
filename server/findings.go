package server

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// findings collects the violations in one request, and the warnings about it. The zero value is empty.
type findings struct {
	violations []job.Violation // the first [maxViolations]
	more       int             // how many other violations there are

	warnings     []*stokerv1.Warning // the first [maxWarnings]
	warningCount int64               // how many warnings there are in all

	// job is the number, from 1, of the job to which the fields of new findings belong; 0: the
	// fields are those of the request.
	job int
}

// err is an *[job.InvalidError] with all violations, or nil if there are none.
func (f *findings) err() error {
	if len(f.violations) == 0 {
		return nil
	}
	return &job.InvalidError{Violations: f.violations, More: f.more}
}

// invalid is the error of a request with one violation.
func invalid(field, message string) error {
	return &job.InvalidError{Violations: []job.Violation{{Field: field, Message: message}}}
}

// add notes a violation.
func (f *findings) add(field, format string, args ...any) {
	if len(f.violations) >= maxViolations {
		f.more++
		return
	}
	f.violations = append(f.violations, job.Violation{Field: f.path(field), Message: formatClipped(format, args)})
}

// addAll notes a list of violations.
func (f *findings) addAll(list []job.Violation) {
	for _, v := range list {
		if len(f.violations) >= maxViolations {
			f.more++
			continue
		}
		f.violations = append(f.violations, job.Violation{Field: f.path(v.Field), Message: v.Message})
	}
}

// replace notes violations that say more than the rules of the contract: each replaces the earlier
// violation of the same field.
func (f *findings) replace(list []job.Violation) {
	for _, v := range list {
		same := func(earlier job.Violation) bool { return earlier.Field == v.Field }
		if i := slices.IndexFunc(f.violations, same); i >= 0 {
			f.violations[i] = v
		} else {
			f.addAll([]job.Violation{v})
		}
	}
}

// addUnknown notes that the configuration has no account, profile, template or storage (the kind) of
// this name. names are the names that a caller can choose from.
func (f *findings) addUnknown(field, kind, name string, names []string) {
	f.addAll([]job.Violation{{Field: field, Message: fmt.Sprintf("unknown %s %q; %s", kind, clip(name, maxText), listed(names))}})
}

// listed lists names that a caller can choose from.
func listed(names []string) string {
	if len(names) == 0 {
		return "there are none"
	}
	return "there are: " + strings.Join(names, ", ")
}

// warn notes something that is allowed but odd.
func (f *findings) warn(field, format string, args ...any) {
	if f.warningCount++; len(f.warnings) < maxWarnings {
		f.warnings = append(f.warnings, &stokerv1.Warning{Field: clip(f.path(field), maxField), Message: formatClipped(format, args)})
	}
}

// warnAll notes a list of things that are allowed but odd.
func (f *findings) warnAll(list []job.Violation) {
	for _, w := range list {
		f.warn(w.Field, "%s", w.Message)
	}
}

// path is the path of a field in the request.
func (f *findings) path(field string) string {
	if f.job == 0 {
		return field
	}
	return fmt.Sprintf("jobs[%d].%s", f.job-1, field)
}

// checkText notes a violation if a text has hidden characters. It reports whether the text has none.
func (f *findings) checkText(field, text string) bool {
	at, what := job.FindHidden(text)
	if at > 0 {
		f.add(field, "%s at character %d of %q: leave it out", what, at, text)
	}
	return at == 0
}

// checkTexts notes violations for hidden characters in the names and values of a map. fieldOf is the
// field of a value. It skips a map with more than maxEntries entries, which is refused elsewhere.
func (f *findings) checkTexts(field string, m map[string]string, fieldOf func(name string) string) {
	if len(m) > maxEntries {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if at, what := job.FindHidden(name); at > 0 {
			f.add(field, "name %s: %s at character %d: leave it out", strconv.Quote(clip(name, maxField)), what, at)
			continue
		}
		if at, _ := job.FindHidden(m[name]); at > 0 { // makes a field only for the few values that need one
			f.checkText(fieldOf(name), m[name])
		}
	}
}

// checkLabels notes violations for hidden characters in labels.
func (f *findings) checkLabels(field string, labels map[string]string) {
	f.checkTexts(field, labels, func(name string) string { return fmt.Sprintf("%s[%q]", field, name) })
}

// formatClipped formats a text. It clips each string in args, because a caller may have chosen it.
func formatClipped(format string, args []any) string {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = clip(text, maxText)
		}
	}
	return fmt.Sprintf(format, args...)
}

// clip cuts the middle out of a text with more than limit bytes. The beginning of a message
// says what is wrong, and its end what would be right.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	head, tail := text[:limit/2], text[len(text)-limit/2+len("…"):]
	return strings.ToValidUTF8(head, "") + "…" + strings.ToValidUTF8(tail, "")
}

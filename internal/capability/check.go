package capability

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/job"
)

// checker collects what the platform cannot do.
type checker struct {
	path         string // of the fields, such as recipe
	allowUnknown bool
	violations   []job.Violation
	warnings     []job.Violation
}

func (c *checker) join(field string) string {
	if c.path == "" {
		return field
	}
	return c.path + "." + field
}

// add notes something that cannot work.
func (c *checker) add(field, format string, args ...any) {
	c.violations = append(c.violations, job.Violation{Field: c.join(field), Message: fmt.Sprintf(format, args...)})
}

// addUnknown notes what the platform may have learnt since this version was made.
func (c *checker) addUnknown(field, text, hint string) {
	if c.allowUnknown {
		c.warnings = append(c.warnings, job.Violation{Field: c.join(field), Message: text + ", passed on because of allow_unknown"})
		return
	}
	c.violations = append(c.violations, job.Violation{
		Field: c.join(field), Message: text + hint + " (allow_unknown: true passes it on as it is)",
	})
}

// checkValue checks a value of an enumeration. The empty value leaves the choice to the platform.
// whose names the codec or type in messages; it may be empty.
func (c *checker) checkValue(field, value string, of Enum, whose string) {
	if value == "" || slices.Contains(of.Values, value) {
		return
	}
	text := fmt.Sprintf("unknown %s %q", of.what, value)
	if whose != "" {
		text += " for " + whose
	}
	c.addUnknown(field, text, hint(value, of.Values))
}

// checkField checks a value of an enumeration that only some codecs have.
func (c *checker) checkField(field, value string, of *Enum, whose string) {
	if of != nil {
		c.checkValue(field, value, *of, whose)
		return
	}
	if value != "" {
		name := field[strings.LastIndexByte(field, '.')+1:]
		c.addUnknown(field, fmt.Sprintf("%s has no %s", whose, name), "; leave it out")
	}
}

// manyValues is how many values a message can list.
const manyValues = 20

// hint says which value was meant, or which there are if no value is close.
func hint(value string, known []string) string {
	for _, k := range known { // 5.1 is 5.1_BACK rather than 7.1
		if strings.HasPrefix(fold(k), fold(value)+"_") {
			return fmt.Sprintf("; did you mean %q?", k)
		}
	}
	if h := spelling.Hint(value, known); h != "" {
		return h
	}
	for _, k := range known { // us-east-1 is AWS_US_EAST_1, and AWS_US_EAST_1 the storage region US_EAST_1
		if endsWith(k, value) || endsWith(value, k) {
			return fmt.Sprintf("; did you mean %q?", k)
		}
	}
	if len(known) > manyValues {
		return fmt.Sprintf("; there are %d, such as %s", len(known), known[0])
	}
	return "; want " + listed(known)
}

// endsWith reports whether a value ends with the words of another, in any spelling.
func endsWith(value, words string) bool {
	return words != "" && strings.HasSuffix(fold(value), "_"+fold(words))
}

// fold makes values equal that differ only in case, or in - and _.
func fold(s string) string { return strings.ToUpper(strings.ReplaceAll(s, "-", "_")) }

// listed lists values as alternatives.
func listed(values []string) string {
	if last := len(values) - 1; last > 0 {
		return strings.Join(values[:last], ", ") + " or " + values[last]
	}
	return strings.Join(values, "")
}

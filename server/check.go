package server

import (
	"fmt"
	"strings"
	"unicode"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// invalid is the error for a list of violations, or nil if there are none.
func invalid(all []job.Violation) error {
	if len(all) == 0 {
		return nil
	}
	return &job.InvalidError{Violations: all}
}

// checksItself reports whether the handler of req checks it, the rules in the
// contract included, so that all violations are told at once.
func checksItself(req any) bool {
	switch req.(type) {
	case *stokerv1.SubmitBatchRequest, *stokerv1.AddJobsRequest, *stokerv1.UpdateBatchRequest:
		return true
	}
	return false
}

// checks collects violations and warnings.
type checks struct {
	list []job.Violation // the first [maxViolations]
	more int             // how many there are beyond those

	warnings []*stokerv1.Warning // the first [maxWarnings]
	warned   int64               // how many there are in all
}

// err is the error for what was collected, or nil if that is nothing.
func (c *checks) err() error {
	if len(c.list) == 0 {
		return nil
	}
	return &job.InvalidError{Violations: c.list, More: c.more}
}

func (c *checks) add(field, format string, args ...any) {
	if len(c.list) >= maxViolations {
		c.more++
		return
	}
	c.list = append(c.list, job.Violation{Field: field, Message: fill(format, args)})
}

// warn notes what is allowed and odd.
func (c *checks) warn(field, format string, args ...any) {
	if c.warned++; len(c.warnings) < maxWarnings {
		c.warnings = append(c.warnings, &stokerv1.Warning{Field: clip(field, maxField), Message: fill(format, args)})
	}
}

// fill is a text with a caller's words in it, which may be as long as a request.
func fill(format string, args []any) string {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = clip(text, maxText)
		}
	}
	return fmt.Sprintf(format, args...)
}

// take adds v unless it is nil.
func (c *checks) take(v *job.Violation) {
	switch {
	case v == nil:
	case len(c.list) >= maxViolations:
		c.more++
	default:
		c.list = append(c.list, *v)
	}
}

// storage checks one way of a batch, "input" or "output", and says what it comes to.
func (c *checks) storage(catalog Catalog, way, name, id string) job.StorageRef {
	switch {
	case name != "" && id != "":
		c.add(way+"_id", "%s and %s_id exclude each other", way, way)
		return job.StorageRef{}
	case id != "":
		if strings.ContainsFunc(id, func(r rune) bool { return job.Hidden(r) || unicode.IsSpace(r) || r == '/' }) {
			c.add(way+"_id", "%q is not the id of an %s at the platform", id, way)
		}
		return job.StorageRef{ID: id}
	case name == "":
		name = DefaultName
	}
	c.take(catalog.storage(way, name))
	return job.StorageRef{Name: name}
}

// template reads a template; which tells people whose text a mistake is in. A named one
// was read with the configuration, so that a mistake now is one of a batch from an older
// version. It is for so many jobs.
func (c *checks) template(field, which string, t job.Template, jobs int) *template.Template {
	parsed, mistakes := template.Parse(t.Text)
	if parsed != nil && jobs > 1 {
		mistakes = parsed.SharedOutputs()
	}
	for _, m := range mistakes {
		c.add(field, "%s%s", which, m)
	}
	return parsed
}

// inlineTemplate reads a template that came with the request.
func (c *checks) inlineTemplate(t job.Template, jobs int) *template.Template {
	const field = "inline_template"
	c.addDetailed(t.Validate(field))
	if t.Text == "" {
		c.addDetailed([]job.Violation{{Field: field + ".yaml", Message: "is required: the text of the template"}})
		return nil
	}
	return c.template(field+".yaml", "", t, jobs)
}

// takeAll adds a list.
func (c *checks) takeAll(list []job.Violation) {
	for i := range list {
		c.take(&list[i])
	}
}

// addDetailed adds violations of something that the contract has rules for as well. Where
// those have found fault with the same field already, the more detailed text, which
// knows what would be right, takes the place of theirs.
func (c *checks) addDetailed(list []job.Violation) {
	told := make(map[string]int, len(c.list))
	for i, v := range c.list {
		told[v.Field] = i
	}
	for _, v := range list {
		if i, ok := told[v.Field]; ok {
			c.list[i] = v
		} else {
			c.take(&v)
		}
	}
}

// storageFor checks one way of a batch like storage, unless the batch has a template
// that brings its own.
func (c *checks) storageFor(catalog Catalog, t *template.Template, way, name, id string) job.StorageRef {
	if t == nil || t.Uses(way+"_id") {
		return c.storage(catalog, way, name, id)
	}
	if name != "" || id != "" {
		field := way
		if id != "" {
			field += "_id"
		}
		c.add(field, "the template does not use it: there is no ${%s_id} in it", way)
	}
	return job.StorageRef{}
}

// retry checks what the contract cannot say about a retry policy.
func (c *checks) retry(field string, p *stokerv1.RetryPolicy, server job.RetryPolicy) job.RetryPolicy {
	r := retryPolicy(p, server)
	m := retryPolicyMessage(r)
	if first, longest := m.GetInitialBackoff().AsDuration(), m.GetMaxBackoff().AsDuration(); first > longest {
		c.add(field+".max_backoff", "%s is shorter than initial_backoff, which is %s", longest, first)
	}
	return r
}

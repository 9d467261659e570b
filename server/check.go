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

// checks collects violations.
type checks struct {
	list []job.Violation // the first [maxViolations]
	more int             // how many there are beyond those
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
	for i, arg := range args { // a caller's words, which are quoted, may be as long as a message
		if text, ok := arg.(string); ok {
			args[i] = clip(text, maxText)
		}
	}
	c.list = append(c.list, job.Violation{Field: field, Message: fmt.Sprintf(format, args...)})
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
		if strings.ContainsFunc(id, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || r == '/' }) {
			c.add(way+"_id", "%q is not the id of an %s at the platform", id, way)
		}
		return job.StorageRef{ID: id}
	case name == "":
		name = DefaultName
	}
	c.take(catalog.storage(way, name))
	return job.StorageRef{Name: name}
}

// jobRules say what the jobs of one message have to be like.
type jobRules struct {
	templated bool               // jobs have variables, and paths only if their template wants them
	template  *template.Template // to be filled in; nil if something is wrong with it
	keyed     string             // why every job needs a key; empty: it needs none
}

// together is how many jobs are held to the contract at once, which is faster; if all of
// them break it, what is found takes some memory.
const together = 1_000

// checkJobs checks the jobs of one message, each by itself and against the others.
func (s *Server) checkJobs(c *checks, jobs []*stokerv1.JobSpec, rules jobRules) {
	keys := make(map[string]int, len(jobs))
	outputs := make(map[string]int, len(jobs))
	sound := false
	for i, j := range jobs {
		if i%together == 0 {
			sound = s.sound(jobs[i:min(i+together, len(jobs))])
		}
		if !sound {
			for _, v := range s.contractViolations(j) {
				v.Field = jobField(i, v.Field)
				c.take(&v)
			}
		}
		c.plainJob(i, "key", j.GetKey())
		c.plainJob(i, "name", j.GetName())
		if j.GetKey() == "" {
			if rules.keyed != "" {
				c.add(jobField(i, "key"), "is required: %s", rules.keyed)
			}
		} else if first, taken := keys[j.GetKey()]; taken {
			c.add(jobField(i, "key"), "%q is the key of jobs[%d] already", j.GetKey(), first)
		} else {
			keys[j.GetKey()] = i
		}
		c.input(i, j, rules)
		if c.output(i, j, rules) {
			if first, taken := outputs[outputPath(j)]; taken {
				c.add(jobField(i, "output_path"), "%q is written to by jobs[%d] already; one would overwrite the other", j.GetOutputPath(), first)
			} else if rules.template == nil || rules.template.ToldApartByOutputPath() {
				outputs[outputPath(j)] = i
			}
		}
		c.variables(i, j, rules)
	}
}

// variables checks whether the template can be filled in for a job.
func (c *checks) variables(i int, j *stokerv1.JobSpec, rules jobRules) {
	if len(j.GetVariables()) > 0 && !rules.templated {
		c.add(jobField(i, "variables"), "are for templates; this batch has a recipe")
	}
	if rules.template == nil || len(j.GetVariables()) > maxEntries {
		return // the contract has found that there are too many
	}
	for _, v := range rules.template.Check(jobSpec(j)) {
		c.add(jobField(i, v.Field), "%s", v.Message)
	}
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

// plain refuses control characters.
func (c *checks) plain(field, text string) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		c.add(field, "%q contains control characters", text)
	}
}

// plainJob does so for a field of a job, and reports whether there are none.
func (c *checks) plainJob(i int, name, text string) bool {
	if strings.ContainsFunc(text, unicode.IsControl) { // the path of the field is made for few
		c.plain(jobField(i, name), text)
		return false
	}
	return true
}

func jobField(i int, name string) string { return fmt.Sprintf("jobs[%d].%s", i, name) }

func (c *checks) input(i int, j *stokerv1.JobSpec, rules jobRules) {
	path := j.GetInputPath()
	if path == "" && !rules.templated {
		c.add(jobField(i, "input_path"), "is required: the path of the asset on the input storage")
	}
	c.plainJob(i, "input_path", path)
}

// output checks the output path and reports whether there is a good one.
func (c *checks) output(i int, j *stokerv1.JobSpec, rules jobRules) bool {
	path := outputPath(j)
	switch {
	case path == "" && j.GetOutputPath() == "" && rules.templated:
		return false
	case j.GetOutputPath() == "":
		c.add(jobField(i, "output_path"), "is required: the directory on the output storage")
		return false
	case !c.plainJob(i, "output_path", path):
		return false
	case strings.HasPrefix(j.GetOutputPath(), "/"):
		c.add(jobField(i, "output_path"), "%q: leave out the slash at the beginning; the path is relative to the storage's base path", j.GetOutputPath())
		return false
	}
	for element := range strings.SplitSeq(path, "/") {
		if element == "" || element == "." || element == ".." {
			c.add(jobField(i, "output_path"), "%q: leave out empty elements, . and ..", j.GetOutputPath())
			return false
		}
	}
	return true
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

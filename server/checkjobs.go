package server

import (
	"strings"
	"unicode"
	"unicode/utf8"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// jobRules say what the jobs of one message have to be like.
type jobRules struct {
	templated bool               // jobs have variables, and paths only if their template wants them
	template  *template.Template // to be filled in; nil if something is wrong with it
	keyed     string             // why every job needs a key; empty: it needs none

	inputBase, outputBase string // the base paths of the storages
	beforeInput           int    // what the base path puts before an input path, in bytes
	aroundOutput          int    // what it and a recipe put before and behind an output path
}

// rulesFor are the rules for jobs of b; filled is its template, nil if something is wrong
// with it.
func (s *Server) rulesFor(b *job.Batch, filled *template.Template) jobRules {
	rules := jobRules{
		templated: b.Template != nil, template: filled,
		inputBase: s.catalog.Storages[b.Input.Name].InputBase, outputBase: s.catalog.Storages[b.Output.Name].OutputBase,
	}
	rules.beforeInput = len(job.InputPath(rules.inputBase, ""))
	if b.Recipe != nil {
		const any = "x"
		rules.aroundOutput = len(job.OutputPath(rules.outputBase, any, "")) - len(any) + b.Recipe.LongestFile()
	}
	return rules
}

// together is how many jobs are held to the contract at once, which is faster; if all of
// them break it, what is found takes some memory.
const together = 1_000

// checkJobs checks the jobs of one message, each by itself and against the others.
func (s *Server) checkJobs(c *checks, jobs []*stokerv1.JobSpec, rules jobRules) {
	keys := make(map[string]int, len(jobs))
	places := newPlaces(len(jobs))
	distinct := rules.template == nil || rules.template.ToldApartByOutputPath()
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
		c.name(i, "key", j.GetKey())
		c.name(i, "name", j.GetName())
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
		if c.output(i, j, rules) && distinct {
			c.place(places, jobs, i)
		}
		c.variables(i, j, rules)
	}
}

// name checks a text by which a job is known.
func (c *checks) name(i int, field, text string) {
	if c.plainJob(i, field, text) {
		c.blanks(i, field, text)
	}
}

// blanks warns of what is easily overlooked at the ends of a text.
func (c *checks) blanks(i int, field, text string) {
	first, _ := utf8.DecodeRuneInString(text)
	last, _ := utf8.DecodeLastRuneInString(text)
	switch before, behind := unicode.IsSpace(first), unicode.IsSpace(last); {
	case before && behind:
		c.warn(jobField(i, field), "%q begins and ends with a blank, which is kept", text)
	case before:
		c.warn(jobField(i, field), "%q begins with a blank, which is kept", text)
	case behind:
		c.warn(jobField(i, field), "%q ends with a blank, which is kept", text)
	}
}

// input checks the input path. It is not changed, whatever is in it.
func (c *checks) input(i int, j *stokerv1.JobSpec, rules jobRules) {
	const field = "input_path"
	path, base := j.GetInputPath(), rules.inputBase
	if path == "" {
		if !rules.templated {
			c.add(jobField(i, field), "is required: the path of the asset on the input storage")
		}
		return
	}
	if !c.plainJob(i, field, path) {
		return
	}
	c.blanks(i, field, path)
	switch {
	case job.Upward(path) && base != "":
		c.add(jobField(i, field), "%q: leave out ..; the path lies below the storage's base path", path)
	case job.Upward(path):
		c.warn(jobField(i, field), "%q has .. in it, which is kept", path)
	case base != "" && path[0] == '/':
		c.warn(jobField(i, field), "%q begins with a slash, which is kept: at the storage there are two, behind the base path", path)
	}
	if n := rules.beforeInput + len(path); n > job.MaxPath && len(path) <= job.MaxPath { // else the contract tells
		c.add(jobField(i, field), "comes to %d bytes with the storage's base path before it; a storage takes %d", n, job.MaxPath)
	}
}

// output checks the output path and reports whether there is a good one.
func (c *checks) output(i int, j *stokerv1.JobSpec, rules jobRules) bool {
	const field = "output_path"
	path := outputPath(j)
	switch {
	case path == "" && j.GetOutputPath() == "" && rules.templated:
		return false
	case j.GetOutputPath() == "":
		c.add(jobField(i, field), "is required: the directory on the output storage")
		return false
	case !c.plainJob(i, field, path):
		return false
	case strings.HasPrefix(j.GetOutputPath(), "/"):
		c.add(jobField(i, field), "%q: leave out the slash at the beginning; the path is relative to the storage's base path", j.GetOutputPath())
		return false
	}
	for element := range strings.SplitSeq(path, "/") {
		if element == "" || element == "." || element == ".." {
			c.add(jobField(i, field), "%q: leave out empty elements, . and ..", j.GetOutputPath())
			return false
		}
	}
	c.blanks(i, field, path)
	if !rules.templated {
		c.length(i, field, path, rules.aroundOutput+len(path))
	}
	return true
}

// length checks how many bytes the longest path has that a job writes to.
func (c *checks) length(i int, field, path string, n int) {
	if n > job.MaxPath && len(path) <= job.MaxPath { // else the contract tells
		c.add(jobField(i, field), "comes to %d bytes with the storage's base path before it and the longest directory and file name behind it; a storage takes %d",
			n, job.MaxPath)
	}
}

// variables checks whether the template can be filled in for a job.
func (c *checks) variables(i int, j *stokerv1.JobSpec, rules jobRules) {
	if len(j.GetVariables()) > 0 {
		if !rules.templated {
			c.add(jobField(i, "variables"), "are for templates; this batch has a recipe")
		}
		c.plainMap(jobField(i, "variables"), j.GetVariables(), func(name string) string { return jobField(i, "variables."+name) })
	}
	if rules.template == nil || len(j.GetVariables()) > maxEntries {
		return // the contract has found that there are too many
	}
	spec := jobSpec(j)
	wrong := rules.template.Check(spec)
	for _, v := range wrong {
		c.add(jobField(i, v.Field), "%s", v.Message)
	}
	if len(wrong) > 0 {
		return
	}
	n, field := rules.template.LongestFile(template.Values{
		Job: spec, InputPath: job.InputPath(rules.inputBase, spec.InputPath), OutputPath: job.OutputPath(rules.outputBase, spec.OutputPath, ""),
	})
	c.length(i, field, spec.OutputPath, n)
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/joblist"
	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
)

// chooseEncoding sets the batch to simulate, with the profile or template that the flags name.
func (c *cli) chooseEncoding(p *planFlags) error {
	b := job.Batch{
		Priority: job.DefaultPriority, Retry: job.RetryPolicy{MaxRetries: p.maxRetries},
		Input: job.StorageRef{Name: job.DefaultName}, Output: job.StorageRef{Name: job.DefaultName},
	}
	known := config.Config{Profiles: map[string]job.Recipe{job.DefaultName: job.DefaultRecipe()}}
	if p.config != "" {
		sources := c.configSources(p.config, nil)
		sources.WithoutPlatform = true
		read, err := config.Load(sources)
		if err != nil {
			return err
		}
		for _, w := range read.Warnings {
			c.note("warning: %s", w)
		}
		known = *read
	}
	var request stokerv1.SubmitBatchRequest
	if err := p.inline.addTo(&request); err != nil {
		return err
	}
	switch inline := request.GetInlineTemplate(); {
	case inline != nil:
		b.Template = &job.Template{Text: inline.GetYaml(), FallbackRegions: inline.GetFallbackRegions(), AllowUnknown: inline.GetAllowUnknown()}
	case p.template != "":
		t, ok := known.Templates[p.template]
		if !ok {
			return p.unknownName("template", p.template, slices.Sorted(maps.Keys(known.Templates)))
		}
		b.Template = &t
	default:
		name := cmp.Or(p.profile, job.DefaultName)
		r, ok := known.Profiles[name]
		if !ok {
			return p.unknownName("profile", name, slices.Sorted(maps.Keys(known.Profiles)))
		}
		b.Recipe = &r
	}
	p.options.Batch = b
	return nil
}

// checkTemplate refuses a template with mistakes, as the service would.
func (c *cli) checkTemplate(p *planFlags, list *joblist.List) error {
	if p.options.Batch.Template == nil {
		return nil
	}
	t, mistakes := template.Parse(*p.options.Batch.Template)
	field := cmp.Or(p.template, filepath.Base(p.inline.file))
	if t != nil {
		for _, w := range t.Warnings() {
			c.note("%s:%d: warning: %s", field, w.Line, w.Text)
		}
	}
	if t != nil && len(list.Jobs) > 1 {
		mistakes = t.SharedOutputs()
	}
	var wrong []client.Violation
	for _, m := range mistakes {
		wrong = append(wrong, client.Violation{Field: fmt.Sprintf("%s:%d", field, m.Line), Message: m.Text})
	}
	if len(wrong) > 0 {
		return usageError(errors.New(violationLines(wrong, len(wrong))))
	}
	return nil
}

// fillVariables gives variables to the jobs that have none of their own, as the service does.
func fillVariables(list *joblist.List, vars map[string]string) {
	if len(vars) == 0 {
		return
	}
	for i := range list.Jobs {
		all := maps.Clone(vars)
		maps.Copy(all, list.Jobs[i].Variables)
		list.Jobs[i].Variables = all
	}
}

// checkJobs refuses jobs that the service would refuse, and prints the warnings that it would have. Jobs
// that name no output path get the one that the service derives.
func (c *cli) checkJobs(p *planFlags, list *joblist.List) error {
	var all warnings
	for first := 0; first < len(list.Jobs); first += job.MaxRequestJobs {
		part := list.Part(first, min(first+job.MaxRequestJobs, len(list.Jobs)))
		specs := jobSpecs(part)
		odd, total, err := server.CheckJobs(p.options.Batch, specs)
		if invalid, ok := errors.AsType[*job.InvalidError](err); ok {
			lines := make([]string, len(invalid.Violations))
			for i, v := range invalid.Violations {
				lines[i] = locate(client.Violation{Field: v.Field, Message: v.Message}, part, specs, p.inline).String()
			}
			total := len(lines) + invalid.More
			return mistakeError(lines, total, mistakeSummary(total, "", p.nothing))
		}
		if err != nil {
			return err
		}
		for i := range part.Jobs {
			part.Jobs[i].OutputPath = specs[i].GetOutputPath()
		}
		found := make([]client.Warning, len(odd))
		for i, w := range odd {
			l := locate(client.Violation{Field: w.GetField(), Message: w.GetMessage()}, part, specs, p.inline)
			found[i] = client.Warning{Field: l.where, Message: l.text}
		}
		all.add(found, total)
	}
	c.printWarnings(all, list, nil, p.inline)
	return nil
}

// unknownName refuses a profile or template that the configuration does not have.
func (p *planFlags) unknownName(kind, name string, known []string) error {
	if p.config == "" {
		return usagef("--%s %s: name the configuration file that has it with --config", kind, name)
	}
	return usagef("--%s %s: %s has no such %s%s", kind, name, p.config, kind, spelling.Hint(name, known))
}

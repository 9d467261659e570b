package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/dispatcher"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/joblist"
	"github.com/stokerd/stoker/internal/plan"
	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

const (
	// leastSample is how many jobs are run through unless told otherwise.
	leastSample = 500
	// perJob and perListing are about what it takes to run through a job, and to list it
	// once while it runs.
	perJob, perListing = 1500 * time.Microsecond, 50 * time.Microsecond
	// longestDuration is longer than encodings run: weeks of simulated time take minutes.
	longestDuration = 7 * 24 * time.Hour
)

// isShare reports whether x is 0 to 1; a number that is none (NaN) is not.
func isShare(x float64) bool { return x >= 0 && x <= 1 }

// planning is the command line of plan.
type planning struct {
	list    submission // of which only the list, profile and template are used
	config  string
	target  string
	retries int
	options plan.Options
}

func (c *cli) planCommand() *cobra.Command {
	p := &planning{}
	cmd := &cobra.Command{
		Use:   "plan FILE|-",
		Short: "Tell how long a list of jobs will take",
		Long: `Tell how long a list of jobs will take, before any of it is submitted. The list is
that of stoker submit.

The service's own dispatcher works through the list against a simulated Bitmovin, in
simulated time: nothing is called, and a day takes a few seconds. The documented rate
limits hold, and nobody else uses the account. What is not known beforehand is assumed:
how many encodings the account runs side by side, how long they take, how many fail.

Of a long list some jobs are run through; the rest is forecast from how these went, as a
range that holds in four cases out of five.

  makespan              from the submission to the end of the last job
  bound                 the least time in which that many encoders could do the work
  encoders busy         share of their time in which they encode
  idle while jobs wait  share of it that they stand still although there are jobs
  calls a job           to the Bitmovin API, of which there are only so many a minute

Exit codes: 0 planned; 1 could not; 2 wrong usage, or a list with mistakes.`,
		Example: `  stoker plan titles.csv --encoders 20 --duration 4m
  stoker plan titles.csv --encoders 100 --duration 1m --queue-target auto
  stoker plan titles.csv --encoders 20 --duration 4m --config stoker.yaml --profile hevc`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("name one file, or - for standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("sample") {
				p.options.Sample = max(leastSample, plan.RoundsPerEncoder*p.options.Encoders)
			}
			if err := p.check(); err != nil {
				return err
			}
			return c.plan(cmd.Context(), p, args)
		},
	}
	f, r := cmd.Flags(), &p.options
	f.IntVar(&r.Encoders, "encoders", 0, "encodings that the account runs side by side (required)")
	f.DurationVar(&r.Duration, "duration", 0, "how long an encoding runs, on average (required)")
	f.Float64Var(&r.Spread, "spread", 0.5, "how much lengths differ: 0.5 is from half to one and a half times the duration")
	f.StringVar(&p.target, "queue-target", strconv.Itoa(dispatcher.DefaultQueueTarget), "encodings to keep queued, or auto")
	f.IntVar(&r.QueueLimit, "queue-limit", 0, "queued encodings that Bitmovin takes (default: any number)")
	f.Float64Var(&r.FailRate, "fail", 0, "share of runs that end in an error worth retrying, 0 to 1")
	f.IntVar(&p.retries, "max-retries", job.DefaultMaxRetries, "attempts that may follow the first of a job")
	f.DurationVar(&r.Latency, "latency", 100*time.Millisecond, "how long every call takes")
	f.DurationVar(&r.PollInterval, "poll-interval", dispatcher.DefaultPollInterval, "longest time between two looks")
	f.StringVar(&p.config, "config", "", "configuration file whose profiles and templates can be named")
	f.StringVar(&p.list.profile, "profile", "", `profile to encode with (default "default")`)
	f.StringVar(&p.list.template, "template", "", "encoding template to encode with, instead of a profile")
	p.list.inline.flags(cmd)
	f.StringVar(&p.list.format, "format", "", "csv or jsonl (default: told from the first character)")
	f.IntVar(&r.Sample, "sample", 0, "jobs of a long list to run through (default: 500, or 8 for each encoder if that is more)")
	f.BoolVar(&c.json, "json", false, "print JSON; times are in seconds")
	cmd.MarkFlagsMutuallyExclusive("profile", "template", "template-file")
	f.SortFlags = false
	return cmd
}

// check judges the flags.
func (p *planning) check() error {
	r := &p.options
	switch {
	case r.Encoders < 1:
		return usagef("--encoders: say how many encodings the account runs side by side, 1 or more")
	case r.Duration <= 0:
		return usagef("--duration: say how long an encoding runs, for example 90s or 12m")
	case r.Duration > longestDuration:
		return usagef("--duration %v: want at most %v", r.Duration, longestDuration)
	case !isShare(r.Spread):
		return usagef("--spread %v: want 0 to 1", r.Spread)
	case !isShare(r.FailRate):
		return usagef("--fail %v: want 0 to 1", r.FailRate)
	case r.QueueLimit < 0:
		return usagef("--queue-limit cannot be negative")
	case p.retries < 0 || p.retries > job.MaxRetryLimit:
		return usagef("--max-retries %d: want 0 to %d", p.retries, job.MaxRetryLimit)
	case r.Sample < 2*r.Encoders:
		return usagef("--sample %d: want at least %d, two for each encoder", r.Sample, 2*r.Encoders)
	case r.Latency < 0 || r.Latency >= bitmovin.DefaultTimeout:
		return usagef("--latency %v: want less than %v, after which a call is given up", r.Latency, bitmovin.DefaultTimeout)
	case r.PollInterval <= 0:
		return usagef("--poll-interval must be more than 0")
	}
	if p.target == "auto" {
		r.AutoTarget, r.QueueTarget = true, dispatcher.DefaultAutoTarget
		return nil
	}
	target, err := strconv.Atoi(p.target)
	if err != nil || target < 1 || target > job.MaxQueueTarget {
		return usagef("--queue-target %s: want 1 to %d, or auto", p.target, job.MaxQueueTarget)
	}
	r.QueueTarget = target
	return nil
}

func (c *cli) plan(ctx context.Context, p *planning, args []string) error {
	list, err := c.readList(&p.list, args)
	if err != nil {
		return err
	}
	if len(list.Jobs) == 0 {
		return usagef("%s: no job in it", list.Name)
	}
	if err := c.encodeWith(p); err != nil {
		return err
	}
	if err := p.fits(list); err != nil {
		return err
	}
	r := &p.options
	r.Jobs = list.Jobs
	if n, takes := p.effort(); takes > 5*time.Second {
		c.note("running through %d jobs, which takes some %s", n, rounded(takes))
	}
	began := time.Now()
	outcome, err := plan.Run(ctx, *r)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return failed(err)
	}
	if c.json {
		return c.printOutcome(outcome)
	}
	c.note("%s on %s, %v each%s, queue target %s", plural(int64(outcome.Jobs), "job"), plural(int64(p.options.Encoders), "encoder"),
		p.options.Duration, p.between(), p.target)
	if outcome.Rehearsed < outcome.Jobs {
		c.note("%d of them were run through in %s; the rest is forecast from those.", outcome.Rehearsed, rounded(time.Since(began)))
	}
	return c.printTable(outcomeTable(outcome))
}

// effort is how many jobs are run through, and about how long that takes.
func (p *planning) effort() (jobs int, takes time.Duration) {
	r := &p.options
	jobs = min(len(r.Jobs), r.Sample)
	listings := r.Duration.Seconds() / r.PollInterval.Seconds()
	return jobs, time.Duration(float64(jobs) * (float64(perJob) + listings*float64(perListing)))
}

// between says how far lengths lie apart.
func (p *planning) between() string {
	if p.options.Spread == 0 {
		return ""
	}
	length := func(factor float64) time.Duration {
		return time.Duration(factor * float64(p.options.Duration)).Round(100 * time.Millisecond)
	}
	return fmt.Sprintf(" (%v to %v)", length(1-p.options.Spread), length(1+p.options.Spread))
}

// encodeWith settles what the batch is encoded with.
func (c *cli) encodeWith(p *planning) error {
	b := job.Batch{
		Priority: job.DefaultPriority, Retry: job.RetryPolicy{MaxRetries: p.retries},
		Input: job.StorageRef{Name: job.DefaultName}, Output: job.StorageRef{Name: job.DefaultName},
	}
	known := config.Config{Profiles: map[string]job.Recipe{job.DefaultName: job.DefaultRecipe()}}
	if p.config != "" {
		sources := c.sources()
		sources.File, sources.WithoutPlatform = p.config, true
		read, err := config.Load(sources)
		if err != nil {
			return err
		}
		known = *read
	}
	var request stokerv1.SubmitBatchRequest
	if err := p.list.inline.fill(&request); err != nil {
		return err
	}
	switch inline := request.GetInlineTemplate(); {
	case inline != nil:
		b.Template = &job.Template{Text: inline.GetYaml(), FallbackRegions: inline.GetFallbackRegions()}
	case p.list.template != "":
		t, ok := known.Templates[p.list.template]
		if !ok {
			return p.unknown("template", p.list.template, slices.Sorted(maps.Keys(known.Templates)))
		}
		b.Template = &t
	default:
		name := cmp.Or(p.list.profile, job.DefaultName)
		r, ok := known.Profiles[name]
		if !ok {
			return p.unknown("profile", name, slices.Sorted(maps.Keys(known.Profiles)))
		}
		b.Recipe = &r
	}
	p.options.Batch = b
	return nil
}

// fits refuses what the service would refuse: a template with mistakes, or one that the
// jobs of the list do not fill in.
func (p *planning) fits(list *joblist.List) error {
	if p.options.Batch.Template == nil {
		return nil
	}
	t, mistakes := template.Parse(p.options.Batch.Template.Text)
	if t != nil && len(list.Jobs) > 1 {
		mistakes = t.SharedOutputs()
	}
	var wrong []client.Violation
	for _, m := range mistakes {
		field := cmp.Or(p.list.template, filepath.Base(p.list.inline.file))
		wrong = append(wrong, client.Violation{Field: fmt.Sprintf("%s:%d", field, m.Line), Message: m.Text})
	}
	for i, j := range list.Jobs {
		if len(wrong) >= joblist.MaxMistakes || len(mistakes) > 0 {
			break
		}
		for _, v := range t.Check(j) {
			wrong = append(wrong, client.Violation{Field: list.Where(i) + ": " + v.Field, Message: v.Message})
		}
	}
	if len(wrong) > 0 {
		return usage(errors.New(violationLines(wrong, len(wrong))))
	}
	return nil
}

func (p *planning) unknown(kind, name string, known []string) error {
	if p.config == "" {
		return usagef("--%s %s: name the file it is in with --config", kind, name)
	}
	return usagef("--%s %s: %s has no such %s%s", kind, name, p.config, kind, spelling.Hint(name, known))
}

func outcomeTable(o plan.Outcome) table {
	t := table{header: []string{"MEASURE", "VALUE"}}
	t.row("makespan", rounded(o.Makespan.Likely))
	if o.Rehearsed < o.Jobs {
		t.row("makespan, range", rounded(o.Makespan.Earliest)+" to "+rounded(o.Makespan.Latest))
	}
	t.row("bound", rounded(o.Bound))
	t.row("makespan over bound", fmt.Sprintf("%.3f", float64(o.Makespan.Likely)/float64(o.Bound)))
	t.row("encoders busy", fmt.Sprintf("%.1f %%", 100*o.Busy))
	t.row("idle while jobs wait", fmt.Sprintf("%.1f %%", 100*o.Idle))
	t.row("calls a job", fmt.Sprintf("%.1f", o.Calls))
	t.row("calls", fmt.Sprintf("%.0f", o.Calls*float64(o.Jobs)))
	t.row("calls refused with 429", strconv.Itoa(o.Waited))
	if o.Retried > 0 || o.Failed > 0 {
		t.row("retries", strconv.Itoa(o.Retried))
		t.row("failed for good", strconv.Itoa(o.Failed))
	}
	return t
}

// printOutcome prints an outcome for programs.
func (c *cli) printOutcome(o plan.Outcome) error {
	text, err := json.MarshalIndent(struct {
		Jobs      int     `json:"jobs"`
		Rehearsed int     `json:"rehearsed"`
		Makespan  float64 `json:"makespan_seconds"`
		Earliest  float64 `json:"earliest_seconds"`
		Latest    float64 `json:"latest_seconds"`
		Bound     float64 `json:"bound_seconds"`
		Busy      float64 `json:"busy_share"`
		Idle      float64 `json:"idle_while_waiting_share"`
		Calls     float64 `json:"calls_per_job"`
		Waited    int     `json:"rate_limited_calls"`
		Retried   int     `json:"retries"`
		Failed    int     `json:"failed"`
	}{
		o.Jobs, o.Rehearsed, o.Makespan.Likely.Seconds(), o.Makespan.Earliest.Seconds(), o.Makespan.Latest.Seconds(),
		o.Bound.Seconds(), o.Busy, o.Idle, o.Calls, o.Waited, o.Retried, o.Failed,
	}, "", "  ")
	if err != nil {
		return err
	}
	_, err = c.stdout.Write(append(text, '\n'))
	return err
}

package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/dispatcher"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/plan"
	"github.com/stokerd/stoker/job"
)

const (
	// defaultSample is how many jobs of a long list are simulated unless --sample says otherwise.
	defaultSample = 500
	// jobEffort and pollEffort are about the computing time for simulating one job, and one poll of it.
	jobEffort, pollEffort = 1500 * time.Microsecond, 50 * time.Microsecond
	// maxDuration is the largest --duration. The simulation of weeks takes minutes.
	maxDuration = 7 * 24 * time.Hour
)

// planFlags is the command line of plan.
type planFlags struct {
	listFlags
	config     string
	target     string // --queue-target: a number or auto
	maxRetries int
	options    plan.Options
}

func planCommand(c *cli) *cobra.Command {
	p := &planFlags{}
	cmd := &cobra.Command{
		Use:   "plan FILE|-",
		Short: "Estimate how long a list of jobs takes, before it is submitted.",
		Long: `What a list may be: stoker help lists.

The service's own dispatcher works through the list on a simulated platform, in simulated
time: Bitmovin is not called, and a simulated day takes a few seconds. The simulation
has the documented rate limits, and no other users of the account. The flags say what
cannot be known beforehand: how many encodings run side by side, how long they take, and
how many fail.

Of a long list only some jobs are simulated (--sample). The rest is estimated from them:
the makespan is then also a range, which holds in four cases out of five.

  makespan              from the submission to the end of the last job
  bound                 the shortest time in which the encoders can run the list
  makespan over bound   1.000 is the best possible
  encoders busy         share of the encoders' time in which they encode
  idle while jobs wait  share of their time in which they are idle although jobs
                        wait
  calls a job           calls to the Bitmovin API, which limits calls per minute`,
		Example: `  stoker plan titles.csv --encoders 20 --duration 4m
  stoker plan titles.csv --encoders 100 --duration 1m --queue-target auto
  stoker plan titles.csv --encoders 9 --duration 4m --config s.yaml --profile hd`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("name one file, or - for standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("sample") {
				p.options.Sample = max(defaultSample, plan.RoundsPerEncoder*p.options.Encoders)
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
	f.Float64Var(&r.Spread, "spread", 0.5, "how much durations differ: 0.5 is from 0.5 to 1.5 times --duration, 0 is not at all")
	f.StringVar(&p.target, "queue-target", strconv.Itoa(dispatcher.DefaultQueueTarget), "encodings to keep queued at Bitmovin, or auto")
	f.IntVar(&r.QueueLimit, "queue-limit", 0, "queued encodings that Bitmovin accepts; 0 for any number")
	f.Float64Var(&r.FailRate, "fail", 0, "share of encodings, 0 to 1, that fail with an error that a retry may help")
	f.IntVar(&p.maxRetries, "max-retries", job.DefaultMaxRetries, "how many attempts a job may have after its first")
	f.DurationVar(&r.Latency, "latency", 100*time.Millisecond, "how long every call to Bitmovin takes")
	f.DurationVar(&r.PollInterval, "poll-interval", dispatcher.DefaultPollInterval, "longest time between two polls of an encoding's status")
	f.StringVar(&p.config, "config", "", "configuration file whose profiles and templates can be named")
	p.addFlags(c, cmd)
	p.nothing = "nothing was planned"
	f.IntVar(&r.Sample, "sample", 0, "how many jobs of a long list to simulate (default: 500, or 8 for each encoder if that is more)")
	c.addOutputFlags(cmd, documentFormats())
	f.SortFlags = false
	return cmd
}

// check checks the flags and reads --queue-target.
func (p *planFlags) check() error {
	r := &p.options
	switch {
	case r.Encoders < 1:
		return usagef("--encoders: say how many encodings the account runs side by side, 1 or more")
	case r.Duration <= 0:
		return usagef("--duration: say how long an encoding runs, for example 90s or 12m")
	case r.Duration > maxDuration:
		return usagef("--duration %v: want at most %gh", r.Duration, maxDuration.Hours())
	case !isShare(r.Spread):
		return usagef("--spread %v: want 0 to 1", r.Spread)
	case !isShare(r.FailRate):
		return usagef("--fail %v: want 0 to 1", r.FailRate)
	case r.QueueLimit < 0:
		return usagef("--queue-limit cannot be negative")
	case p.maxRetries < 0 || p.maxRetries > job.MaxRetryLimit:
		return usagef("--max-retries %d: want 0 to %d", p.maxRetries, job.MaxRetryLimit)
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

// plan simulates the list and prints the outcome.
func (c *cli) plan(ctx context.Context, p *planFlags, args []string) error {
	vars, err := p.variables()
	if err != nil {
		return err
	}
	list, err := c.readList(ctx, p.listFlags, args)
	if err != nil {
		return err
	}
	fillVariables(list, vars)
	if len(list.Jobs) == 0 {
		return usagef("%s: no job in it", list.Name)
	}
	if err := c.chooseEncoding(p); err != nil {
		return err
	}
	if err := c.checkTemplate(p, list); err != nil {
		return err
	}
	if err := c.checkJobs(p, list); err != nil {
		return err
	}
	r := &p.options
	r.Jobs = list.Jobs
	if n, takes := p.effort(); takes > 5*time.Second {
		c.note("simulating %d jobs, which takes about %s", n, output.Duration(takes))
	}
	began := time.Now()
	outcome, err := plan.Run(ctx, *r)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return runError(err)
	}
	if c.out.ForPrograms() {
		return printOutcome(c, outcome)
	}
	c.note("%s on %s, %s each%s, queue target %s", output.Plural(int64(outcome.Jobs), "job"), output.Plural(int64(p.options.Encoders), "encoder"),
		shortDuration(p.options.Duration), p.durationRange(), p.target)
	if outcome.Simulated < outcome.Jobs {
		c.note("%d of them were simulated in %s; the rest is estimated from those.", outcome.Simulated, output.Duration(time.Since(began)))
	}
	if err := output.WritePairs(c.stdout, c.look(c.stdout), outcomeLines(outcome)); err != nil {
		return err
	}
	if outcome.Advice.Given() {
		c.note("Advice: %v.", outcome.Advice)
	}
	return nil
}

// effort is how many jobs are simulated, and about how much computing time that takes.
func (p *planFlags) effort() (jobs int, takes time.Duration) {
	r := &p.options
	jobs = min(len(r.Jobs), r.Sample)
	polls := r.Duration.Seconds() / r.PollInterval.Seconds()
	return jobs, time.Duration(float64(jobs) * (float64(jobEffort) + polls*float64(pollEffort)))
}

// durationRange is the shortest and the longest duration of an encoding; empty if all are equal.
func (p *planFlags) durationRange() string {
	if p.options.Spread == 0 {
		return ""
	}
	length := func(factor float64) string { return shortDuration(time.Duration(factor * float64(p.options.Duration))) }
	return fmt.Sprintf(" (%s to %s)", length(1-p.options.Spread), length(1+p.options.Spread))
}

// shortDuration is a duration with tenths of a second if it is so short that they matter.
func shortDuration(d time.Duration) string {
	if d = d.Round(100 * time.Millisecond); d < 10*time.Second && d%time.Second != 0 {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return output.Duration(d)
}

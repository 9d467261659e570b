package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/job"
)

// plan is n jobs of the default recipe on some encoders, a minute each.
func plan(n, encoders int) Options {
	recipe := job.DefaultRecipe()
	p := Options{
		Batch: job.Batch{
			Priority: 50, Recipe: &recipe, Input: job.StorageRef{Name: job.DefaultName}, Output: job.StorageRef{Name: job.DefaultName},
			Retry: job.RetryPolicy{MaxRetries: 2, InitialBackoff: 10 * time.Second},
		},
		Encoders: encoders, Duration: time.Minute, Spread: 0.5, Latency: 100 * time.Millisecond, QueueTarget: 3, Seed: 1,
	}
	for i := range n {
		p.Jobs = append(p.Jobs, job.Spec{InputPath: fmt.Sprintf("in/%d.mp4", i), OutputPath: fmt.Sprintf("out/%d", i)})
	}
	return p
}

func run(t *testing.T, p Options) Outcome {
	t.Helper()
	o, err := Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestRunKeepsEncodersBusy(t *testing.T) {
	o := run(t, plan(100, 5))
	if o.Jobs != 100 || o.Simulated != 100 || o.Failed != 0 || o.Retried != 0 || o.Throttled != 0 {
		t.Errorf("a simulation without failures came to %+v", o)
	}
	if bound := 20 * time.Minute; o.Bound < bound*99/100 || o.Bound > bound*101/100 {
		t.Errorf("bound is %v, want the 100 minutes of work on 5 encoders", o.Bound)
	}
	ratio := float64(o.Makespan.Likely) / float64(o.Bound)
	if ratio < 1 || ratio > 1.08 || o.Makespan.Earliest != o.Makespan.Latest {
		t.Errorf("makespan is %+v, %.3f of the bound", o.Makespan, ratio)
	}
	if o.Idle < 0 || o.Idle > 0.02 || o.Busy < 0.93 || o.Busy > 1 {
		t.Errorf("encoders are busy %.3f of the time, and idle %.3f while jobs wait", o.Busy, o.Idle)
	}
	if o.Calls < 10 || o.Calls > 16 {
		t.Errorf("%.1f calls a job, want ten to configure and start it and a few to follow it", o.Calls)
	}
	if again := run(t, plan(100, 5)); again != o {
		t.Errorf("the same plan came to %+v, and again to %+v", o, again)
	}
}

func TestRunWithMoreEncodersThanJobs(t *testing.T) {
	p := plan(4, 20)
	p.Spread = 0
	if o := run(t, p); o.Bound != p.Duration || o.Makespan.Likely < o.Bound {
		t.Errorf("bound is %v and makespan %v, want no less than the %v of an encoding", o.Bound, o.Makespan.Likely, p.Duration)
	}
}

// TestRunForecastsLongLists compares what is forecast from a sample with what
// comes out when all jobs are run through.
func TestRunForecastsLongLists(t *testing.T) {
	n := 600
	if testing.Short() {
		n = 200 // under the race detector
	}
	p := plan(n, 4)
	all := run(t, p)
	p.Sample = n / 5
	some := run(t, p)
	if some.Simulated != n/5 || some.Jobs != n {
		t.Errorf("%d of %d jobs were simulated, want a fifth of %d", some.Simulated, some.Jobs, n)
	}
	if actual := all.Makespan.Likely; actual < some.Makespan.Earliest || actual > some.Makespan.Latest {
		t.Errorf("all jobs take %v, which is not in the forecast %v to %v", actual, some.Makespan.Earliest, some.Makespan.Latest)
	}
	if off := float64(some.Bound) / float64(all.Bound); off < 0.98 || off > 1.02 {
		t.Errorf("the bound of the sample is %v, of all %v", some.Bound, all.Bound)
	}
}

// A list may take years: that is what whoever plans has to know.
func TestRunForecastsYears(t *testing.T) {
	p := plan(50_000, 2)
	p.Duration, p.Spread, p.Sample = time.Hour, 0, 4
	if o := run(t, p); o.Bound != 25_000*time.Hour || o.Makespan.Likely < o.Bound || o.Makespan.Likely > o.Bound*101/100 {
		t.Errorf("50,000 hours on two encoders: %+v", o)
	}
	p.Jobs = slices.Repeat(p.Jobs, 40)
	if o, err := Run(t.Context(), p); err == nil {
		t.Errorf("more than a century is forecast: %+v", o)
	}
}

// A template that the platform refuses is not a list that takes no time.
func TestRunTellsWhyNothingIsEncoded(t *testing.T) {
	for _, sample := range []int{0, 2} {
		p := plan(4, 1)
		p.Sample, p.Batch.Recipe = sample, nil
		p.Batch.Template = &job.Template{Text: "metadata: {type: VOD}\nencodings: {main: {streams: {v: {}}, start: {}}}\n"}
		if o, err := Run(t.Context(), p); err == nil || !strings.Contains(err.Error(), "$/encodings/main/streams/v: inputStreams is required") {
			t.Errorf("of %d jobs none can be started: %+v, %v", sample, o, err)
		}
	}
}

func TestRunFailuresAndTargets(t *testing.T) {
	p := plan(60, 3)
	p.FailRate = 0.2
	if o := run(t, p); o.Retried == 0 || o.Makespan.Likely < o.Bound {
		t.Errorf("a fifth of the runs fail, and it came to %+v", o)
	}
	p = plan(60, 20)
	p.Duration, p.QueueTarget = 2*time.Second, 1
	starved := run(t, p)
	p.QueueTarget, p.AutoTarget = 50, true
	if fed := run(t, p); fed.Makespan.Likely >= starved.Makespan.Likely {
		t.Errorf("short encodings take %v with a target that follows the drain, and %v with a target of 1", fed.Makespan.Likely, starved.Makespan.Likely)
	}
	p = plan(40, 3)
	p.QueueLimit = 1
	if o := run(t, p); o.Failed != 0 {
		t.Errorf("a platform that takes one queued encoding cost jobs: %+v", o)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := Run(ctx, plan(10, 1)); !errors.Is(err, why) {
		t.Errorf("a simulation that was cancelled ended with %v", err)
	}
}

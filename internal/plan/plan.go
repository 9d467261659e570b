// Package plan simulates a batch before it is submitted. The dispatcher, the client, the rate
// governor and the job table of the service work through the batch in simulated time, against
// the simulator of the platform. The result is that of the real batch as far as the
// assumptions hold. Nothing leaves the process.
package plan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/dispatcher"
	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/internal/forecast"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// Options holds a batch and the assumptions about the platform. Two more assumptions are the
// documented rate limits, and that nobody else uses the account.
type Options struct {
	Batch job.Batch // with recipe or template, storages named [Storage], retry policy and priority
	Jobs  []job.Spec

	Encoders int           // how many encodings the platform runs side by side; at least 1
	Duration time.Duration // average duration of an encoding
	Spread   float64       // durations are spread evenly between 1-Spread and 1+Spread times the average; 0 to 1
	FailRate float64       // share of runs that end in an error that a retry may mend; 0 to 1
	Latency  time.Duration // of every call
	// QueueLimit is how many queued encodings the platform accepts. 0: no limit.
	QueueLimit int

	QueueTarget  int           // with AutoTarget the maximum
	AutoTarget   bool          // the account adapts the target to how fast its queue drains
	PollInterval time.Duration // default: the dispatcher's

	// Sample is how many jobs are simulated. Of a longer list the other jobs are forecast
	// from these; for that Sample should be at least Encoders x [RoundsPerEncoder]. 0: all
	// jobs are simulated.
	Sample int
	Seed   uint64 // the same seed gives the same durations and failures
}

// Outcome is the result of a simulation.
type Outcome struct {
	Jobs      int // in the batch
	Simulated int // how many jobs were simulated; the others are forecast

	// Makespan is the time from the submission to the end of the last job. Its three values
	// are the same if all jobs were simulated.
	Makespan  forecast.Range
	Bound     time.Duration    // the least time in which the encoders could run all jobs
	Busy      float64          // share of encoder time, from the first start to the last end, in which an encoding runs
	Idle      float64          // share of encoder time that is idle while jobs wait to be started
	Calls     float64          // calls to the platform per job
	Throttled int              // calls of the simulated jobs that a rate limit refused (429)
	Failed    int              // jobs that failed for good
	Advice    job.TargetAdvice // given if the queue target is too small
	Retried   int              // attempts beyond the first
}

// RoundsPerEncoder is how many jobs per encoder should be simulated if the rest of a list is
// forecast.
const RoundsPerEncoder = 8

// maxForecast bounds a forecast.
const maxForecast = 100 * 365 * 24 * time.Hour

// simulationStart returns the simulated time at which every simulation starts.
func simulationStart() time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) }

// Run simulates a batch. It takes about a second per thousand jobs.
func Run(ctx context.Context, p Options) (o Outcome, err error) {
	if ctx.Err() != nil {
		return o, context.Cause(ctx)
	}
	dir, err := os.MkdirTemp("", "stoker-plan-")
	if err != nil {
		return o, fmt.Errorf("simulate: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	table, err := sqlite.Open(ctx, filepath.Join(dir, "plan.db"), store.Options{Unsafe: true})
	if err != nil {
		return o, fmt.Errorf("simulate: %w", err)
	}
	defer func() { err = errors.Join(err, table.Close()) }()

	sim := clock.NewSimulation(simulationStart())
	defer sim.Close()
	platform := p.platform(sim)
	defer platform.Close()
	d, err := p.dispatcher(sim, table, platform)
	if err != nil {
		return o, fmt.Errorf("simulate: %w", err)
	}
	n := p.simulated()
	b := p.Batch
	b.AccountID = accountID
	b, _, err = table.Submit(ctx, job.Submission{Batch: b, Jobs: p.Jobs[:n]}, simulationStart())
	if err != nil {
		return o, fmt.Errorf("simulate: %w", err)
	}
	var waiting simulator.Stats // the latest statistics before the last job was started
	var advice job.TargetAdvice // the latest one
	sim.Go(func() {
		for sim.Sleep(ctx, max(p.Duration/20, time.Millisecond)) == nil {
			if s := platform.ReadStats(); s.Starts < n {
				waiting = s
			}
			for _, s := range table.AccountStatuses() {
				if s.TargetAdvice.Given() {
					advice = s.TargetAdvice
				}
			}
		}
	})
	if err := d.Simulate(ctx, sim); err != nil {
		return o, fmt.Errorf("simulate: %w", err)
	}
	runs, err := readRuns(ctx, table, b.ID)
	if err != nil {
		return o, fmt.Errorf("simulate: %w", err)
	}
	for _, e := range platform.Encodings() { // the job table has only the times at which the dispatcher noticed an end
		if !e.RunningAt.IsZero() && !e.FinishedAt.IsZero() {
			runs.lengths = append(runs.lengths, e.FinishedAt.Sub(e.RunningAt))
		}
	}
	o, err = p.outcome(runs, waiting, platform.ReadStats())
	o.Advice = advice
	return o, err
}

// simulated returns how many jobs are simulated.
func (p Options) simulated() int {
	if p.Sample <= 0 {
		return len(p.Jobs)
	}
	return min(len(p.Jobs), p.Sample)
}

const accountID = "plan"

func (p Options) platform(sim clock.Clock) *simulator.Simulator {
	s := &simulator.Simulator{
		TakeForeignIDs: true, // a template may name resources of the account
		Clock:          sim, Encoders: p.Encoders, QueueLimit: p.QueueLimit, Latency: p.Latency,
		Duration: p.Duration, FailRate: p.FailRate, Seed: p.Seed | 1, LedgerLimit: 1,
		TakeUnknownValues: true, // a plan is for recipes that were checked
	}
	if p.QueueLimit == 0 {
		s.QueueLimit = -1
	}
	n := 0
	s.EncodingDuration = func(simulator.Encoding) time.Duration {
		n++
		return time.Duration(float64(p.Duration) * (1 + p.Spread*(2*spreadEvenly(n)-1)))
	}
	return s
}

// spreadEvenly returns the n-th of a sequence of numbers between 0 and 1. Any beginning of the
// sequence is spread more evenly than random numbers would be.
func spreadEvenly(n int) float64 {
	_, fraction := math.Modf(float64(n) * math.Phi)
	return fraction
}

func (p Options) dispatcher(sim *clock.Simulation, table *store.Store, platform *simulator.Simulator) (*dispatcher.Dispatcher, error) {
	client, err := bitmovin.New(bitmovin.Options{
		APIKey:     func() (string, error) { return "plan", nil },
		HTTPClient: platform.Client(), Governor: bitmovin.NewGovernorWithClock(sim, nil),
	})
	if err != nil {
		return nil, err
	}
	input := bitmovin.Storage{Type: bitmovin.StorageHTTPS, Host: "input.example"}
	output := bitmovin.Storage{Type: bitmovin.StorageS3, Bucket: "output", AccessKey: "plan", SecretKey: "plan"}
	return dispatcher.New(dispatcher.Config{
		Store: table, Clock: sim, Logger: slog.New(slog.DiscardHandler), PollInterval: p.PollInterval,
		Accounts: []dispatcher.Account{{ID: accountID, Client: client, QueueTarget: p.QueueTarget, AutoTarget: p.AutoTarget}},
		Sources: dispatcher.Sources{
			Inputs:  map[string]dispatcher.Storage{job.DefaultName: {Storage: input}},
			Outputs: map[string]dispatcher.Storage{job.DefaultName: {Storage: output}},
			Secret:  func(string) (string, error) { return "secret", nil }, // the platform of a plan does not mind
		},
	})
}

// runs collects the results of the simulated jobs.
type runs struct {
	ends     []time.Time     // of jobs, the earliest first
	lengths  []time.Duration // of runs of encodings
	failed   int             // jobs that did not succeed
	attempts int             // of all jobs
	failure  *job.Failure    // of one job that did not succeed
}

func readRuns(ctx context.Context, table *store.Store, batch string) (r runs, err error) {
	const page = 1000
	for last := int64(0); ; last += page {
		jobs, err := table.Jobs(ctx, job.Filter{BatchID: batch, AfterNumber: last, Limit: page})
		if err != nil || len(jobs) == 0 {
			slices.SortFunc(r.ends, time.Time.Compare)
			return r, err
		}
		for _, j := range jobs {
			r.ends = append(r.ends, j.FinishTime)
			r.attempts += j.Attempt
			if j.State != job.Succeeded {
				r.failed++
				r.failure = j.Failure
			}
		}
	}
}

// outcome computes the result.
func (p Options) outcome(r runs, waiting, s simulator.Stats) (Outcome, error) {
	n := len(r.ends)
	if n == 0 {
		return Outcome{}, errors.New("no job was simulated")
	}
	if len(r.lengths) == 0 {
		return Outcome{}, fmt.Errorf("none of %d jobs was encoded: %v", n, r.failure)
	}
	took := r.ends[n-1].Sub(simulationStart())
	o := Outcome{
		Jobs: len(p.Jobs), Simulated: n, Makespan: forecast.Range{Earliest: took, Likely: took, Latest: took},
		Calls: float64(s.Calls) / float64(n), Throttled: s.RateLimited, Failed: r.failed, Retried: r.attempts - n,
	}
	o.Busy = float64(s.Busy) / float64(s.Makespan) / float64(s.Encoders)
	if spent := waiting.Busy + waiting.IdleEmpty; spent > 0 {
		o.Idle = float64(waiting.IdleEmpty) / float64(spent)
	}
	o.Bound = s.Busy / time.Duration(s.Encoders)
	if n < len(p.Jobs) {
		err := p.forecastRest(&o, r)
		return o, err
	}
	o.Bound = max(o.Bound, slices.Max(r.lengths)) // two encoders never share an encoding
	return o, nil
}

// forecastRest extends the outcome of the simulated jobs to all jobs. At the end of a simulation
// encoders fall idle, so the forecast starts after three quarters of the simulated jobs, where
// the encoders are as busy as in the middle of the list.
func (p Options) forecastRest(o *Outcome, r runs) error {
	n := len(r.ends)
	last := 3 * n / 4
	w := forecast.Work{Waiting: len(p.Jobs) - last, Parallel: p.Encoders, Lengths: r.lengths}
	var mean time.Duration
	for _, l := range r.lengths {
		mean += l / time.Duration(len(r.lengths))
	}
	// busy is the encoder time of a job with its failed runs, w.Gap the idle time before the
	// job.
	busy := o.Bound * time.Duration(p.Encoders) / time.Duration(n)
	for i, l := range w.Lengths {
		w.Lengths[i] = time.Duration(float64(l) * float64(busy) / float64(mean))
	}
	w.Gap = time.Duration(float64(busy) * o.Idle / (1 - o.Idle))
	rest, ok := w.Estimate(maxForecast)
	if !ok {
		return errors.New("the list would take more than a hundred years")
	}
	soFar := r.ends[last].Sub(simulationStart())
	o.Makespan = forecast.Range{Earliest: soFar + rest.Earliest, Likely: soFar + rest.Likely, Latest: soFar + rest.Latest}
	scale := float64(len(p.Jobs)) / float64(n)
	o.Bound = time.Duration(float64(o.Bound) * scale)
	o.Busy = float64(o.Bound) / float64(o.Makespan.Likely)
	o.Failed, o.Retried = int(math.Round(float64(o.Failed)*scale)), int(math.Round(float64(o.Retried)*scale))
	return nil
}

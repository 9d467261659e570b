// Package plan runs a batch ahead of time: the real dispatcher, client, rate
// governor and job table work through it against the simulator of the platform, all of
// them in simulated time. What comes out is what would come out of a day of real work,
// as far as the assumptions hold; nothing leaves the process.
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

// Options is a batch and what is assumed about the platform. The platform's documented rate
// limits hold, and nobody else uses the account.
type Options struct {
	Batch job.Batch // its recipe or template, storages of the name "default", retry policy and priority
	Jobs  []job.Spec

	Encoders int           // encodings the account runs side by side; at least 1
	Duration time.Duration // how long an encoding runs, on average
	Spread   float64       // encodings run between 1-Spread and 1+Spread times that, evenly; 0 to 1
	FailRate float64       // share of runs that end in an error worth retrying, 0 to 1
	Latency  time.Duration // of every call
	// QueueLimit is how many queued encodings the platform takes. 0: any number.
	QueueLimit int

	QueueTarget  int           // with AutoTarget the largest it may choose
	AutoTarget   bool          // the target follows the drain
	PollInterval time.Duration // default: the dispatcher's

	// Sample is how many jobs are really run through. The rest of a longer list is
	// forecast from how these went, which takes some [RoundsPerEncoder] for each encoder.
	// 0: all of them.
	Sample int
	Seed   uint64 // replays the lengths and failures of another rehearsal
}

// Outcome is how a rehearsal went.
type Outcome struct {
	Jobs      int // of the batch
	Rehearsed int // that were run through; the others are forecast

	// Makespan is from the submission to the end of the last job. All three are the same
	// if every job was run through.
	Makespan forecast.Range
	Bound    time.Duration // the least time in which the encoders could do it all
	Busy     float64       // share of the encoders' time in which they encode, from the first start to the last end
	Idle     float64       // share of it that is lost while jobs wait to be started
	Calls    float64       // for each job
	Waited   int           // calls that the platform refused because of its rate limits (429)
	Failed   int           // jobs that failed for good
	Retried  int           // attempts beyond the first
}

// RoundsPerEncoder is how many jobs each encoder should work through before the rest of
// a list is forecast.
const RoundsPerEncoder = 8

// farthest is as far as a list can be forecast.
const farthest = 100 * 365 * 24 * time.Hour

// begin is when rehearsals take place.
func begin() time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) }

// Run rehearses a plan. It takes a second or so for each thousand jobs.
func Run(ctx context.Context, p Options) (o Outcome, err error) {
	if ctx.Err() != nil {
		return o, context.Cause(ctx)
	}
	dir, err := os.MkdirTemp("", "stoker-plan-")
	if err != nil {
		return o, fmt.Errorf("rehearse: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	table, err := sqlite.Open(ctx, filepath.Join(dir, "plan.db"), store.Options{Unsafe: true})
	if err != nil {
		return o, fmt.Errorf("rehearse: %w", err)
	}
	defer func() { err = errors.Join(err, table.Close()) }()

	sim := clock.NewSimulation(begin())
	defer sim.Close()
	platform := p.platform(sim)
	defer platform.Close()
	d, err := p.dispatcher(sim, table, platform)
	if err != nil {
		return o, fmt.Errorf("rehearse: %w", err)
	}
	n := p.rehearsed()
	b := p.Batch
	b.AccountID = account
	b, _, err = table.Submit(ctx, job.Submission{Batch: b, Jobs: p.Jobs[:n]}, begin())
	if err != nil {
		return o, fmt.Errorf("rehearse: %w", err)
	}
	var waiting simulator.Stats // as it was when jobs were last seen to wait
	sim.Go(func() {
		for sim.Sleep(ctx, max(p.Duration/20, time.Millisecond)) == nil {
			if s := platform.Stats(); s.Starts < n {
				waiting = s
			}
		}
	})
	if err := d.Simulate(ctx, sim); err != nil {
		return o, fmt.Errorf("rehearse: %w", err)
	}
	runs, err := readRuns(ctx, table, b.ID)
	if err != nil {
		return o, fmt.Errorf("rehearse: %w", err)
	}
	for _, e := range platform.Encodings() { // the job table knows ends only from looking
		if !e.RunningAt.IsZero() && !e.FinishedAt.IsZero() {
			runs.lengths = append(runs.lengths, e.FinishedAt.Sub(e.RunningAt))
		}
	}
	return p.outcome(runs, waiting, platform.Stats())
}

// rehearsed is how many jobs are run through.
func (p Options) rehearsed() int {
	if p.Sample <= 0 {
		return len(p.Jobs)
	}
	return min(len(p.Jobs), p.Sample)
}

const account = "plan"

// Storage is the name of the storages that a plan's batch uses.
const Storage = "default"

func (p Options) platform(sim clock.Clock) *simulator.Simulator {
	s := &simulator.Simulator{
		Clock: sim, Encoders: p.Encoders, QueueLimit: p.QueueLimit, Latency: p.Latency,
		Duration: p.Duration, FailRate: p.FailRate, Seed: p.Seed | 1, LedgerLimit: 1,
	}
	if p.QueueLimit == 0 {
		s.QueueLimit = -1
	}
	n := 0
	s.EncodingDuration = func(simulator.Encoding) time.Duration {
		n++
		return time.Duration(float64(p.Duration) * (1 + p.Spread*(2*evenly(n)-1)))
	}
	return s
}

// evenly is the nth of a row of numbers between 0 and 1 that fill it more evenly than
// random ones would, however long the row is.
func evenly(n int) float64 {
	_, fraction := math.Modf(float64(n) * math.Phi)
	return fraction
}

func (p Options) dispatcher(sim *clock.Simulation, table *store.Store, platform *simulator.Simulator) (*dispatcher.Dispatcher, error) {
	client, err := bitmovin.New(bitmovin.Options{
		APIKey:     func() (string, error) { return "plan", nil },
		HTTPClient: platform.Client(), Governor: bitmovin.NewGovernorBy(sim, nil),
	})
	if err != nil {
		return nil, err
	}
	input := bitmovin.Storage{Type: bitmovin.StorageHTTPS, Host: "input.example"}
	output := bitmovin.Storage{Type: bitmovin.StorageS3, Bucket: "output", AccessKey: "plan", SecretKey: "plan"}
	return dispatcher.New(dispatcher.Config{
		Store: table, Clock: sim, Logger: slog.New(slog.DiscardHandler), PollInterval: p.PollInterval,
		Accounts: []dispatcher.Account{{ID: account, Client: client, QueueTarget: p.QueueTarget, AutoTarget: p.AutoTarget}},
		Inputs:   map[string]dispatcher.Storage{Storage: {Storage: input}},
		Outputs:  map[string]dispatcher.Storage{Storage: {Storage: output}},
	})
}

// runs is what became of the jobs that were run through.
type runs struct {
	ends     []time.Time // in order
	lengths  []time.Duration
	failed   int
	attempts int
	failure  *job.Failure // of one that failed
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

// outcome sums up.
func (p Options) outcome(r runs, waiting, s simulator.Stats) (Outcome, error) {
	n := len(r.ends)
	if n == 0 {
		return Outcome{}, errors.New("nothing was run")
	}
	if len(r.lengths) == 0 {
		return Outcome{}, fmt.Errorf("not one of %d jobs was encoded: %v", n, r.failure)
	}
	took := r.ends[n-1].Sub(begin())
	o := Outcome{
		Jobs: len(p.Jobs), Rehearsed: n, Makespan: forecast.Range{Earliest: took, Likely: took, Latest: took},
		Calls: float64(s.Calls) / float64(n), Waited: s.RateLimited, Failed: r.failed, Retried: r.attempts - n,
	}
	o.Busy = float64(s.Busy) / float64(s.Makespan) / float64(s.Encoders)
	if spent := waiting.Busy + waiting.IdleEmpty; spent > 0 {
		o.Idle = float64(waiting.IdleEmpty) / float64(spent)
	}
	o.Bound = s.Busy / time.Duration(s.Encoders)
	if n < len(p.Jobs) {
		err := p.extend(&o, r)
		return o, err
	}
	o.Bound = max(o.Bound, slices.Max(r.lengths)) // no encoder shares an encoding with another
	return o, nil
}

// extend goes on from the rehearsed jobs to all jobs. By the end of a rehearsal encoders
// fall idle; three quarters into it they are as they will be in the middle of the list.
func (p Options) extend(o *Outcome, r runs) error {
	n := len(r.ends)
	last := 3 * n / 4
	w := forecast.Work{Waiting: len(p.Jobs) - last, Lanes: p.Encoders, Lengths: r.lengths}
	var mean time.Duration
	for _, l := range r.lengths {
		mean += l / time.Duration(len(r.lengths))
	}
	// What a job keeps encoders busy, failed runs included, and what they wait before it.
	busy := o.Bound * time.Duration(p.Encoders) / time.Duration(n)
	for i, l := range w.Lengths {
		w.Lengths[i] = time.Duration(float64(l) * float64(busy) / float64(mean))
	}
	w.Gap = time.Duration(float64(busy) * o.Idle / (1 - o.Idle))
	rest, ok := w.RestWithin(farthest)
	if !ok {
		return errors.New("the list would take more than a hundred years")
	}
	so := r.ends[last].Sub(begin())
	o.Makespan = forecast.Range{Earliest: so + rest.Earliest, Likely: so + rest.Likely, Latest: so + rest.Latest}
	scale := float64(len(p.Jobs)) / float64(n)
	o.Bound = time.Duration(float64(o.Bound) * scale)
	o.Busy = float64(o.Bound) / float64(o.Makespan.Likely)
	o.Failed, o.Retried = int(math.Round(float64(o.Failed)*scale)), int(math.Round(float64(o.Retried)*scale))
	return nil
}

package dispatcher

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/internal/clock"
)

// Simulate does in simulated time what Run does, for one account, and returns when all
// of its jobs have ended or ctx does. All that the dispatcher works with has to live by
// the same clock: Config.Clock, the client's governor, and the platform, which must be a
// simulator that is called in the caller's goroutine. The calls under way when ctx ends
// are left to [clock.Simulation.Close].
//
// The loop, its decisions and its calls are those of Run. What is missing is what comes
// from outside: nobody rings, so jobs have to be there before.
func (d *Dispatcher) Simulate(ctx context.Context, sim *clock.Simulation) error {
	if len(d.loops) != 1 {
		return fmt.Errorf("simulate %d accounts: want one", len(d.loops))
	}
	for _, dr := range d.loops {
		if err := dr.simulate(ctx, sim); err != nil {
			return fmt.Errorf("account %s: %w", dr.account.ID, err)
		}
	}
	return nil
}

func (d *accountLoop) simulate(ctx context.Context, sim *clock.Simulation) error {
	var results []func()
	d.runTask = func(work func() (apply func())) {
		sim.Go(func() { results = append(results, work()) })
	}
	if err := d.load(ctx); err != nil {
		return err
	}
	if err := d.ensureShared(ctx, sim); err != nil {
		return err
	}
	for ctx.Err() == nil && !d.idle() {
		wake, err := d.decideOnce(ctx)
		if err != nil {
			return err
		}
		for due := true; due && len(results) == 0; {
			due = sim.Step(wake)
		}
		for _, apply := range results {
			apply()
		}
		results = results[:0]
	}
	return context.Cause(ctx)
}

// ensureSharedTries is how often to try to make what jobs share.
const ensureSharedTries = 100

// ensureShared makes what the jobs of a batch share before any of them is prepared: they
// would wait for the one that makes it by other means than the clock.
func (d *accountLoop) ensureShared(ctx context.Context, sim *clock.Simulation) (err error) {
	if err := d.read(ctx, d.now()); err != nil {
		return err
	}
	for _, b := range d.batches {
		if b.Recipe == nil {
			continue
		}
		done := false
		sim.Go(func() {
			for range ensureSharedTries {
				if _, err = d.worker.provisioner.EnsureShared(ctx, &b.Batch); err == nil || sim.Sleep(ctx, changePoll) != nil {
					break
				}
			}
			done = true
		})
		for !done {
			sim.Step(d.now().Add(changePoll))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// idle reports whether there is nothing left to do, and nothing to come.
func (d *accountLoop) idle() bool {
	return d.reconciled && len(d.tracked) == 0 && len(d.nextJobs) == 0 && d.nextDueTime.IsZero() && d.outdated == outdated{}
}

package dispatcher

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/internal/clock"
)

// Simulate does in simulated time what [Dispatcher.Run] does, for one account. It returns when
// all of the account's jobs have ended, or when ctx ends. One clock must tell the time to
// Config.Clock, the client's governor, and the platform, which must be a simulator that is
// called in the caller's goroutine. The calls under way when ctx ends are left to
// [clock.Simulation.Close].
//
// The loop, its decisions and its calls are those of Run. No wakeup comes from outside: all jobs
// must be in the job table before.
func (d *Dispatcher) Simulate(ctx context.Context, sim *clock.Simulation) error {
	if len(d.loops) != 1 {
		return fmt.Errorf("simulate %d accounts: want one", len(d.loops))
	}
	for _, l := range d.loops {
		if err := l.simulate(ctx, sim); err != nil {
			return fmt.Errorf("account %s: %w", l.accountID, err)
		}
	}
	return nil
}

func (l *accountLoop) simulate(ctx context.Context, sim *clock.Simulation) error {
	var results []func()
	l.tasks.run = func(work func() (apply func())) {
		sim.Go(func() { results = append(results, work()) })
	}
	if err := l.load(ctx); err != nil {
		return err
	}
	if err := l.ensureShared(ctx, sim); err != nil {
		return err
	}
	for ctx.Err() == nil && !l.isIdle() {
		wake, err := l.decideOnce(ctx)
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

// ensureSharedTries is how often to try to create the resources that jobs share.
const ensureSharedTries = 100

// ensureShared creates the resources that the jobs of a batch share before any job is configured:
// later, jobs would wait for each other's request, and the simulated clock does not see such
// waits.
func (l *accountLoop) ensureShared(ctx context.Context, sim *clock.Simulation) (err error) {
	if err := l.read(ctx, l.now()); err != nil {
		return err
	}
	for _, b := range l.jobs.batches {
		if b.Recipe == nil {
			continue
		}
		done := false
		sim.Go(func() {
			for range ensureSharedTries {
				if err = l.worker.ensureShared(ctx, b); err == nil || sim.Sleep(ctx, changePoll) != nil {
					break
				}
			}
			done = true
		})
		for !done {
			sim.Step(l.now().Add(changePoll))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isIdle reports whether the account has been reconciled, no job is tracked, due or backed off,
// and nothing has to be read again.
func (l *accountLoop) isIdle() bool {
	return l.reconciliation.done && len(l.jobs.tracked) == 0 && l.line.count() == 0 && l.nextDueTime.IsZero() && l.outdated.isEmpty()
}

package dispatcher

import (
	"context"
	"errors"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// withdrawnError is why a start that was recorded is not made: what it rested on has
// changed while it waited for its turn.
type withdrawnError struct{ reason string }

func (e withdrawnError) Error() string { return "withdrawn while it waited for its turn: " + e.reason }

// startPermit is the right to make a start that has been recorded. A start waits for the
// budget of its key, for a minute when the platform throttles, and meanwhile its job can
// be cancelled, its batch or account paused, or the dispatcher stopped. So the client
// asks when the call is about to leave, and the job table has the last word.
func (w *worker) startPermit(ctx context.Context, intent job.Job) bitmovin.Permit {
	return func() error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		j, err := w.store.Job(ctx, intent.ID)
		if err != nil {
			return err
		}
		if j.State != job.Starting || j.Step != job.StepStart || j.Attempt != intent.Attempt {
			return withdrawnError{"the job is " + string(j.State)}
		}
		b, err := w.store.Batch(ctx, intent.ID.Batch)
		if err != nil {
			return err
		}
		if !b.State.Dispatches() {
			return withdrawnError{"the batch is " + string(b.State)}
		}
		account, err := w.store.AccountSettings(ctx, w.account.ID)
		if err != nil {
			return err
		}
		if account.Paused {
			return withdrawnError{"the account is paused"}
		}
		return w.checkDailyStarts(ctx)
	}
}

// notPermitted reports whether a start was not made because its permit was refused, and why.
func notPermitted(err error) (reason string, yes bool) {
	if !errors.Is(err, bitmovin.ErrNotPermitted) || bitmovin.Ambiguous(err) {
		return "", false
	}
	if withdrawn, ok := errors.AsType[withdrawnError](err); ok {
		return withdrawn.Error(), true
	}
	return err.Error(), true
}

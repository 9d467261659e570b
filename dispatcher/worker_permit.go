package dispatcher

import (
	"context"
	"errors"
	"fmt"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// withdrawnError is why a recorded start is not made: job, batch or account do not allow it any
// more.
type withdrawnError struct{ reason string }

func (e withdrawnError) Error() string {
	return "withdrawn while the start waited for the rate limit: " + e.reason
}

// startPermit is the permit of a recorded start. A start waits for the budget of its API key, up to
// a minute and more when the platform throttles. Meanwhile its job can be cancelled, its batch or
// account paused, the dispatcher stopped, or a job of higher priority can become ready. So the
// client asks for the permit when the call is about to be sent, and the job table decides. The
// start counts as sent once it has been permitted.
func (w *worker) startPermit(ctx context.Context, t trackedJob) bitmovin.Permit {
	return func() error {
		if t.sent.Load() { // the client asks again when it has a connection
			return w.checkIntent(ctx, t.job)
		}
		if u := w.urgent.Load(); u != nil && t.batch.Priority < u.above(t.batch.Template != nil) {
			return withdrawnError{"a job of higher priority is started first"}
		}
		err := w.checkIntent(ctx, t.job)
		if err == nil {
			t.sent.Store(true)
		}
		return err
	}
}

// checkIntent returns an error if a start that has been recorded must not be made any more.
func (w *worker) checkIntent(ctx context.Context, intent job.Job) error {
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
	if err := w.checkDailyStarts(ctx, b.CreatedBy); err != nil {
		return err
	}
	return w.store.Trusted() // last: what was read may have taken long
}

// checkDailyStarts returns an error if a start that has been recorded exceeds the account's limit of starts a day,
// or that of the principal that submitted the batch. Of starts on several accounts that use up a principal's last
// one at the same moment, all may be withdrawn: one of them is made by a later decision.
func (w *worker) checkDailyStarts(ctx context.Context, principal string) error {
	if limit := w.account.MaxStartsPerDay; limit > 0 {
		starts, err := w.store.DailyStarts(ctx, w.account.ID, w.now())
		if err != nil {
			return err
		}
		if starts.Counted() > limit {
			return withdrawnError{fmt.Sprintf("the account has made the %d starts that it may make in a day", limit)}
		}
	}
	if w.maxStartsOf == nil {
		return nil
	}
	limit := w.maxStartsOf(principal)
	if limit == 0 {
		return nil
	}
	starts, err := w.store.PrincipalStarts(ctx, principal, w.now())
	if err != nil {
		return err
	}
	if starts.Counted() > limit {
		return withdrawnError{fmt.Sprintf("%s has made the %d starts that it may make in a day", principal, limit)}
	}
	return nil
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

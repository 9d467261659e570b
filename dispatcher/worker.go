package dispatcher

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// worker makes the calls of one account and records their results in the job table. Its methods
// run in the goroutines of tasks, side by side. It has nothing of the loop's state: every field
// either never changes once the loop runs or is safe for concurrent use.
type worker struct {
	account Account
	store   Store
	log     *slog.Logger
	clock   clock.Clock
	settle  time.Duration
	// takenOver says that another process may have driven the account before, and loadTime is when the job table was
	// read then. Both are set before the loop runs.
	takenOver bool
	loadTime  time.Time
	traces    taskTraces
	// maxStartsOf is [Config.MaxStartsOf].
	maxStartsOf func(principal string) int

	// urgent is the highest priority of a job that waits to be started, as the loop decided last.
	urgent atomic.Pointer[urgency]

	provisioner *provision.Provisioner
	encodings   *encodingList
	startLookup startLookup
	// loadsDefinitions says that the platform's definitions of errors are fetched. It is set
	// before the loop runs.
	loadsDefinitions bool
	// restartsRefused says that the platform refuses to start an encoding again that has run.
	// Each process learns that anew, at the cost of one refused call.
	restartsRefused atomic.Bool
	// underConfiguration has the ids of the encodings that are being configured. The job table
	// has such an id only once its encoding is configured.
	underConfiguration sync.Map
	// unrecorded has, by job, the id of an encoding that was configured while the job table did not answer. It is removed
	// when the job is configured again, which is long before a sweep would find it.
	unrecorded sync.Map
	duplicates *duplicateAttempts
}

func newWorker(c Config, a Account, log *slog.Logger) *worker {
	return &worker{
		account: a, store: c.Store, log: log, clock: c.Clock, settle: cmp.Or(c.Settle, a.Client.Timeout()+settleMargin), traces: taskTraces{c.Tracer}, maxStartsOf: c.MaxStartsOf,
		duplicates:  c.duplicates,
		provisioner: provision.New(c.provision(a, log)),
		encodings:   newEncodingList(c.Store, a, c.Clock, log),
	}
}

// provision is what the account's provisioner works with.
func (c Config) provision(a Account, log *slog.Logger) provision.Config {
	return provision.Config{
		Logger: log, AccountID: a.ID, Platform: a.Client, Store: c.Store, Sources: c.Sources, Clock: c.Clock,
	}
}

// settleOf is the settle time of a template's start.
func settleOf(w *worker, j *job.Job) time.Duration {
	if w.takenOver && !j.StepTime.After(w.loadTime) {
		return max(w.settle, templateSettle)
	}
	return w.settle
}

// now is the present by the dispatcher's clock.
func (w *worker) now() time.Time { return w.clock.Now() }

// readBudget tells how many calls of a class may leave.
func (w *worker) readBudget(class bitmovin.Class) bitmovin.Budget {
	return w.account.Client.RateGovernor().ReadBudget(class)
}

// claimBudget is readBudget for calls that are made if they may leave now: the accounts of one key take turns.
func (w *worker) claimBudget(class bitmovin.Class, wanted bool) bitmovin.Budget {
	if !wanted {
		return w.readBudget(class)
	}
	return w.account.Client.ReadBudget(class)
}

// ping makes the platform's cheapest call, to see whether it answers.
func (w *worker) ping(ctx context.Context) error { return w.account.Client.Ping(ctx) }

// updateJob changes a job. What has happened at the platform is recorded even if ctx has ended
// meanwhile.
func (w *worker) updateJob(ctx context.Context, id job.ID, f func(*job.Update) error) (job.Job, error) {
	return w.store.UpdateJob(context.WithoutCancel(ctx), id, w.now(), f)
}

// rulesFor are a batch's rules for one change of a job, with what the worker has learnt about
// restarts.
func (w *worker) rulesFor(b *batch, settle time.Duration) job.Rules {
	r := b.rules(settle)
	r.FreshEncoding = w.restartsRefused.Load()
	return r
}

// errOtherObject is the error of an answer about another encoding of ours than was asked for.
var errOtherObject = errors.New("the platform answered about another encoding of ours")

// belongsToJob reports whether an encoding belongs, or belonged, to a job. If the job table
// cannot tell, nothing can be recorded of the encoding either.
func (w *worker) belongsToJob(ctx context.Context, encoding string) bool {
	known, err := w.store.EncodingJobs(ctx, w.account.ID, []string{encoding})
	return err == nil && len(known) > 0
}

// loadDefinitions fetches the platform's definitions of errors.
func (w *worker) loadDefinitions(ctx context.Context) {
	if err := w.account.Client.LoadDefinitions(ctx); err != nil && ctx.Err() == nil {
		w.log.Info("the platform's definitions of errors cannot be fetched", "err", err)
	}
}

// completeError adds to the error of a failed run the retry hint of the platform's definitions if
// it has none. The hint decides whether the job is retried, so completeError waits for them.
func (w *worker) completeError(ctx context.Context, t *bitmovin.Task) {
	if w.loadsDefinitions && t.Error != nil && t.Error.RetryHint == "" {
		w.loadDefinitions(ctx)
		w.account.Client.Explain(t)
	}
}

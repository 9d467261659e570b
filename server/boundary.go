package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/job"
)

// boundary is the job table as the caller of a method may see and change it. Every handler goes through it, and
// there is no other way to the job table: a batch of an account that the caller is bound away from does not
// exist, in lists, watches, selections and repeats of submissions alike. In a call that is allowed for the
// caller's own batches alone, those of others are [errNotOwn] or, in lists, left out.
//
// A method that the job table gets has to be written here before a handler can use it.
type boundary struct {
	store  Store
	owners owners
	// submittersUseKey lets submitters use what the API key may use, and not only what the catalog names.
	submittersUseKey bool
}

func newBoundary(s Store, submittersUseKey bool) *boundary {
	return &boundary{store: s, owners: owners{known: map[string]owner{}}, submittersUseKey: submittersUseKey}
}

// checkKeyUse refuses what can reach everything that the API key reaches, whatever the catalog names, unless
// the caller may do so: templates that come with a submission, and ids of inputs and outputs at the platform.
func (b *boundary) checkKeyUse(ctx context.Context, what string, asked bool) error {
	p := grantOf(ctx).principal
	if !asked || p.Role >= access.Operator || b.submittersUseKey {
		return nil
	}
	return &roleError{principal: p, needed: access.Operator, what: what}
}

// checkSubmissionKeyUse is checkKeyUse for what a submission asks for, before anything else of it is checked.
func (b *boundary) checkSubmissionKeyUse(ctx context.Context, req *stokerv1.SubmitBatchRequest) error {
	return errors.Join(
		b.checkKeyUse(ctx, "inline_template", req.GetInlineTemplate() != nil),
		b.checkKeyUse(ctx, "input_id", req.GetInputId() != ""),
		b.checkKeyUse(ctx, "output_id", req.GetOutputId() != ""),
	)
}

// checkBatchKeyUse is checkKeyUse for what a batch uses.
func (b *boundary) checkBatchKeyUse(ctx context.Context, batch *job.Batch) error {
	return errors.Join(
		b.checkKeyUse(ctx, "inline_template", batch.Template != nil && batch.Template.Name == ""),
		b.checkKeyUse(ctx, "input_id", batch.Input.ID != ""),
		b.checkKeyUse(ctx, "output_id", batch.Output.ID != ""),
	)
}

// errNotOwn is the error of a change of somebody else's batch.
var errNotOwn = errors.New("somebody else submitted the batch")

// owner is what of a batch never changes.
type owner struct{ account, createdBy string }

// allows says whether a call may be about a batch of an owner.
func (g *grant) allows(id string, o owner) error {
	switch {
	case !g.principal.MayUse(o.account):
		return fmt.Errorf("batch %s: %w", id, job.ErrNotFound)
	case g.ownOnly && o.createdBy != g.principal.Name:
		return errNotOwn
	}
	return nil
}

// limited reports whether there are batches that the call may not be about.
func (g *grant) limited() bool { return g.ownOnly || g.principal.Bound() }

// within returns those of the accounts that the caller may use; nil stands for all accounts. ok is false if there
// are none.
func (g *grant) within(accounts []string) (list []string, ok bool) {
	if !g.principal.Bound() {
		return accounts, true
	}
	list = g.principal.Accounts
	if len(accounts) > 0 {
		list = slices.DeleteFunc(slices.Clone(accounts), func(a string) bool { return !g.principal.MayUse(a) })
	}
	return list, len(list) > 0
}

// scopeKey is equal for callers that see the same batches in lists.
func (g *grant) scopeKey() string {
	if !g.limited() {
		return ""
	}
	key := strings.Join(g.principal.Accounts, "\x00")
	if g.ownOnly {
		key += "\x00\x00" + g.principal.Name
	}
	return key
}

// withGrant returns the context of work that is done for all callers with a grant, after their calls have
// ended if need be.
func withGrant(ctx context.Context, g grant) context.Context {
	return context.WithValue(ctx, callKey{}, &call{grant: g})
}

// maxOwners is how many owners are kept.
const maxOwners = 10_000

// owners keeps the owners of batches, so that a call about a job need not read its batch for that.
type owners struct {
	mu    sync.Mutex
	known map[string]owner // by batch id
}

func (o *owners) get(id string) (owner, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	found, ok := o.known[id]
	return found, ok
}

func (o *owners) set(id string, of owner) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.known) >= maxOwners {
		clear(o.known)
	}
	o.known[id] = of
}

// check returns an error unless the call may be about the batch with an id.
func (b *boundary) check(ctx context.Context, id string) error {
	g := grantOf(ctx)
	if !g.limited() {
		return nil
	}
	if o, ok := b.owners.get(id); ok {
		return g.allows(id, o)
	}
	_, err := b.Batch(ctx, id)
	return err
}

// checkBatch is check for a batch that was read.
func (b *boundary) checkBatch(ctx context.Context, batch *job.Batch) error {
	g := grantOf(ctx)
	if !g.limited() {
		return nil
	}
	o := owner{batch.AccountID, batch.CreatedBy}
	b.owners.set(batch.ID, o)
	return g.allows(batch.ID, o)
}

// Batches.

// History concerns everybody.
func (b *boundary) History() string { return b.store.History() }

func (b *boundary) Batch(ctx context.Context, id string) (job.Batch, error) {
	batch, err := b.store.Batch(ctx, id)
	if err == nil {
		err = b.checkBatch(ctx, &batch)
	}
	if err != nil {
		return job.Batch{}, err
	}
	return batch, nil
}

// FindJobs finds jobs in the batches that the caller may read.
func (b *boundary) FindJobs(ctx context.Context, search job.Search, page job.SearchPage) (job.FoundJobs, error) {
	g, ok := grantOf(ctx), false
	if g.ownOnly {
		return job.FoundJobs{}, errNotOwn // no method that is allowed for own batches alone searches
	}
	if search.Accounts, ok = g.within(search.Accounts); !ok {
		return job.FoundJobs{}, nil
	}
	return b.store.FindJobs(ctx, search, page)
}

// BatchesBySeq leaves out batches that the caller may not read.
func (b *boundary) BatchesBySeq(ctx context.Context, seqs []int64) ([]job.Batch, error) {
	list, err := b.store.BatchesBySeq(ctx, seqs)
	p := grantOf(ctx).principal
	return slices.DeleteFunc(list, func(batch job.Batch) bool { return !p.MayUse(batch.AccountID) }), err
}

func (b *boundary) Batches(ctx context.Context, f job.BatchFilter) ([]job.Batch, error) {
	if !grantOf(ctx).narrow(&f) {
		return nil, nil
	}
	return b.store.Batches(ctx, f)
}

func (b *boundary) CountBatches(ctx context.Context, f job.BatchFilter) (int64, error) {
	if !grantOf(ctx).narrow(&f) {
		return 0, nil
	}
	return b.store.CountBatches(ctx, f)
}

// narrow makes a filter choose only batches that the call may be about. ok is false if there are none.
func (g *grant) narrow(f *job.BatchFilter) (ok bool) {
	if g.ownOnly {
		if f.CreatedBy != "" && f.CreatedBy != g.principal.Name {
			return false
		}
		f.CreatedBy = g.principal.Name
	}
	f.Accounts, ok = g.within(f.Accounts)
	return ok
}

// Submit notes who submits the batch.
func (b *boundary) Submit(ctx context.Context, s job.Submission, now time.Time) (job.Batch, bool, error) {
	if err := errors.Join(b.checkAccount(ctx, s.Batch.AccountID), b.checkBatchKeyUse(ctx, &s.Batch)); err != nil {
		return job.Batch{}, false, err
	}
	s.Batch.CreatedBy = grantOf(ctx).principal.Name
	access.RecordOf(ctx).Describe(s.Batch.ID, "")
	return b.store.Submit(ctx, s, now)
}

// BatchByRequestID looks among the submissions of the caller, and among those from before callers were asked that belong
// to an account that it may use.
func (b *boundary) BatchByRequestID(ctx context.Context, key job.RequestKey) (job.Batch, error) {
	p := grantOf(ctx).principal
	if key.CreatedBy = p.Name; !p.MayUse(key.AccountID) {
		key.AccountID = ""
	}
	batch, err := b.store.BatchByRequestID(ctx, key)
	if err != nil {
		return job.Batch{}, err
	}
	access.RecordOf(ctx).Describe(batch.ID, "")
	return batch, b.checkBatch(ctx, &batch)
}

func (b *boundary) CountSucceeded(ctx context.Context, batch job.Batch, jobs []job.Spec) (int64, error) {
	if err := b.checkAccount(ctx, batch.AccountID); err != nil {
		return 0, err
	}
	return b.store.CountSucceeded(ctx, batch, jobs)
}

func (b *boundary) AddJobs(ctx context.Context, id string, jobs []job.Spec, now time.Time) (batch job.Batch, added, duplicates int64, err error) {
	if err := b.check(ctx, id); err != nil {
		return job.Batch{}, 0, 0, err
	}
	return b.store.AddJobs(ctx, id, jobs, now)
}

func (b *boundary) UpdateBatch(ctx context.Context, id string, now time.Time, f func(*job.Batch) error) (job.Batch, error) {
	record := access.RecordOf(ctx)
	return b.store.UpdateBatch(ctx, id, now, func(batch *job.Batch) error {
		if err := b.checkBatch(ctx, batch); err != nil {
			return err
		}
		before := *batch
		before.Labels = maps.Clone(batch.Labels)
		if err := f(batch); err != nil {
			return err
		}
		record.Describe("", batchDifference(&before, batch))
		return nil
	})
}

func (b *boundary) DeleteBatch(ctx context.Context, id string, now time.Time) error {
	if err := b.check(ctx, id); err != nil {
		return err
	}
	return b.store.DeleteBatch(ctx, id, now)
}

// Jobs.

func (b *boundary) Job(ctx context.Context, id job.ID) (job.Job, error) {
	if err := b.check(ctx, id.Batch); err != nil {
		return job.Job{}, err
	}
	return b.store.Job(ctx, id)
}

func (b *boundary) Attempts(ctx context.Context, id job.ID) ([]job.Attempt, error) {
	if err := b.check(ctx, id.Batch); err != nil {
		return nil, err
	}
	return b.store.Attempts(ctx, id)
}

func (b *boundary) Events(ctx context.Context, id job.ID) ([]job.Event, error) {
	if err := b.check(ctx, id.Batch); err != nil {
		return nil, err
	}
	return b.store.Events(ctx, id)
}

func (b *boundary) Jobs(ctx context.Context, f job.Filter) ([]job.Job, error) {
	if err := b.check(ctx, f.BatchID); err != nil {
		return nil, err
	}
	return b.store.Jobs(ctx, f)
}

func (b *boundary) UpdateJob(ctx context.Context, id job.ID, now time.Time, f func(*job.Update) error) (job.Job, error) {
	if err := b.check(ctx, id.Batch); err != nil {
		return job.Job{}, err
	}
	return b.store.UpdateJob(ctx, id, now, f)
}

func (b *boundary) Changes(ctx context.Context, id string, after int64, limit int, states ...job.State) (job.Batch, []job.Job, error) {
	batch, jobs, err := b.store.Changes(ctx, id, after, limit, states...)
	if err == nil {
		err = b.checkBatch(ctx, &batch)
	}
	if err != nil {
		return job.Batch{}, nil, err
	}
	return batch, jobs, nil
}

// Selections.

func (b *boundary) SelectJobNumbers(ctx context.Context, sel job.Selection, after int64, limit int) ([]int64, error) {
	if err := b.check(ctx, sel.BatchID); err != nil {
		return nil, err
	}
	return b.store.SelectJobNumbers(ctx, sel, after, limit)
}

func (b *boundary) CountSelectedJobs(ctx context.Context, sel job.Selection) (job.Counts, error) {
	if err := b.check(ctx, sel.BatchID); err != nil {
		return job.Counts{}, err
	}
	return b.store.CountSelectedJobs(ctx, sel)
}

func (b *boundary) UpdateJobsByNumber(ctx context.Context, id string, numbers []int64, now time.Time, f func(*job.Update) error) (int64, error) {
	if err := b.check(ctx, id); err != nil {
		return 0, err
	}
	return b.store.UpdateJobsByNumber(ctx, id, numbers, now, f)
}

func (b *boundary) FailureCauses(ctx context.Context, id string, limit int) ([]job.Cause, error) {
	if err := b.check(ctx, id); err != nil {
		return nil, err
	}
	return b.store.FailureCauses(ctx, id, limit)
}

func (b *boundary) CountCauses(ctx context.Context, id string, causes []string) (map[string]int64, error) {
	if err := b.check(ctx, id); err != nil {
		return nil, err
	}
	return b.store.CountCauses(ctx, id, causes)
}

// FindCauses counts causes in the batches that the caller may read.
func (b *boundary) FindCauses(ctx context.Context, search job.Search, limit int) ([]job.Cause, int64, error) {
	g, ok := grantOf(ctx), false
	if g.ownOnly {
		return nil, 0, errNotOwn // no method that is allowed for own batches alone searches
	}
	if search.Accounts, ok = g.within(search.Accounts); !ok {
		return nil, 0, nil
	}
	return b.store.FindCauses(ctx, search, limit)
}

// Lines. They are read to render batches and jobs that the caller has been allowed to read.

func (b *boundary) NextJobOfBatch(ctx context.Context, seq int64, now time.Time) (job.Job, error) {
	return b.store.NextJobOfBatch(ctx, seq, now)
}

func (b *boundary) JobRanks(ctx context.Context, seq int64, now time.Time, numbers []int64) ([]int64, error) {
	return b.store.JobRanks(ctx, seq, now, numbers)
}

func (b *boundary) RecentRuns(ctx context.Context, id string, running, ended int) ([]job.Run, error) {
	return b.store.RecentRuns(ctx, id, running, ended)
}

// NextJobs returns the next jobs of an account that the caller may use.
func (b *boundary) NextJobs(ctx context.Context, accountID string, now time.Time, limit int, except job.Except) ([]job.Job, error) {
	if err := b.checkAccount(ctx, accountID); err != nil {
		return nil, err
	}
	return b.store.NextJobs(ctx, accountID, now, limit, except)
}

// CountWaiting counts the waiting jobs of the accounts that the caller may use.
func (b *boundary) CountWaiting(ctx context.Context, paused bool) (map[string]int64, error) {
	counts, err := b.store.CountWaiting(ctx, paused)
	p := grantOf(ctx).principal
	maps.DeleteFunc(counts, func(account string, _ int64) bool { return !p.MayUse(account) })
	return counts, err
}

// Accounts.

// checkAccount returns an error unless the call may be about an account.
func (b *boundary) checkAccount(ctx context.Context, id string) error {
	if grantOf(ctx).principal.MayUse(id) {
		return nil
	}
	return fmt.Errorf("account %q: %w", id, job.ErrNotFound)
}

func (b *boundary) AccountStatus(ctx context.Context, id string) (job.AccountStatus, bool) {
	if b.checkAccount(ctx, id) != nil {
		return job.AccountStatus{}, false
	}
	return b.store.AccountStatus(id)
}

func (b *boundary) AccountHistory(ctx context.Context, id string, since time.Time, step time.Duration) (job.AccountHistory, bool) {
	if b.checkAccount(ctx, id) != nil {
		return job.AccountHistory{}, false
	}
	return b.store.AccountHistory(id, since, step)
}

func (b *boundary) AccountStatuses(ctx context.Context) []job.AccountStatus {
	p := grantOf(ctx).principal
	list := b.store.AccountStatuses()
	if !p.Bound() {
		return list
	}
	var within []job.AccountStatus
	for _, a := range list {
		if p.MayUse(a.ID) {
			within = append(within, a)
		}
	}
	return within
}

// Replicas leaves out what is about accounts that the caller may not use.
func (b *boundary) Replicas(ctx context.Context) ([]job.Replica, error) {
	list, err := b.store.Replicas(ctx)
	p := grantOf(ctx).principal
	if err != nil || !p.Bound() {
		return list, err
	}
	for i := range list {
		list[i].Terms = slices.DeleteFunc(list[i].Terms, func(t job.ReplicaTerm) bool { return !p.MayUse(t.AccountID) })
	}
	return list, nil
}

func (b *boundary) UpdateAccountSettings(ctx context.Context, id string, now time.Time, f func(*job.AccountSettings) error) (job.AccountSettings, error) {
	if err := b.checkAccount(ctx, id); err != nil {
		return job.AccountSettings{}, err
	}
	record := access.RecordOf(ctx)
	return b.store.UpdateAccountSettings(ctx, id, now, func(a *job.AccountSettings) error {
		before := *a
		if err := f(a); err != nil {
			return err
		}
		record.Describe("", settingsDifference(before, *a))
		return nil
	})
}

func (b *boundary) ForgiveStarts(ctx context.Context, id string, now time.Time) error {
	if err := b.checkAccount(ctx, id); err != nil {
		return err
	}
	return b.store.ForgiveStarts(ctx, id, now)
}

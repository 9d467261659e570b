package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// bulkChunk is how many jobs one transaction changes. Other writers run between two chunks.
const bulkChunk = 1_000

// CancelJobs requests the end of the jobs that the request selects, or only says which these are.
func (s *Server) CancelJobs(ctx context.Context, req *stokerv1.CancelJobsRequest) (*stokerv1.CancelJobsResponse, error) {
	var found findings
	found.checkScope(req)
	ids := found.checkJobIDs(req)
	if err := found.err(); err != nil {
		return nil, err
	}
	now := time.Now()
	var done bulkOutcome
	var err error
	if len(ids) > 0 {
		done, err = s.bulk().cancelByID(ctx, ids, req, now)
	} else {
		done, err = s.bulk().cancelByFilter(ctx, req, now)
	}
	if err != nil {
		return nil, fmt.Errorf("cancel jobs: %w", err)
	}
	m, err := s.renderCurrent(ctx, req.GetBatchId())
	if err != nil {
		return nil, err
	}
	return &stokerv1.CancelJobsResponse{Count: done.jobs, BatchCount: done.batches, Batch: m, Counts: done.countsMessage()}, nil
}

// bulkChanger changes many jobs or batches, one batch after the other.
type bulkChanger struct {
	store *boundary
	hub   *hub // its watchers are told of deleted batches
}

func (s *Server) bulk() bulkChanger { return bulkChanger{s.store, s.hub} }

// cancellable are the states in which a job can be cancelled.
func cancellable() []job.State {
	return []job.State{job.Waiting, job.Starting, job.Queued, job.Running}
}

// cancelByID cancels jobs that the request names, or only counts them. Jobs that have ended, or are being
// cancelled, stay as they are.
func (s bulkChanger) cancelByID(ctx context.Context, ids []job.ID, req *stokerv1.CancelJobsRequest, now time.Time) (done bulkOutcome, err error) {
	counted, err := s.countByID(ctx, ids)
	if err != nil || req.GetValidateOnly() {
		return counted, err
	}
	for batch, numbers := range numbersByBatch(ids) {
		n, err := s.store.UpdateJobsByNumber(ctx, batch, numbers, now, func(u *job.Update) error {
			if !slices.Contains(cancellable(), u.Job.State) {
				return nil
			}
			return u.Cancel(req.GetReason(), now)
		})
		if err != nil {
			return done, err
		}
		done.add(n)
	}
	return done, nil
}

// countByID counts jobs by state, those of them that can be cancelled, and the batches of the latter. A job that
// does not exist is a violation.
func (s bulkChanger) countByID(ctx context.Context, ids []job.ID) (counted bulkOutcome, err error) {
	counted.counts = &job.Counts{}
	inBatch := map[string]int64{}
	for _, id := range ids {
		j, err := s.store.Job(ctx, id)
		if errors.Is(err, job.ErrNotFound) {
			return counted, invalid("job_ids", fmt.Sprintf("there is no job %q", id))
		}
		if err != nil {
			return counted, fmt.Errorf("read job: %w", err)
		}
		*counted.counts.Of(j.State)++
		if slices.Contains(cancellable(), j.State) {
			inBatch[id.Batch]++
		}
	}
	for _, n := range inBatch {
		counted.add(n)
	}
	return counted, nil
}

// numbersByBatch returns the numbers of jobs by the ids of their batches.
func numbersByBatch(ids []job.ID) map[string][]int64 {
	numbers := map[string][]int64{}
	for _, id := range ids {
		numbers[id.Batch] = append(numbers[id.Batch], id.Number)
	}
	return numbers
}

// cancelByFilter cancels the jobs that filters select, or only counts them and those that they would select in
// any state.
func (s bulkChanger) cancelByFilter(ctx context.Context, req *stokerv1.CancelJobsRequest, now time.Time) (bulkOutcome, error) {
	states := cancellable()
	if len(req.GetStates()) > 0 {
		states = jobStates(req.GetStates())
	}
	counted := states
	if req.GetValidateOnly() {
		counted = append(slices.Clone(states), job.Cancelling, job.Succeeded, job.Failed, job.Cancelled)
	}
	sels, err := s.selections(ctx, req, counted)
	if err != nil {
		return bulkOutcome{}, err
	}
	if req.GetValidateOnly() {
		return s.countSelected(ctx, sels, states)
	}
	return s.updateSelected(ctx, sels, now, func(u *job.Update) error { return u.Cancel(req.GetReason(), now) })
}

// bulkOutcome is what a call did to many jobs, or would do.
type bulkOutcome struct {
	jobs, batches int64
	counts        *job.Counts // of the jobs by state, if they were only counted
}

// add adds jobs of a batch.
func (o *bulkOutcome) add(jobs int64) {
	if o.jobs += jobs; jobs > 0 {
		o.batches++
	}
}

func (o *bulkOutcome) countsMessage() *stokerv1.JobCounts {
	if o.counts == nil {
		return nil
	}
	return countsMessage(*o.counts)
}

// selector is a request that selects jobs by filters or by id: in one batch, in all batches with some labels or
// of some accounts, or in all.
type selector interface {
	GetBatchId() string
	GetJobIds() []string
	GetLabels() map[string]string
	GetAccounts() []string
	GetAll() bool
	GetStates() []stokerv1.JobState
	GetKeyPrefix() string
	GetText() string
	GetFailureKinds() []stokerv1.FailureKind
	GetCategories() []string
	GetCauses() []string
}

// checkScope checks that req says in one way which jobs it means. Without that it would mean every job.
func (f *findings) checkScope(req selector) {
	f.checkText("text", req.GetText())
	byBatches := len(req.GetLabels())+len(req.GetAccounts()) > 0
	ways := 0
	for _, given := range []bool{req.GetBatchId() != "" && len(req.GetJobIds()) == 0, len(req.GetJobIds()) > 0, byBatches, req.GetAll()} {
		if given {
			ways++
		}
	}
	switch {
	case ways == 0:
		f.add("batch_id", "say which jobs: those of a batch by batch_id, some by job_ids, those of many batches by labels or accounts; or set all to mean those of every batch")
	case ways > 1:
		f.add("batch_id", "give exactly one of batch_id, job_ids, all, and labels or accounts")
	}
	filters := len(req.GetStates()) + len(req.GetFailureKinds()) + len(req.GetCategories()) + len(req.GetKeyPrefix()) + len(req.GetCauses()) + len(req.GetText())
	if len(req.GetJobIds()) > 0 && filters > 0 {
		f.add("job_ids", "exclude states, failure_kinds, categories, key_prefix, causes and text")
	}
}

// checkJobIDs returns the jobs that req names, each once.
func (f *findings) checkJobIDs(req selector) (ids []job.ID) {
	seen := make(map[job.ID]bool, len(req.GetJobIds()))
	for i, text := range req.GetJobIds() {
		field := fmt.Sprintf("job_ids[%d]", i)
		id, err := job.ParseID(text)
		switch {
		case err != nil:
			f.add(field, "%s", err)
		case req.GetBatchId() != "" && id.Batch != req.GetBatchId():
			f.add(field, "%q is a job of another batch", text)
		case !seen[id]:
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

// selections returns a selection of jobs in some states for each batch of req. With causes, batches that have
// none of them are left out; a cause that no batch has is a violation.
func (s bulkChanger) selections(ctx context.Context, req selector, states []job.State) ([]job.Selection, error) {
	batches, err := s.batchesInScope(ctx, req, states)
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(req.GetCauses())) // causes that some batch has
	var sels []job.Selection
	for _, id := range batches {
		sel := job.Selection{
			BatchID: id, States: states, KeyPrefix: req.GetKeyPrefix(), Text: req.GetText(),
			FailureKinds: mapSlice(req.GetFailureKinds(), failureKind), Categories: req.GetCategories(),
		}
		if len(req.GetCauses()) > 0 {
			counts, err := s.store.CountCauses(ctx, id, req.GetCauses())
			if err != nil {
				return nil, fmt.Errorf("look up causes: %w", err)
			}
			sel.Causes = slices.Sorted(maps.Keys(counts))
			if len(sel.Causes) == 0 {
				continue
			}
			for _, cause := range sel.Causes {
				known[cause] = true
			}
		}
		sels = append(sels, sel)
	}
	var found findings
	for i, cause := range req.GetCauses() {
		if !known[cause] {
			found.add(fmt.Sprintf("causes[%d]", i), "no FAILED job has the cause %q; ListFailures lists the causes in a batch", cause)
		}
	}
	return sels, found.err()
}

// batchesInScope returns the ids of the batches of req, the oldest first. If req does not name the batch, those
// without a job in one of the states are left out.
func (s bulkChanger) batchesInScope(ctx context.Context, req selector, states []job.State) ([]string, error) {
	if id := req.GetBatchId(); id != "" {
		if _, err := s.store.Batch(ctx, id); err != nil {
			return nil, fmt.Errorf("read batch: %w", err)
		}
		return []string{id}, nil
	}
	var ids []string
	err := s.eachBatch(ctx, job.BatchFilter{Labels: req.GetLabels(), Accounts: req.GetAccounts()}, func(b job.Batch) error {
		in := b.Counts.In(states)
		if in.Total() > 0 {
			ids = append(ids, b.ID)
		}
		return nil
	})
	slices.Reverse(ids)
	return ids, err
}

// batchesPage is how many batches are read at a time.
const batchesPage = 200

// eachBatch calls f with every batch that a filter chooses, the newest first.
func (s bulkChanger) eachBatch(ctx context.Context, filter job.BatchFilter, f func(job.Batch) error) error {
	for filter.Limit = batchesPage; ; {
		page, err := s.store.Batches(ctx, filter)
		if err != nil {
			return fmt.Errorf("list batches: %w", err)
		}
		for _, b := range page {
			if err := f(b); err != nil {
				return err
			}
		}
		if len(page) < batchesPage {
			return nil
		}
		filter.BeforeSeq = page[len(page)-1].Seq
	}
}

// countSelected counts the selected jobs by state. Only those in one of the states would be changed.
func (s bulkChanger) countSelected(ctx context.Context, sels []job.Selection, states []job.State) (bulkOutcome, error) {
	done := bulkOutcome{counts: &job.Counts{}}
	for _, sel := range sels {
		counts, err := s.countSelection(ctx, sel)
		if errors.Is(err, job.ErrNotFound) && len(sels) > 1 {
			continue // the batch was deleted meanwhile
		}
		if err != nil {
			return done, err
		}
		done.counts.Add(counts)
		in := counts.In(states)
		done.add(in.Total())
	}
	return done, nil
}

// countSelection counts the jobs of one selection by state. The counts of a whole batch are kept.
func (s bulkChanger) countSelection(ctx context.Context, sel job.Selection) (job.Counts, error) {
	if len(sel.KeyPrefix)+len(sel.Text)+len(sel.FailureKinds)+len(sel.Categories)+len(sel.Causes) > 0 {
		return s.store.CountSelectedJobs(ctx, sel)
	}
	b, err := s.store.Batch(ctx, sel.BatchID)
	return b.Counts.In(sel.States), err
}

// updateSelected applies f to the selected jobs.
func (s bulkChanger) updateSelected(ctx context.Context, sels []job.Selection, now time.Time, f func(*job.Update) error) (done bulkOutcome, err error) {
	for _, sel := range sels {
		n, err := s.updateSelection(ctx, sel, now, f)
		if errors.Is(err, job.ErrNotFound) && len(sels) > 1 {
			continue // the batch was deleted meanwhile
		}
		if err != nil {
			return done, err
		}
		done.add(n)
	}
	return done, nil
}

// updateSelection applies f to the jobs of one selection, once, in the order of job numbers. It leaves
// out jobs that have left the selected states in the meantime.
func (s bulkChanger) updateSelection(ctx context.Context, sel job.Selection, now time.Time, f func(*job.Update) error) (int64, error) {
	guarded := func(u *job.Update) error {
		if !slices.Contains(sel.States, u.Job.State) {
			return nil
		}
		return f(u)
	}
	var total int64
	for last := int64(0); ; {
		numbers, err := s.store.SelectJobNumbers(ctx, sel, last, bulkChunk)
		if err != nil || len(numbers) == 0 {
			return total, err
		}
		changed, err := s.store.UpdateJobsByNumber(ctx, sel.BatchID, numbers, now, guarded)
		if err != nil {
			return total, err
		}
		total += changed
		last = numbers[len(numbers)-1]
	}
}

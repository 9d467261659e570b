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

// CancelJobs requests the end of every job that the request selects, or only counts these jobs.
func (s *Server) CancelJobs(ctx context.Context, req *stokerv1.CancelJobsRequest) (*stokerv1.CancelJobsResponse, error) {
	var found findings
	found.checkScope(req)
	if err := found.err(); err != nil {
		return nil, err
	}
	sels, err := s.selections(ctx, req, []job.State{job.Waiting, job.Starting, job.Queued, job.Running})
	if err != nil {
		return nil, err
	}
	now := time.Now()
	count, batches, err := s.updateSelected(ctx, sels, now, req.GetValidateOnly(), func(u *job.Update) error {
		return u.Cancel(req.GetReason(), now)
	})
	if err != nil {
		return nil, fmt.Errorf("cancel jobs: %w", err)
	}
	m, err := s.renderCurrent(ctx, req.GetBatchId())
	if err != nil {
		return nil, err
	}
	return &stokerv1.CancelJobsResponse{Count: count, BatchCount: batches, Batch: m}, nil
}

// selector is a request that selects jobs by filters: in one batch, or in all batches with some labels.
type selector interface {
	GetBatchId() string
	GetLabels() map[string]string
	GetStates() []stokerv1.JobState
	GetKeyPrefix() string
	GetFailureKinds() []stokerv1.FailureKind
	GetCategories() []string
	GetCauses() []string
}

// checkScope checks that req names either one batch or labels.
func (f *findings) checkScope(req selector) {
	switch one, many := req.GetBatchId() != "", len(req.GetLabels()) > 0; {
	case one && many:
		f.add("batch_id", "batch_id and labels exclude each other")
		f.add("labels", "batch_id and labels exclude each other")
	case !one && !many:
		f.add("batch_id", "is required, unless labels are given")
		f.add("labels", "are required, unless batch_id is given")
	}
}

// selections returns a selection for each batch of req. states are those of a request that names none.
// With causes, batches that have none of them are left out; a cause that no batch has is a violation.
func (s *Server) selections(ctx context.Context, req selector, states []job.State) ([]job.Selection, error) {
	if len(req.GetStates()) > 0 {
		states = jobStates(req.GetStates())
	}
	batches, err := s.batchesInScope(ctx, req, states)
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(req.GetCauses())) // causes that some batch has
	var sels []job.Selection
	for _, id := range batches {
		sel := job.Selection{
			BatchID: id, States: states, KeyPrefix: req.GetKeyPrefix(),
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

// batchesInScope returns the ids of the batches of req, the oldest first. Of the batches with the
// labels of req, those without a job in one of the states are left out.
func (s *Server) batchesInScope(ctx context.Context, req selector, states []job.State) ([]string, error) {
	if id := req.GetBatchId(); id != "" {
		if _, err := s.store.Batch(ctx, id); err != nil {
			return nil, fmt.Errorf("read batch: %w", err)
		}
		return []string{id}, nil
	}
	var ids []string
	for filter := (job.BatchFilter{Labels: req.GetLabels(), Limit: bulkChunk}); ; {
		page, err := s.store.Batches(ctx, filter)
		if err != nil {
			return nil, fmt.Errorf("list batches: %w", err)
		}
		for _, b := range page {
			if slices.ContainsFunc(states, func(state job.State) bool { return *b.Counts.Of(state) > 0 }) {
				ids = append(ids, b.ID)
			}
		}
		if len(page) < bulkChunk {
			slices.Reverse(ids)
			return ids, nil
		}
		filter.BeforeSeq = page[len(page)-1].Seq
	}
}

// updateSelected applies f to the selected jobs, or only counts them. It returns the number of jobs and
// of their batches.
func (s *Server) updateSelected(ctx context.Context, sels []job.Selection, now time.Time, countOnly bool, f func(*job.Update) error) (jobs, batches int64, err error) {
	for _, sel := range sels {
		var n int64
		if countOnly {
			n, err = s.store.CountSelectedJobs(ctx, sel)
		} else {
			n, err = s.updateSelection(ctx, sel, now, f)
		}
		if errors.Is(err, job.ErrNotFound) && len(sels) > 1 {
			continue // the batch was deleted meanwhile
		}
		if err != nil {
			return jobs, batches, err
		}
		if jobs += n; n > 0 {
			batches++
		}
	}
	return jobs, batches, nil
}

// updateSelection applies f to the jobs of one selection, once, in the order of job numbers. It leaves
// out jobs that have left the selected states in the meantime.
func (s *Server) updateSelection(ctx context.Context, sel job.Selection, now time.Time, f func(*job.Update) error) (int64, error) {
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

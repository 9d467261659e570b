package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

const (
	// bulkChunk is how many jobs one transaction changes. Other writers get their
	// turn between two chunks.
	bulkChunk = 1_000
	// maxCauses is how many causes of failures are told apart.
	maxCauses = 100
)

// CancelJobs asks for the end of every job that the request selects.
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

// ListFailures tells what the failed jobs of a batch failed of.
func (s *Server) ListFailures(ctx context.Context, req *stokerv1.ListFailuresRequest) (*stokerv1.ListFailuresResponse, error) {
	b, err := s.store.Batch(ctx, req.GetBatchId())
	if err != nil {
		return nil, fmt.Errorf("read batch: %w", err)
	}
	causes, err := s.store.FailureCauses(ctx, b.ID, maxCauses)
	if err != nil {
		return nil, fmt.Errorf("list causes: %w", err)
	}
	return &stokerv1.ListFailuresResponse{
		FailedCount: b.Counts.Failed,
		Causes: mapSlice(causes, func(c job.Cause) *stokerv1.FailureCause {
			return &stokerv1.FailureCause{
				Cause: causeID(c.Key), Count: c.Count, JobId: c.First.String(),
				Failure: failureMessage(c.Failure.Shorten(maxPageBytes / maxCauses)),
			}
		}),
	}, nil
}

// causeID is what callers know a cause by: short enough for a command line.
func causeID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:6])
}

// selector is a request that selects jobs by filter, of one batch or of all with
// certain labels.
type selector interface {
	GetBatchId() string
	GetLabels() map[string]string
	GetStates() []stokerv1.JobState
	GetKeyPrefix() string
	GetFailureKinds() []stokerv1.FailureKind
	GetCategories() []string
	GetCauses() []string
}

// checkScope checks that req is about one batch or about labels.
func (found *findings) checkScope(req selector) {
	switch one, many := req.GetBatchId() != "", len(req.GetLabels()) > 0; {
	case one && many:
		found.add("batch_id", "batch_id and labels exclude each other")
		found.add("labels", "batch_id and labels exclude each other")
	case !one && !many:
		found.add("batch_id", "is required, unless labels are given")
		found.add("labels", "are required, unless batch_id is given")
	}
}

// selections are what req selects, batch by batch: of states unless it names others. A
// batch that has no job in those states is left out.
func (s *Server) selections(ctx context.Context, req selector, states []job.State) ([]job.Selection, error) {
	if len(req.GetStates()) > 0 {
		states = jobStates(req.GetStates())
	}
	batches, err := s.batchesInScope(ctx, req, states)
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(req.GetCauses())) // whether a batch has this cause
	var sels []job.Selection
	for _, id := range batches {
		sel := job.Selection{
			BatchID: id, States: states, KeyPrefix: req.GetKeyPrefix(),
			FailureKinds: mapSlice(req.GetFailureKinds(), failureKind), Categories: req.GetCategories(),
		}
		if len(req.GetCauses()) > 0 {
			sel.Causes, err = s.causeKeys(ctx, id, req.GetCauses(), known)
			if err != nil {
				return nil, err
			}
			if len(sel.Causes) == 0 {
				continue
			}
		}
		sels = append(sels, sel)
	}
	var found findings
	for i, cause := range req.GetCauses() {
		if !known[cause] {
			found.add(fmt.Sprintf("causes[%d]", i), "no job is FAILED of %q; ListFailures tells the causes there are in a batch", cause)
		}
	}
	return sels, found.err()
}

// batchesInScope are the ids of the batches that req is about, the oldest first. If it names
// labels, those without jobs in one of the states are left out.
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

// causeKeys are the keys of those causes, named by their ids, that jobs of a batch are
// FAILED of. It notes the ids in known: a cause is called the same in every batch.
func (s *Server) causeKeys(ctx context.Context, batchID string, ids []string, known map[string]bool) ([]string, error) {
	causes, err := s.store.FailureCauses(ctx, batchID, maxCauses)
	if err != nil {
		return nil, fmt.Errorf("list causes: %w", err)
	}
	var keys []string
	for _, c := range causes {
		if id := causeID(c.Key); slices.Contains(ids, id) {
			known[id] = true
			keys = append(keys, c.Key)
		}
	}
	return keys, nil
}

// updateSelected applies f to the jobs of selections, or counts them, and tells how
// many they are, of how many batches.
func (s *Server) updateSelected(ctx context.Context, sels []job.Selection, now time.Time, countOnly bool, f func(*job.Update) error) (jobs, batches int64, err error) {
	for _, sel := range sels {
		var n int64
		if countOnly {
			n, err = s.store.CountSelectedJobs(ctx, sel)
		} else {
			n, err = s.updateSelection(ctx, sel, now, f)
		}
		if errors.Is(err, job.ErrNotFound) && len(sels) > 1 {
			continue // deleted meanwhile
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

// updateSelection applies f to the jobs of a selection. It walks
// through the batch once: jobs that f, or somebody else, moves out of the selection do
// not disturb it, and jobs that f moves into it behind the walker are left alone. A job
// that has left the selection before its turn comes is passed over.
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

package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	if _, err := s.store.Batch(ctx, req.GetBatchId()); err != nil {
		return nil, fmt.Errorf("read batch: %w", err)
	}
	sel, err := s.selection(ctx, req)
	if err != nil {
		return nil, err
	}
	if len(sel.States) == 0 {
		sel.States = []job.State{job.Waiting, job.Starting, job.Queued, job.Running}
	}
	now := time.Now()
	count, err := s.changeSelected(ctx, sel, now, req.GetValidateOnly(), func(u *job.Update) error {
		return u.Cancel(req.GetReason(), now)
	})
	if err != nil {
		return nil, fmt.Errorf("cancel jobs: %w", err)
	}
	m, err := s.showNow(ctx, req.GetBatchId())
	if err != nil {
		return nil, err
	}
	return &stokerv1.CancelJobsResponse{Count: count, Batch: m}, nil
}

// ListFailures tells what the failed jobs of a batch failed of.
func (s *Server) ListFailures(ctx context.Context, req *stokerv1.ListFailuresRequest) (*stokerv1.ListFailuresResponse, error) {
	b, err := s.store.Batch(ctx, req.GetBatchId())
	if err != nil {
		return nil, fmt.Errorf("read batch: %w", err)
	}
	causes, err := s.store.Causes(ctx, b.ID, maxCauses)
	if err != nil {
		return nil, fmt.Errorf("list causes: %w", err)
	}
	return &stokerv1.ListFailuresResponse{
		FailedCount: b.Counts.Failed,
		Causes: each(causes, func(c job.Cause) *stokerv1.FailureCause {
			return &stokerv1.FailureCause{
				Cause: causeID(c.Key), Count: c.Count, JobId: c.First.String(), Failure: failureMessage(&c.Failure),
			}
		}),
	}, nil
}

// causeID is what callers know a cause by: short enough for a command line.
func causeID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:6])
}

// selector is a request that selects jobs by filter.
type selector interface {
	GetBatchId() string
	GetStates() []stokerv1.JobState
	GetKeyPrefix() string
	GetFailureKinds() []stokerv1.FailureKind
	GetCategories() []string
	GetCauses() []string
}

// selection is what req selects.
func (s *Server) selection(ctx context.Context, req selector) (job.Selection, error) {
	sel := job.Selection{
		BatchID: req.GetBatchId(), States: jobStates(req.GetStates()), KeyPrefix: req.GetKeyPrefix(),
		FailureKinds: each(req.GetFailureKinds(), failureKind), Categories: req.GetCategories(),
	}
	if len(req.GetCauses()) == 0 {
		return sel, nil
	}
	causes, err := s.store.Causes(ctx, sel.BatchID, maxCauses)
	if err != nil {
		return sel, fmt.Errorf("list causes: %w", err)
	}
	keys := make(map[string]string, len(causes))
	for _, c := range causes {
		keys[causeID(c.Key)] = c.Key
	}
	var c checks
	for i, id := range req.GetCauses() {
		key, ok := keys[id]
		if !ok {
			c.add(fmt.Sprintf("causes[%d]", i), "no job of the batch is FAILED of %q; ListFailures tells the causes there are", id)
			continue
		}
		sel.Causes = append(sel.Causes, key)
	}
	return sel, invalid(c.list)
}

// changeSelected applies f to the jobs of a selection, or counts them. It walks
// through the batch once: jobs that f, or somebody else, moves out of the selection do
// not disturb it, and jobs that f moves into it behind the walker are left alone. A job
// that has left the selection before its turn comes is passed over.
func (s *Server) changeSelected(ctx context.Context, sel job.Selection, now time.Time, countOnly bool, f func(*job.Update) error) (int64, error) {
	if countOnly {
		return s.store.CountSelected(ctx, sel)
	}
	guarded := func(u *job.Update) error {
		if !slices.Contains(sel.States, u.Job.State) {
			return nil
		}
		return f(u)
	}
	var total int64
	for last := int64(0); ; {
		numbers, err := s.store.Selected(ctx, sel, last, bulkChunk)
		if err != nil || len(numbers) == 0 {
			return total, err
		}
		changed, err := s.store.UpdateNumbered(ctx, sel.BatchID, numbers, now, guarded)
		if err != nil {
			return total, err
		}
		total += changed
		last = numbers[len(numbers)-1]
	}
}

// showNow is the message of a batch as it stands.
func (s *Server) showNow(ctx context.Context, id string) (*stokerv1.Batch, error) {
	b, err := s.store.Batch(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read batch: %w", err)
	}
	return s.show(ctx, b)
}

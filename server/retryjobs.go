package server

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// retryWriters is how many jobs named by id are changed at once, so that they share commits.
const retryWriters = 64

// RetryJobs lets FAILED or CANCELLED jobs be started again, or only counts them.
func (s *Server) RetryJobs(ctx context.Context, req *stokerv1.RetryJobsRequest) (*stokerv1.RetryJobsResponse, error) {
	ids, err := checkRetryJobs(req)
	if err != nil {
		return nil, err
	}
	var count, batches int64
	if len(ids) > 0 {
		count, err = s.retryByID(ctx, req.GetBatchId(), ids, req.GetValidateOnly())
		batches = min(count, 1)
	} else {
		count, batches, err = s.retryByFilter(ctx, req)
	}
	if err != nil {
		return nil, err
	}
	m, err := s.renderCurrent(ctx, req.GetBatchId())
	if err != nil {
		return nil, err
	}
	return &stokerv1.RetryJobsResponse{Count: count, BatchCount: batches, Batch: m}, nil
}

// checkNotCancelling refuses a retry in a batch that is CANCELLING: the batch would cancel the jobs
// again.
func (s *Server) checkNotCancelling(ctx context.Context, id string) error {
	b, err := s.store.Batch(ctx, id)
	if err != nil {
		return fmt.Errorf("read batch: %w", err)
	}
	if b.State != job.BatchCancelling {
		return nil
	}
	return &job.StateError{
		Resource: "batch", ID: b.ID, BatchNumber: b.Seq, State: string(b.State),
		Problem: "its jobs can be retried once it is CANCELLED",
	}
}

// checkRetryJobs checks req and returns its job ids, without duplicates.
func checkRetryJobs(req *stokerv1.RetryJobsRequest) ([]job.ID, error) {
	var found findings
	found.checkScope(req)
	if len(req.GetJobIds()) > 0 && req.GetBatchId() == "" {
		found.add("job_ids", "need a batch_id: all jobs have to be of one batch")
		return nil, found.err()
	}
	filters := len(req.GetStates()) + len(req.GetFailureKinds()) + len(req.GetCategories()) + len(req.GetKeyPrefix()) + len(req.GetCauses())
	if len(req.GetJobIds()) > 0 && filters > 0 {
		found.add("job_ids", "exclude states, failure_kinds, categories, key_prefix and causes")
	}
	seen := make(map[job.ID]bool, len(req.GetJobIds()))
	var ids []job.ID
	for i, text := range req.GetJobIds() {
		field := fmt.Sprintf("job_ids[%d]", i)
		id, err := job.ParseID(text)
		switch {
		case err != nil:
			found.add(field, "%s", err)
		case id.Batch != req.GetBatchId():
			found.add(field, "%q is a job of another batch", text)
		case !seen[id]:
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, found.err()
}

// retryByID retries or counts the jobs with these ids. It checks all jobs before it changes the first,
// so that a request with an invalid job changes nothing.
func (s *Server) retryByID(ctx context.Context, batchID string, ids []job.ID, validateOnly bool) (int64, error) {
	if err := s.checkNotCancelling(ctx, batchID); err != nil {
		return 0, err
	}
	now := time.Now()
	for _, id := range ids {
		j, err := s.store.Job(ctx, id)
		if errors.Is(err, job.ErrNotFound) {
			return 0, invalid("job_ids", fmt.Sprintf("the batch has no job %q", id))
		}
		if err != nil {
			return 0, fmt.Errorf("read job: %w", err)
		}
		if err := job.NewUpdate(j).Retry(now); err != nil {
			return 0, err
		}
	}
	if validateOnly {
		return int64(len(ids)), nil
	}
	var retried atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(retryWriters)
	for _, id := range ids {
		g.Go(func() error {
			_, err := s.store.UpdateJob(ctx, id, now, func(u *job.Update) error { return u.Retry(now) })
			if errors.Is(err, job.ErrIllegalTransition) {
				return nil // retried by another call since the check
			}
			if err != nil {
				return fmt.Errorf("retry job: %w", err)
			}
			retried.Add(1)
			return nil
		})
	}
	err := g.Wait()
	return retried.Load(), err
}

// retryByFilter retries or counts every job that the request selects. A request with labels leaves out
// batches that are CANCELLING; for a request with a batch_id such a batch is an error.
func (s *Server) retryByFilter(ctx context.Context, req *stokerv1.RetryJobsRequest) (jobs, batches int64, err error) {
	sels, err := s.selections(ctx, req, []job.State{job.Failed})
	if err != nil {
		return 0, 0, err
	}
	var retryable []job.Selection
	for _, sel := range sels {
		err := s.checkNotCancelling(ctx, sel.BatchID)
		switch {
		case err == nil:
			retryable = append(retryable, sel)
		case req.GetBatchId() != "":
			return 0, 0, err
		case !errors.Is(err, job.ErrIllegalTransition) && !errors.Is(err, job.ErrNotFound):
			return 0, 0, err
		}
	}
	now := time.Now()
	jobs, batches, err = s.updateSelected(ctx, retryable, now, req.GetValidateOnly(), func(u *job.Update) error { return u.Retry(now) })
	if err != nil {
		return 0, 0, fmt.Errorf("retry jobs: %w", err)
	}
	return jobs, batches, nil
}

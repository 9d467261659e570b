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

// retryWriters is how many jobs named by id are changed side by side, so that they
// share commits.
const retryWriters = 64

// RetryJobs gives failed or cancelled jobs another chance.
func (s *Server) RetryJobs(ctx context.Context, req *stokerv1.RetryJobsRequest) (*stokerv1.RetryJobsResponse, error) {
	ids, err := checkRetryJobs(req)
	if err != nil {
		return nil, err
	}
	b, err := s.store.Batch(ctx, req.GetBatchId())
	if err != nil {
		return nil, fmt.Errorf("read batch: %w", err)
	}
	if b.State == job.BatchCancelling {
		return nil, &job.StateError{
			Resource: "batch", ID: b.ID, State: string(b.State),
			Problem: "its jobs can be retried once it is CANCELLED",
		}
	}
	var count int64
	if len(ids) > 0 {
		count, err = s.retryByID(ctx, ids, req.GetValidateOnly())
	} else {
		count, err = s.retryByFilter(ctx, req)
	}
	if err != nil {
		return nil, err
	}
	m, err := s.showNow(ctx, b.ID)
	if err != nil {
		return nil, err
	}
	return &stokerv1.RetryJobsResponse{Count: count, Batch: m}, nil
}

// checkRetryJobs reads the job ids of req, each once.
func checkRetryJobs(req *stokerv1.RetryJobsRequest) ([]job.ID, error) {
	var c checks
	filters := len(req.GetStates()) + len(req.GetFailureKinds()) + len(req.GetCategories()) + len(req.GetKeyPrefix()) + len(req.GetCauses())
	if len(req.GetJobIds()) > 0 && filters > 0 {
		c.add("job_ids", "exclude states, failure_kinds, categories, key_prefix and causes")
	}
	seen := make(map[job.ID]bool, len(req.GetJobIds()))
	var ids []job.ID
	for i, text := range req.GetJobIds() {
		field := fmt.Sprintf("job_ids[%d]", i)
		id, err := job.ParseID(text)
		switch {
		case err != nil:
			c.add(field, "%s", err)
		case id.Batch != req.GetBatchId():
			c.add(field, "%q is a job of another batch", text)
		case !seen[id]:
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, invalid(c.list)
}

// retryByID retries exactly these jobs. All are looked at before the first is
// changed, so that a request with a wrong one changes nothing.
func (s *Server) retryByID(ctx context.Context, ids []job.ID, validateOnly bool) (int64, error) {
	now := time.Now()
	for _, id := range ids {
		j, err := s.store.Job(ctx, id)
		if errors.Is(err, job.ErrNotFound) {
			return 0, invalid([]job.Violation{{Field: "job_ids", Message: fmt.Sprintf("the batch has no job %q", id)}})
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
				return nil // somebody else retried it since it was looked at
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

// retryByFilter retries, or counts, every job that the request selects.
func (s *Server) retryByFilter(ctx context.Context, req *stokerv1.RetryJobsRequest) (int64, error) {
	sel, err := s.selection(ctx, req)
	if err != nil {
		return 0, err
	}
	if len(sel.States) == 0 {
		sel.States = []job.State{job.Failed}
	}
	now := time.Now()
	count, err := s.changeSelected(ctx, sel, now, req.GetValidateOnly(), func(u *job.Update) error { return u.Retry(now) })
	if err != nil {
		return 0, fmt.Errorf("retry jobs: %w", err)
	}
	return count, nil
}

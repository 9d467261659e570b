package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// retryWriters is how many jobs named by id are changed at once, so that they share commits.
const retryWriters = 64

// RetryJobs lets FAILED or CANCELLED jobs be started again, or only counts them.
func (s *Server) RetryJobs(ctx context.Context, req *stokerv1.RetryJobsRequest) (*stokerv1.RetryJobsResponse, error) {
	var found findings
	found.checkScope(req)
	ids := found.checkJobIDs(req)
	if err := found.err(); err != nil {
		return nil, err
	}
	var done bulkOutcome
	var err error
	if len(ids) > 0 {
		done, err = s.bulk().retryByID(ctx, ids, req.GetValidateOnly())
	} else {
		done, err = s.bulk().retryByFilter(ctx, req)
	}
	if err != nil {
		return nil, err
	}
	m, err := s.renderCurrent(ctx, req.GetBatchId())
	if err != nil {
		return nil, err
	}
	return &stokerv1.RetryJobsResponse{Count: done.jobs, BatchCount: done.batches, Batch: m, Counts: done.countsMessage()}, nil
}

// checkNotCancelling refuses a retry in a batch that is CANCELLING: the batch would cancel the jobs
// again. It returns the number of any other batch.
func (s bulkChanger) checkNotCancelling(ctx context.Context, id string) (number int64, err error) {
	b, err := s.store.Batch(ctx, id)
	if err != nil {
		return 0, fmt.Errorf("read batch: %w", err)
	}
	if b.State != job.BatchCancelling {
		return b.Seq, nil
	}
	return 0, &job.StateError{
		Resource: "batch", ID: b.ID, BatchNumber: b.Seq, State: string(b.State),
		Problem: "its jobs can be retried once it is CANCELLED",
	}
}

// retryByID retries or counts the jobs with these ids. It checks all jobs before it changes the first,
// so that a request with an invalid job changes nothing.
func (s bulkChanger) retryByID(ctx context.Context, ids []job.ID, validateOnly bool) (done bulkOutcome, err error) {
	batches := numbersByBatch(ids)
	numbers := make(map[string]int64, len(batches))
	for batch := range batches {
		if numbers[batch], err = s.checkNotCancelling(ctx, batch); err != nil {
			return done, err
		}
	}
	now := time.Now()
	counts := job.Counts{}
	for _, id := range ids {
		j, err := s.store.Job(ctx, id)
		if errors.Is(err, job.ErrNotFound) {
			return done, invalid("job_ids", fmt.Sprintf("there is no job %q", id))
		}
		if err != nil {
			return done, fmt.Errorf("read job: %w", err)
		}
		if err := job.NewUpdate(j).Retry(now); err != nil {
			if wrong, ok := errors.AsType[*job.StateError](err); ok {
				wrong.BatchNumber = numbers[id.Batch]
			}
			return done, err
		}
		*counts.Of(j.State)++
	}
	if validateOnly {
		return bulkOutcome{jobs: int64(len(ids)), batches: int64(len(batches)), counts: &counts}, nil
	}
	var mu sync.Mutex
	retried := map[string]int64{} // by batch
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
			mu.Lock()
			defer mu.Unlock()
			retried[id.Batch]++
			return nil
		})
	}
	err = g.Wait()
	for _, n := range retried {
		done.add(n)
	}
	return done, err
}

// retryByFilter retries or counts every job that the request selects. A request without a batch_id leaves out
// batches that are CANCELLING; for a request with one such a batch is an error.
func (s bulkChanger) retryByFilter(ctx context.Context, req *stokerv1.RetryJobsRequest) (done bulkOutcome, err error) {
	states := []job.State{job.Failed}
	if len(req.GetStates()) > 0 {
		states = jobStates(req.GetStates())
	}
	sels, err := s.selections(ctx, req, states)
	if err != nil {
		return done, err
	}
	var retryable []job.Selection
	for _, sel := range sels {
		_, err := s.checkNotCancelling(ctx, sel.BatchID)
		switch {
		case err == nil:
			retryable = append(retryable, sel)
		case req.GetBatchId() != "":
			return done, err
		case !errors.Is(err, job.ErrIllegalTransition) && !errors.Is(err, job.ErrNotFound):
			return done, err
		}
	}
	now := time.Now()
	if req.GetValidateOnly() {
		done, err = s.countSelected(ctx, retryable, states)
	} else {
		done, err = s.updateSelected(ctx, retryable, now, func(u *job.Update) error { return u.Retry(now) })
	}
	if err != nil {
		return done, fmt.Errorf("retry jobs: %w", err)
	}
	return done, nil
}

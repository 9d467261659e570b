package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/google/uuid"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/digest"
	"github.com/stokerd/stoker/job"
)

// SubmitBatch stores a batch and all of its jobs, or nothing.
func (s *Server) SubmitBatch(ctx context.Context, req *stokerv1.SubmitBatchRequest) (*stokerv1.SubmitBatchResponse, error) {
	if err := s.store.checkSubmissionKeyUse(ctx, req); err != nil {
		return nil, err
	}
	var hash []byte // distinguishes a repeat from another request with the same request_id; nil without request_id
	if req.GetRequestId() != "" {
		var err error
		if hash, err = digest.Of(req); err != nil {
			return nil, err
		}
	}
	check := s.newSubmission(ctx)
	// A repeated request is answered with the batch of the first and not checked again: the
	// configuration may have changed since.
	if hash != nil && !req.GetValidateOnly() {
		first, err := s.store.BatchByRequestID(ctx, job.RequestKey{
			ID: req.GetRequestId(), AccountID: cmp.Or(req.GetAccount(), job.DefaultName), PayloadHash: hash,
		})
		switch {
		case err == nil:
			return s.respondSubmit(ctx, first, check)
		case !errors.Is(err, job.ErrNotFound):
			return nil, fmt.Errorf("submit batch: %w", err)
		}
	}
	list, free, err := takeList(ctx, s.listing, req)
	defer free()
	if err != nil {
		return nil, err
	}
	if err := check.checkSubmitBatch(req); err != nil {
		return nil, list.locateError(err)
	}
	list.locateWarnings(check.warnings)
	b, jobs, now := check.batch, takeJobs(&req.Jobs), time.Now()
	if req.GetValidateOnly() {
		var err error
		b.Skipped, err = s.store.CountSucceeded(ctx, b, jobs)
		if err != nil {
			return nil, err
		}
		b.Counts.Waiting = int64(len(jobs)) - b.Skipped
		return s.respondSubmit(ctx, b, check)
	}
	if err := s.waiting.add(ctx, b.AccountID, len(jobs)); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("choose a batch id: %w", err)
	}
	b.ID = id.String()
	b.CallID, b.TraceParent = callID(ctx), s.traceParent(ctx)
	b.CreateTime, b.UpdateTime = now, now
	b.DisplayName = cmp.Or(b.DisplayName, b.ID)
	n := len(jobs)
	b, _, err = s.store.Submit(ctx, job.Submission{
		Batch: b, Jobs: jobs,
		RequestID: req.GetRequestId(), PayloadHash: hash,
	}, now)
	collectJobs(n)
	if err != nil {
		return nil, fmt.Errorf("submit batch: %w", err)
	}
	return s.respondSubmit(ctx, b, check)
}

// respondSubmit answers with a batch and the warnings about its submission.
func (s *Server) respondSubmit(ctx context.Context, b job.Batch, check *submission) (*stokerv1.SubmitBatchResponse, error) {
	m, err := s.renderBatch(ctx, b)
	if err != nil {
		return nil, err
	}
	return &stokerv1.SubmitBatchResponse{Batch: m, Warnings: check.warnings, WarningCount: check.warningCount}, nil
}

// takeJobs converts the jobs of a request and removes them from the request. Otherwise the request
// would hold 100,000 jobs in memory while the job table writes them, for a second or more.
//
// The caller collects what is left of the jobs when they are stored, by collectJobs.
func takeJobs(jobs *[]*stokerv1.JobSpec) []job.Spec {
	specs := mapSlice(*jobs, jobSpec)
	*jobs = nil
	collectJobs(len(specs))
	return specs
}

// collectJobs collects the messages of many jobs, with what checking and storing them took, at once. They
// are most of the memory in use, and the collector would let as much again be allocated first. It takes a
// fiftieth of the time of storing the jobs.
func collectJobs(n int) {
	if n >= manyJobs {
		runtime.GC()
	}
}

// manyJobs is how many jobs a request has at least that [collectJobs] collects.
const manyJobs = 20_000

// AddJobs adds jobs to a batch that is open.
func (s *Server) AddJobs(ctx context.Context, req *stokerv1.AddJobsRequest) (*stokerv1.AddJobsResponse, error) {
	var batch *job.Batch
	if req.GetBatchId() != "" {
		b, err := s.store.Batch(ctx, req.GetBatchId())
		if err != nil {
			return nil, fmt.Errorf("read batch: %w", err)
		}
		if err := s.store.checkBatchKeyUse(ctx, &b); err != nil {
			return nil, err
		}
		batch = &b
	}
	check := s.newSubmission(ctx)
	if err := check.checkAddJobs(req, batch); err != nil {
		return nil, err
	}
	jobs := takeJobs(&req.Jobs)
	n := int64(len(jobs))
	if batch != nil {
		if err := s.waiting.add(ctx, batch.AccountID, len(jobs)); err != nil {
			return nil, err
		}
	}
	b, added, duplicates, err := s.store.AddJobs(ctx, req.GetBatchId(), jobs, time.Now())
	collectJobs(int(n))
	if err != nil {
		return nil, fmt.Errorf("add jobs: %w", check.explainDerived(err))
	}
	m, err := s.renderBatch(ctx, b)
	if err != nil {
		return nil, err
	}
	return &stokerv1.AddJobsResponse{
		Batch: m, AddedCount: added, DuplicateCount: duplicates, SucceededCount: n - added - duplicates,
		Warnings: check.warnings, WarningCount: check.warningCount,
	}, nil
}

// GetBatch returns a batch without its jobs.
func (s *Server) GetBatch(ctx context.Context, req *stokerv1.GetBatchRequest) (*stokerv1.GetBatchResponse, error) {
	b, err := s.store.Batch(ctx, req.GetBatchId())
	if err != nil {
		return nil, fmt.Errorf("read batch: %w", err)
	}
	m, err := s.renderBatch(ctx, b)
	if err != nil {
		return nil, err
	}
	m.Encodes = s.summaries.encodes(b)
	if err := s.addAhead(ctx, m.GetWait(), &b); err != nil {
		return nil, err
	}
	return &stokerv1.GetBatchResponse{Batch: m}, nil
}

// CloseBatch closes a batch: no jobs can be added any more.
func (s *Server) CloseBatch(ctx context.Context, req *stokerv1.CloseBatchRequest) (*stokerv1.CloseBatchResponse, error) {
	m, err := s.updateBatch(ctx, req.GetBatchId(), (*job.Batch).Close)
	if err != nil {
		return nil, err
	}
	return &stokerv1.CloseBatchResponse{Batch: m}, nil
}

// CancelBatch requests the end of every job of a batch. It answers before the jobs have ended.
func (s *Server) CancelBatch(ctx context.Context, req *stokerv1.CancelBatchRequest) (*stokerv1.CancelBatchResponse, error) {
	m, err := s.updateBatch(ctx, req.GetBatchId(), func(b *job.Batch) error { return b.Cancel(req.GetReason()) })
	if err != nil {
		return nil, err
	}
	return &stokerv1.CancelBatchResponse{Batch: m}, nil
}

// PauseBatch stops starting jobs of a batch. Jobs at the platform go on.
func (s *Server) PauseBatch(ctx context.Context, req *stokerv1.PauseBatchRequest) (*stokerv1.PauseBatchResponse, error) {
	m, err := s.updateBatch(ctx, req.GetBatchId(), func(b *job.Batch) error { return b.Pause(req.GetReason()) })
	if err != nil {
		return nil, err
	}
	return &stokerv1.PauseBatchResponse{Batch: m}, nil
}

// ResumeBatch lets jobs of a batch be started again.
func (s *Server) ResumeBatch(ctx context.Context, req *stokerv1.ResumeBatchRequest) (*stokerv1.ResumeBatchResponse, error) {
	now := time.Now()
	m, err := s.updateBatch(ctx, req.GetBatchId(), func(b *job.Batch) error { return b.Resume(now) })
	if err != nil {
		return nil, err
	}
	return &stokerv1.ResumeBatchResponse{Batch: m}, nil
}

// DeleteBatch removes an ended batch from the job table, and wakes its watchers.
func (s *Server) DeleteBatch(ctx context.Context, req *stokerv1.DeleteBatchRequest) (*stokerv1.DeleteBatchResponse, error) {
	if err := s.store.DeleteBatch(ctx, req.GetBatchId(), time.Now()); err != nil {
		return nil, fmt.Errorf("delete batch: %w", err)
	}
	s.Changed([]job.Change{{BatchID: req.GetBatchId()}})
	return &stokerv1.DeleteBatchResponse{}, nil
}

// updateBatch applies a change to a batch and returns the message of the batch after the change.
func (s *Server) updateBatch(ctx context.Context, id string, change func(*job.Batch) error) (*stokerv1.Batch, error) {
	b, err := s.store.UpdateBatch(ctx, id, time.Now(), change)
	if err != nil {
		return nil, fmt.Errorf("change batch: %w", err)
	}
	return s.renderBatch(ctx, b)
}

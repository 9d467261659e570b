package server

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// GetJob returns a job with its attempts and events: the latest ones, if all do not fit an answer.
func (s *Server) GetJob(ctx context.Context, req *stokerv1.GetJobRequest) (*stokerv1.GetJobResponse, error) {
	id, err := jobID("job_id", req.GetJobId())
	if err != nil {
		return nil, err
	}
	j, err := s.store.Job(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read job: %w", err)
	}
	b, err := s.store.Batch(ctx, id.Batch)
	if err != nil {
		return nil, fmt.Errorf("read batch: %w", err)
	}
	attempts, err := s.store.Attempts(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	events, err := s.store.Events(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	message, err := s.jobMessages(ctx, b, []job.Job{j})
	if err != nil {
		return nil, err
	}
	resp := &stokerv1.GetJobResponse{Job: fitted(message(j), maxItemBytes), Batch: batchRef(b)}
	if j.State == job.Failed && j.Failure != nil {
		alike, err := s.store.CountCauses(ctx, b.ID, []string{j.Failure.Cause})
		if err != nil {
			return nil, fmt.Errorf("count failures: %w", err)
		}
		resp.AlikeCount = max(alike[j.Failure.Cause]-1, 0)
	}
	if err := s.addAhead(ctx, resp.Job.GetWait(), &b); err != nil {
		return nil, err
	}
	all, history := attemptMessages(j, shortenFailures(attempts), s.summaries.regionsOf(b)), eventMessages(j, events)
	resp.Attempts = lastThatFit(all, maxAttemptsBytes)
	resp.Events = lastThatFit(history, maxPageBytes-maxAttemptsBytes)
	resp.OmittedAttemptCount, resp.OmittedEventCount = int32(len(all)-len(resp.Attempts)), int32(len(history)-len(resp.Events))
	return resp, nil
}

// maxAttemptsBytes is how many bytes of a page the attempts of a job may take. The events get the rest.
const maxAttemptsBytes = maxPageBytes * 3 / 4

// shortenFailures shortens the failures of attempts so that together they fit maxAttemptsBytes.
func shortenFailures(attempts []job.Attempt) []job.Attempt {
	for i := range attempts {
		a := &attempts[i]
		a.Failure = a.Failure.Shorten(min(job.MaxFailure, maxAttemptsBytes/len(attempts)))
	}
	return attempts
}

// lastThatFit returns as many of the last messages as fit in a number of bytes. The last ones matter
// most: they are the latest attempts or events.
func lastThatFit[M proto.Message](list []M, bytes int) []M {
	for i, m := range slices.Backward(list) {
		if bytes -= proto.Size(m) + itemOverhead; bytes < 0 {
			return list[i+1:]
		}
	}
	return list
}

// CancelJob requests the end of a job. It answers before the job has ended.
func (s *Server) CancelJob(ctx context.Context, req *stokerv1.CancelJobRequest) (*stokerv1.CancelJobResponse, error) {
	id, err := jobID("job_id", req.GetJobId())
	if err != nil {
		return nil, err
	}
	now := time.Now()
	j, err := s.store.UpdateJob(ctx, id, now, func(u *job.Update) error { return u.Cancel(req.GetReason(), now) })
	if err != nil {
		return nil, fmt.Errorf("cancel job: %w", err)
	}
	b, err := s.store.Batch(ctx, id.Batch)
	if err != nil {
		return nil, fmt.Errorf("read batch: %w", err)
	}
	message, err := s.jobMessages(ctx, b, []job.Job{j})
	if err != nil {
		return nil, err
	}
	return &stokerv1.CancelJobResponse{Job: message(j)}, nil
}

// jobID parses the job id in a field of a request. The error is an [*job.InvalidError].
func jobID(field, text string) (job.ID, error) {
	id, err := job.ParseID(text)
	if err != nil {
		return job.ID{}, invalid(field, err.Error())
	}
	return id, nil
}

package server

import (
	"cmp"
	"context"
	"fmt"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// defaultJobsPage is how many jobs a page has if the caller does not say.
const defaultJobsPage = 100

// GetJob shows a job with its attempts and its history.
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
	shown, err := s.jobMessages(ctx, b, []job.Job{j})
	if err != nil {
		return nil, err
	}
	return &stokerv1.GetJobResponse{Job: shown[0], Attempts: attemptMessages(j, attempts), Events: eventMessages(j, events)}, nil
}

// ListJobs lists the jobs of a batch in submission order.
func (s *Server) ListJobs(ctx context.Context, req *stokerv1.ListJobsRequest) (*stokerv1.ListJobsResponse, error) {
	list, err := listOf(req, func(r *stokerv1.ListJobsRequest) { r.PageSize, r.PageToken = 0, "" })
	if err != nil {
		return nil, err
	}
	token, err := parsePageToken(req.GetPageToken(), list)
	if err != nil {
		return nil, err
	}
	b, err := s.store.Batch(ctx, req.GetBatchId())
	if err != nil {
		return nil, fmt.Errorf("read batch: %w", err)
	}
	size := cmp.Or(int(req.GetPageSize()), defaultJobsPage)
	jobs, err := s.store.Jobs(ctx, job.Filter{
		BatchID: b.ID, States: jobStates(req.GetStates()), Keys: req.GetKeys(),
		AfterNumber: token.position, Limit: size + 1,
	})
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	full := len(jobs) > size
	jobs, cut := fitting(jobs[:min(size, len(jobs))])
	resp := &stokerv1.ListJobsResponse{}
	if full || cut {
		resp.NextPageToken = pageToken{list: list, position: jobs[len(jobs)-1].ID.Number}.String()
	}
	resp.Jobs, err = s.jobMessages(ctx, b, jobs)
	return resp, err
}

// CancelJob asks for the end of a job and answers at once.
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
	shown, err := s.jobMessages(ctx, b, []job.Job{j})
	if err != nil {
		return nil, err
	}
	return &stokerv1.CancelJobResponse{Job: shown[0]}, nil
}

// jobID reads a job id out of a field.
func jobID(field, text string) (job.ID, error) {
	id, err := job.ParseID(text)
	if err != nil {
		return job.ID{}, invalid([]job.Violation{{Field: field, Message: err.Error()}})
	}
	return id, nil
}

// maxPageBytes keeps a message with jobs or batches well below [maxResponseBytes].
const maxPageBytes = maxResponseBytes * 3 / 4

// fitting is the longest beginning of jobs that fits a message, but at least one
// job, and whether anything was cut off.
func fitting(jobs []job.Job) (fit []job.Job, cut bool) {
	size := 0
	for i, j := range jobs {
		size += roughSize(j)
		if i > 0 && size > maxPageBytes {
			return jobs[:i], true
		}
	}
	return jobs, false
}

// waitSize is how large what a job waits for is at most, with its words.
const waitSize = 128 + 2*(job.MaxWaitText+100)

// roughSize is at least the size of j in a message, not counting the id of its
// batch wherever that is of an ordinary length.
func roughSize(j job.Job) int {
	n := 512 + waitSize + len(j.ID.Batch) + len(j.Key) + len(j.Name) + len(j.InputPath) + len(j.OutputPath) + len(j.EncodingID) + len(j.Reason)
	for k, v := range j.Variables {
		n += len(k) + len(v) + 16
	}
	if f := j.Failure; f != nil {
		n += 128 + len(f.Category) + len(f.Text) + len(f.RequestID)
		for _, m := range f.Messages {
			n += len(m) + 8
		}
	}
	return n
}

package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// defaultPriority is the priority of a batch that names none.
const defaultPriority = 50

// SubmitBatch stores a batch and all of its jobs, or nothing.
func (s *Server) SubmitBatch(ctx context.Context, req *stokerv1.SubmitBatchRequest) (*stokerv1.SubmitBatchResponse, error) {
	hash, err := payloadHash(req)
	if err != nil {
		return nil, err
	}
	// A repeat gets the first answer before it is checked: what was right then may be
	// wrong by the configuration of today.
	if hash != nil && !req.GetValidateOnly() {
		first, err := s.store.BatchByRequestID(ctx, req.GetRequestId(), hash)
		switch {
		case err == nil:
			return s.respondSubmit(ctx, first, &checks{})
		case !errors.Is(err, job.ErrNotFound):
			return nil, fmt.Errorf("submit batch: %w", err)
		}
	}
	var c checks
	b, err := s.checkSubmit(&c, req)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	jobs := takeJobs(&req.Jobs)
	if req.GetValidateOnly() {
		b.Skipped, err = s.store.CountSucceeded(ctx, b, jobs)
		if err != nil {
			return nil, err
		}
		b.Counts.Waiting = int64(len(jobs)) - b.Skipped
		return s.respondSubmit(ctx, b, &c)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("choose a batch id: %w", err)
	}
	b.ID = id.String()
	b.CreateTime, b.UpdateTime = now, now
	if b.DisplayName == "" {
		b.DisplayName = b.ID
	}
	b, _, err = s.store.Submit(ctx, job.Submission{
		Batch: b, Jobs: jobs,
		RequestID: req.GetRequestId(), PayloadHash: hash,
	}, now)
	if err != nil {
		return nil, fmt.Errorf("submit batch: %w", err)
	}
	return s.respondSubmit(ctx, b, &c)
}

// respondSubmit is the answer about a batch, with what is odd about the request.
func (s *Server) respondSubmit(ctx context.Context, b job.Batch, c *checks) (*stokerv1.SubmitBatchResponse, error) {
	m, err := s.show(ctx, b)
	if err != nil {
		return nil, err
	}
	return &stokerv1.SubmitBatchResponse{Batch: m, Warnings: c.warnings, WarningCount: c.warned}, nil
}

// checkSubmit is the batch that req asks for, without id and times, or everything
// that is wrong with req.
func (s *Server) checkSubmit(c *checks, req *stokerv1.SubmitBatchRequest) (job.Batch, error) {
	c.takeAll(s.contractViolations(req))
	b := job.Batch{
		DisplayName: req.GetDisplayName(), Labels: req.GetLabels(),
		Priority: defaultPriority, State: job.BatchActive, Open: req.GetKeepOpen(),
		FailureLimit: failureLimit(req.GetFailureLimit()), SkipSucceeded: req.GetSkipSucceeded(),
	}
	if req.Priority != nil {
		b.Priority = int(req.GetPriority())
	}
	if b.Open {
		b.State = job.BatchOpen
	}
	b.AccountID = s.checkAccount(c, req.GetAccount())
	filled := s.checkEncodeWith(c, req, &b)
	b.Input = c.storageFor(s.catalog, filled, "input", req.GetInput(), req.GetInputId())
	b.Output = c.storageFor(s.catalog, filled, "output", req.GetOutput(), req.GetOutputId())
	b.Retry = s.checkRetry(c, req)
	c.plainRequest(req)
	if len(req.GetJobs()) == 0 && !req.GetKeepOpen() {
		c.add("jobs", "name at least one job, or set keep_open to add jobs later")
	}
	b.ToldApartBy = toldApartBy(filled)
	rules := s.rulesFor(&b, filled)
	if b.SkipSucceeded {
		rules.keyed = "jobs that have succeeded before are known by it"
	}
	s.checkJobs(c, req.GetJobs(), rules)
	if err := c.err(); err != nil {
		return job.Batch{}, err
	}
	return b, nil
}

func (s *Server) checkAccount(c *checks, id string) string {
	if id == "" {
		id = DefaultName
	}
	if _, ok := s.store.AccountStatus(id); !ok {
		c.take(unknown("account", id, each(s.store.AccountStatuses(), func(a job.AccountStatus) string { return a.ID })))
	}
	return id
}

// toldApartBy is what keeps the jobs of a batch with a template, or without one, from
// writing to one place.
func toldApartBy(t *template.Template) job.Distinction {
	switch {
	case t == nil || t.ToldApartByOutputPath():
		return job.ByOutputPath
	case len(t.SharedOutputs()) > 0:
		return job.ByNothing
	}
	return job.ByTemplate
}

// checkEncodeWith settles how b is encoded. It returns the template to fill in for
// each job, nil if there is none or something is wrong with it.
func (s *Server) checkEncodeWith(c *checks, req *stokerv1.SubmitBatchRequest, b *job.Batch) *template.Template {
	switch with := req.GetEncodeWith().(type) {
	case *stokerv1.SubmitBatchRequest_Recipe:
		r := recipe(with.Recipe)
		c.addDetailed(r.Validate("recipe"))
		b.Recipe = &r
	case *stokerv1.SubmitBatchRequest_Template:
		t, wrong := s.catalog.template(with.Template)
		c.take(wrong)
		b.Template = &t
		if wrong == nil {
			return c.template("template", fmt.Sprintf("template %q, ", t.Name), t, len(req.GetJobs()))
		}
	case *stokerv1.SubmitBatchRequest_InlineTemplate:
		t := job.Template{Text: with.InlineTemplate.GetYaml(), FallbackRegions: with.InlineTemplate.GetFallbackRegions()}
		b.Template = &t
		return c.inlineTemplate(t, len(req.GetJobs()))
	default:
		b.Profile = req.GetProfile()
		if b.Profile == "" {
			b.Profile = DefaultName
		}
		r, wrong := s.catalog.profile(b.Profile)
		c.take(wrong)
		b.Recipe = &r
	}
	return nil
}

func (s *Server) checkRetry(c *checks, req *stokerv1.SubmitBatchRequest) job.RetryPolicy {
	r := c.retry("retry_policy", req.GetRetryPolicy(), s.catalog.Retry)
	if req.MaxRetries == nil {
		return r
	}
	if req.GetRetryPolicy() != nil {
		c.add("max_retries", "excludes retry_policy; give the number there")
	}
	r = s.catalog.Retry
	r.MaxRetries = int(req.GetMaxRetries())
	return r
}

// payloadHash tells apart requests that share a request_id; nil if there is none. Where
// a [Digest] is another across builds, a repeat is refused and nothing is submitted twice.
func payloadHash(req *stokerv1.SubmitBatchRequest) ([]byte, error) {
	if req.GetRequestId() == "" {
		return nil, nil
	}
	return Digest(req)
}

// takeJobs converts the jobs of a message that nobody looks at any more, and lets go of
// them: 100,000 are a good part of what the service may take, and the job table needs a
// second or more for them.
func takeJobs(jobs *[]*stokerv1.JobSpec) []job.Spec {
	specs := each(*jobs, jobSpec)
	*jobs = nil
	return specs
}

// AddJobs appends jobs to an OPEN batch.
func (s *Server) AddJobs(ctx context.Context, req *stokerv1.AddJobsRequest) (*stokerv1.AddJobsResponse, error) {
	var c checks
	c.takeAll(s.contractViolations(req))
	var rules jobRules
	if len(req.GetJobs()) == 0 {
		c.add(jobsField, "name at least one job")
	}
	if req.GetBatchId() != "" {
		b, err := s.store.Batch(ctx, req.GetBatchId())
		if err != nil {
			return nil, fmt.Errorf("read batch: %w", err)
		}
		var filled *template.Template
		if b.Template != nil {
			filled = c.template("batch_id", "its template, ", *b.Template, len(req.GetJobs()))
		}
		rules = s.rulesFor(&b, filled)
	}
	rules.keyed = "jobs that are added to a batch are told apart by it"
	s.checkJobs(&c, req.GetJobs(), rules)
	if err := c.err(); err != nil {
		return nil, err
	}
	jobs := takeJobs(&req.Jobs)
	b, added, skipped, err := s.store.AddJobs(ctx, req.GetBatchId(), jobs, time.Now())
	if err != nil {
		return nil, fmt.Errorf("add jobs: %w", err)
	}
	m, err := s.show(ctx, b)
	if err != nil {
		return nil, err
	}
	return &stokerv1.AddJobsResponse{
		Batch: m, AddedCount: added, DuplicateCount: skipped, SucceededCount: int64(len(jobs)) - added - skipped,
		Warnings: c.warnings, WarningCount: c.warned,
	}, nil
}

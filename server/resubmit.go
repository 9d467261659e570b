package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

const (
	// maxResubmitted is how many jobs a resubmission may have, as many as a submission.
	maxResubmitted = 100_000
	// resubmitPage is how many jobs are read at a time.
	resubmitPage = 1_000
)

// ResubmitBatch submits jobs of a batch again, as a new batch.
func (s *Server) ResubmitBatch(ctx context.Context, req *stokerv1.ResubmitBatchRequest) (*stokerv1.ResubmitBatchResponse, error) {
	hash, err := resubmitHash(req)
	if err != nil {
		return nil, err
	}
	old, err := s.store.Batch(ctx, req.GetBatchId())
	if hash != nil && !req.GetValidateOnly() { // a repeat is answered whatever has become of the old batch
		first, err := s.store.BatchByRequestID(ctx, job.RequestKey{ID: req.GetRequestId(), AccountID: old.AccountID, PayloadHash: hash})
		switch {
		case err == nil:
			return s.respondResubmit(ctx, first)
		case !errors.Is(err, job.ErrNotFound):
			return nil, fmt.Errorf("resubmit batch: %w", err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read batch: %w", err)
	}
	jobs, err := readResubmitted(ctx, s.store, old, req)
	if err != nil {
		return nil, err
	}
	check := s.newSubmission(ctx)
	if err := check.checkResubmit(req, old, jobs); err != nil {
		return nil, err
	}
	if err := s.store.checkBatchKeyUse(ctx, &check.batch); err != nil {
		return nil, err
	}
	b, now := check.batch, time.Now()
	if req.GetValidateOnly() {
		b.Counts.Waiting = int64(len(jobs))
		return s.respondResubmit(ctx, b)
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
	b.DisplayName = cmp.Or(b.DisplayName, b.ID)
	n := len(jobs)
	b, _, err = s.store.Submit(ctx, job.Submission{Batch: b, Jobs: takeJobs(&jobs), RequestID: req.GetRequestId(), PayloadHash: hash}, now)
	collectJobs(n)
	if err != nil {
		return nil, fmt.Errorf("resubmit batch: %w", err)
	}
	return s.respondResubmit(ctx, b)
}

func (s *Server) respondResubmit(ctx context.Context, b job.Batch) (*stokerv1.ResubmitBatchResponse, error) {
	m, err := s.renderBatch(ctx, b)
	if err != nil {
		return nil, err
	}
	return &stokerv1.ResubmitBatchResponse{Batch: m}, nil
}

// resubmitHash distinguishes a repeat from another request with the same request_id; nil without request_id.
func resubmitHash(req *stokerv1.ResubmitBatchRequest) ([]byte, error) {
	if req.GetRequestId() == "" {
		return nil, nil
	}
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("hash request: %w", err)
	}
	sum := sha256.Sum256(append([]byte(req.ProtoReflect().Descriptor().FullName()+"\n"), text...))
	return sum[:], nil
}

// readResubmitted reads the jobs of a batch that req selects, as they were submitted.
func readResubmitted(ctx context.Context, store JobStore, old job.Batch, req *stokerv1.ResubmitBatchRequest) ([]*stokerv1.JobSpec, error) {
	search := job.Search{BatchSeq: old.Seq, States: jobStates(req.GetStates()), KeyPrefix: req.GetKeyPrefix(), Causes: req.GetCauses()}
	var jobs []*stokerv1.JobSpec
	for page := (job.SearchPage{Ascending: true, Limit: resubmitPage}); ; {
		found, err := store.FindJobs(ctx, search, page)
		if err != nil {
			return nil, fmt.Errorf("read jobs: %w", err)
		}
		for i := range found.Jobs {
			jobs = append(jobs, jobSpecMessage(found.Jobs[i].Spec))
		}
		if len(jobs) > maxResubmitted {
			return nil, invalid("states", fmt.Sprintf("more than %d jobs are selected, which is the most for one batch; select fewer by states, causes or key_prefix", maxResubmitted))
		}
		if page.After = found.Next; page.After == (job.JobPosition{}) {
			break
		}
	}
	if len(jobs) == 0 {
		return nil, invalid("states", fmt.Sprintf("no job of batch %d is selected by states, causes and key_prefix", old.Seq))
	}
	return jobs, nil
}

func jobSpecMessage(j job.Spec) *stokerv1.JobSpec {
	return &stokerv1.JobSpec{Key: j.Key, Name: j.Name, InputPath: j.InputPath, OutputPath: j.OutputPath, Variables: j.Variables}
}

// checkResubmit sets the batch that req makes of jobs of another one, and checks the batch and its jobs.
func (s *submission) checkResubmit(req *stokerv1.ResubmitBatchRequest, old job.Batch, jobs []*stokerv1.JobSpec) error {
	s.batch = job.Batch{
		DisplayName: cmp.Or(req.GetDisplayName(), old.DisplayName), Labels: maps.Clone(old.Labels),
		AccountID: cmp.Or(req.GetAccount(), old.AccountID), Priority: old.Priority, State: job.BatchActive,
		Profile: old.Profile, Recipe: old.Recipe, Template: old.Template, Retry: old.Retry, FailureLimit: old.FailureLimit,
	}
	if old.DisplayName == old.ID {
		s.batch.DisplayName = req.GetDisplayName() // nobody has named it
	}
	if req.Priority != nil {
		s.batch.Priority = int(req.GetPriority())
	}
	s.checkAccount(s.batch.AccountID)
	s.checkText("request_id", req.GetRequestId())
	s.checkText("display_name", req.GetDisplayName())
	s.checkNewLabels("set_labels", req.GetSetLabels())
	if err := changeLabels(&s.batch, req.GetSetLabels(), nil); err != nil {
		s.add("set_labels", "the new batch would have more than %d labels", maxLabels)
	}
	s.setOtherEncoding(req, old.AccountID, len(jobs))
	s.batch.DistinctBy = distinctBy(s.template)
	s.batch.Input = s.oldStorage("input", "", old.Input)
	s.batch.Output = s.oldStorage("output", req.GetOutput(), old.Output)
	s.checkJobs(jobs)
	return s.err()
}

// setOtherEncoding sets the profile or template that req names. Without one, the batch is encoded as the old
// one was, by the recipe or template that it was submitted with.
func (s *submission) setOtherEncoding(req *stokerv1.ResubmitBatchRequest, oldAccount string, jobs int) {
	switch with := req.GetEncodeWith().(type) {
	case *stokerv1.ResubmitBatchRequest_Profile:
		s.batch.Template = nil
		s.setProfile(with.Profile)
	case *stokerv1.ResubmitBatchRequest_Template:
		s.batch.Profile, s.batch.Recipe = "", nil
		s.setTemplate(with.Template, jobs)
	default:
		s.checkOldEncoding()
		if s.batch.Template != nil {
			parsed, mistakes := template.ParseStored(*s.batch.Template)
			s.addTemplateMistakes("batch_id", "its template, ", parsed, mistakes, jobs)
			s.template = parsed
			if s.batch.AccountID != oldAccount {
				s.checkOldSecrets()
			}
		}
	}
}

// checkOldSecrets checks that the batch's account, which is not that of the old batch, can use the secrets of the old
// template. The configuration says so by a template of that name which uses them still.
func (s *submission) checkOldSecrets() {
	if s.template == nil {
		return
	}
	var known []string
	if now, _ := template.ParseStored(s.catalog.Templates[s.batch.Template.Name]); now != nil {
		known = now.Secrets()
	}
	for _, secret := range s.template.Secrets() {
		if !slices.Contains(known, secret) {
			s.add("account", "template %q, with which the batch was encoded, uses a secret that no template of this name uses any more, which would say whether account %q may use it; set profile or template",
				s.batch.Template.Name, s.batch.AccountID)
			return
		}
	}
}

// checkOldEncoding checks that the batch's account can use the profile or template that the old batch names:
// the new batch may have another account.
func (s *submission) checkOldEncoding() {
	if name := s.batch.Profile; name != "" && !s.usable(s.catalog.profileAccounts(name)) {
		s.add("account", "profile %q, with which the batch was encoded, is not for account %q; set profile or template", name, s.batch.AccountID)
	}
	if t := s.batch.Template; t != nil && t.Name != "" && !s.usable(s.catalog.templateAccounts(t.Name)) {
		s.add("account", "template %q, with which the batch was encoded, is not for account %q; set profile or template", t.Name, s.batch.AccountID)
	}
}

// oldStorage returns the storage of the old batch, or another one of the configuration. It returns none for a
// template that does not use it.
func (s *submission) oldStorage(way, other string, old job.StorageRef) job.StorageRef {
	switch {
	case other != "":
		return s.storage(way, other, "")
	case s.template != nil && !s.template.Uses(way+"_id"):
		return job.StorageRef{}
	}
	return s.storage(way, old.Name, old.ID)
}

package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// UpdateBatch changes the fields of a batch that its mask names.
func (s *Server) UpdateBatch(ctx context.Context, req *stokerv1.UpdateBatchRequest) (*stokerv1.UpdateBatchResponse, error) {
	check := s.newSubmission(ctx)
	check.addAll(s.contract.violations(req))
	changes := check.updateChanges(req)
	if err := check.err(); err != nil {
		return nil, err
	}
	m, err := s.updateBatch(ctx, req.GetBatch().GetId(), func(b *job.Batch) error {
		for _, change := range changes {
			change(b)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &stokerv1.UpdateBatchResponse{Batch: m}, nil
}

// updateChanges returns what an update changes in a batch, and notes what is wrong with it.
func (s *submission) updateChanges(req *stokerv1.UpdateBatchRequest) []func(*job.Batch) {
	in := req.GetBatch()
	if in != nil && in.GetId() == "" {
		s.add("batch.id", "is required")
	}
	if req.GetUpdateMask() != nil && len(req.GetUpdateMask().GetPaths()) == 0 {
		s.add("update_mask", "name at least one field")
	}
	fields := map[string]func(*job.Batch){
		"display_name":  func(b *job.Batch) { b.DisplayName = in.GetDisplayName() },
		"priority":      func(b *job.Batch) { b.Priority = int(in.GetPriority()) },
		"retry_policy":  func(b *job.Batch) { b.Retry = retryPolicy(in.GetRetryPolicy(), s.catalog.Retry) },
		"failure_limit": func(b *job.Batch) { b.FailureLimit = failureLimit(in.GetFailureLimit()) },
		"labels":        func(b *job.Batch) { b.Labels = in.GetLabels() },
	}
	var changes []func(*job.Batch)
	for i, path := range req.GetUpdateMask().GetPaths() {
		change, ok := fields[path]
		if !ok {
			s.add(fmt.Sprintf("update_mask.paths[%d]", i), "%q cannot be changed, only %s", path, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
			continue
		}
		changes = append(changes, change)
		s.checkNewValue(path, in)
	}
	return changes
}

// checkNewValue holds a new value to the rules of a submission.
func (s *submission) checkNewValue(path string, in *stokerv1.Batch) {
	switch path {
	case "display_name":
		if n := utf8.RuneCountInString(in.GetDisplayName()); n == 0 || n > job.MaxDisplayName {
			s.add("batch.display_name", "want 1 to %d characters", job.MaxDisplayName)
		}
		s.checkText("batch.display_name", in.GetDisplayName())
	case "priority":
		if p := in.GetPriority(); p < 0 || p > job.MaxPriority {
			s.add("batch.priority", "%d: want 0 to %d", p, job.MaxPriority)
		}
	case "retry_policy":
		s.retryPolicy("batch.retry_policy", in.GetRetryPolicy())
	case "labels":
		s.checkLabels("batch.labels", in.GetLabels())
		// The contract states the rules for labels once, for the submission.
		for _, v := range s.contract.violations(&stokerv1.SubmitBatchRequest{Labels: in.GetLabels()}) {
			s.addAll([]job.Violation{{Field: "batch." + v.Field, Message: v.Message}})
		}
	}
}

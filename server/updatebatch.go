package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// UpdateBatch changes the fields of a batch that its mask names, and labels.
func (s *Server) UpdateBatch(ctx context.Context, req *stokerv1.UpdateBatchRequest) (*stokerv1.UpdateBatchResponse, error) {
	check := s.newSubmission(ctx)
	check.addAll(s.contract.violations(req))
	if req.GetBatch() != nil && req.GetBatch().GetId() == "" {
		check.add("batch.id", "is required")
	}
	change := check.batchUpdate(req, append([]string{"display_name"}, manyBatchesFields...))
	if err := check.err(); err != nil {
		return nil, err
	}
	m, err := s.updateBatch(ctx, req.GetBatch().GetId(), change)
	if err != nil {
		return nil, err
	}
	return &stokerv1.UpdateBatchResponse{Batch: m}, nil
}

// manyBatchesFields are the fields that can be changed in many batches at once.
var manyBatchesFields = []string{"failure_limit", "labels", "priority", "retry_policy"}

// batchUpdater is a request that changes fields of batches.
type batchUpdater interface {
	GetBatch() *stokerv1.Batch
	GetUpdateMask() *fieldmaskpb.FieldMask
	GetSetLabels() map[string]string
	GetRemoveLabels() []string
}

// batchUpdate returns what an update changes in a batch, and notes what is wrong with it. allowed are the
// fields that its mask may name.
func (s *submission) batchUpdate(req batchUpdater, allowed []string) func(*job.Batch) error {
	in, paths := req.GetBatch(), req.GetUpdateMask().GetPaths()
	byLabel := len(req.GetSetLabels())+len(req.GetRemoveLabels()) > 0
	if len(paths) == 0 && !byLabel {
		s.add("update_mask", "name at least one field, or give set_labels or remove_labels")
	}
	if slices.Contains(paths, "labels") && byLabel {
		s.add("update_mask", "labels replaces all labels, and excludes set_labels and remove_labels")
	}
	fields := map[string]func(*job.Batch){
		"display_name":  func(b *job.Batch) { b.DisplayName = in.GetDisplayName() },
		"priority":      func(b *job.Batch) { b.Priority = int(in.GetPriority()) },
		"retry_policy":  func(b *job.Batch) { b.Retry = retryPolicy(in.GetRetryPolicy(), s.catalog.Retry) },
		"failure_limit": func(b *job.Batch) { b.FailureLimit = failureLimit(in.GetFailureLimit()) },
		"labels":        func(b *job.Batch) { b.Labels = in.GetLabels() },
	}
	var changes []func(*job.Batch)
	for i, path := range paths {
		if !slices.Contains(allowed, path) {
			s.add(fmt.Sprintf("update_mask.paths[%d]", i), "%q cannot be changed, only %s", path, strings.Join(slices.Sorted(slices.Values(allowed)), ", "))
			continue
		}
		changes = append(changes, fields[path])
		s.checkNewValue(path, in)
	}
	s.checkNewLabels("set_labels", req.GetSetLabels())
	return func(b *job.Batch) error {
		for _, change := range changes {
			change(b)
		}
		return changeLabels(b, req.GetSetLabels(), req.GetRemoveLabels())
	}
}

// maxLabels is how many labels a batch may have, as the contract says for a submission.
const maxLabels = 50

// changeLabels sets and removes labels of a batch.
func changeLabels(b *job.Batch, set map[string]string, remove []string) error {
	if len(set)+len(remove) == 0 {
		return nil
	}
	labels := maps.Clone(b.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	for _, name := range remove {
		delete(labels, name)
	}
	maps.Copy(labels, set)
	if len(labels) > maxLabels {
		return invalid("set_labels", fmt.Sprintf("batch %d would have %d labels; it may have %d", b.Seq, len(labels), maxLabels))
	}
	b.Labels = labels
	return nil
}

// checkNewLabels holds labels to the rules of a submission.
func (s *submission) checkNewLabels(field string, labels map[string]string) {
	s.checkLabels(field, labels)
	// The contract states the rules for labels once, for the submission.
	for _, v := range s.contract.violations(&stokerv1.SubmitBatchRequest{Labels: labels}) {
		s.addAll([]job.Violation{{Field: strings.Replace(v.Field, "labels", field, 1), Message: v.Message}})
	}
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
		s.checkNewLabels("batch.labels", in.GetLabels())
	}
}

package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// UpdateBatch changes the fields of a batch that its mask names.
func (s *Server) UpdateBatch(ctx context.Context, req *stokerv1.UpdateBatchRequest) (*stokerv1.UpdateBatchResponse, error) {
	var c checks
	c.takeAll(s.contractViolations(req))
	changes := s.checkUpdate(&c, req)
	if err := c.err(); err != nil {
		return nil, err
	}
	m, err := s.changeBatch(ctx, req.GetBatch().GetId(), func(b *job.Batch) error {
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

// checkUpdate is what an update changes, or notes what is wrong with it.
func (s *Server) checkUpdate(c *checks, req *stokerv1.UpdateBatchRequest) []func(*job.Batch) {
	in := req.GetBatch()
	if in != nil && in.GetId() == "" {
		c.add("batch.id", "is required")
	}
	if req.GetUpdateMask() != nil && len(req.GetUpdateMask().GetPaths()) == 0 {
		c.add("update_mask", "name at least one field")
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
			c.add(fmt.Sprintf("update_mask.paths[%d]", i), "%q cannot be changed, only %s", path, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
			continue
		}
		changes = append(changes, change)
		s.checkNewValue(c, path, in)
	}
	return changes
}

// checkNewValue holds a new value to the rules that a submission is held to.
func (s *Server) checkNewValue(c *checks, path string, in *stokerv1.Batch) {
	switch path {
	case "display_name":
		if n := len([]rune(in.GetDisplayName())); n == 0 || n > 200 {
			c.add("batch.display_name", "want 1 to 200 characters")
		}
		c.plain("batch.display_name", in.GetDisplayName())
	case "priority":
		if p := in.GetPriority(); p < 0 || p > 100 {
			c.add("batch.priority", "%d: want 0 to 100", p)
		}
	case "retry_policy":
		c.retry("batch.retry_policy", in.GetRetryPolicy(), s.catalog.Retry)
	case "labels":
		c.plainLabels("batch.labels", in.GetLabels())
		// The contract states the rules for labels once, at the submission.
		for _, v := range s.contractViolations(&stokerv1.SubmitBatchRequest{Labels: in.GetLabels()}) {
			v.Field = "batch." + v.Field
			c.take(&v)
		}
	}
}

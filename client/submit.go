package client

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

const (
	// partJobs and partBytes are how many jobs a part of a longer list has, and how large
	// these are: little enough for others to get their turn at the server between
	// two parts.
	partJobs  = 10_000
	partBytes = 2 << 20
)

// SubmitOptions are the choices [Client.SubmitWith] leaves to its caller.
type SubmitOptions struct {
	// BatchID is a batch of an earlier, interrupted submission of the same request, whose list
	// does not fit one message. What it has of the list is not sent again. Empty: begin a batch.
	BatchID string
	// Progress, if set, is called after each part.
	Progress func(Progress)
	// Warn, if set, is called with what the server finds odd about the request, fields
	// numbered as in it: of each part the first 100, and how many there are in all. It
	// is called at most once for each part. A submission that is sent again after its
	// answer was lost may have no warnings.
	Warn func(list []Warning, total int64)
}

// Progress is how far a list is that is sent in parts.
type Progress struct {
	Batch    *stokerv1.Batch // as it was after the latest part; nil while the list is only checked
	Sent     int64           // jobs of the list that have been checked, or that the batch has
	Total    int64           // jobs of the list
	Uploaded bool            // the last part is stored
}

// Submit stores a batch and answers once it is durable. It is sent again when its answer
// does not come, under one request_id, so that nothing is submitted twice. Who wants to
// repeat the call itself, after an error, has to choose the request_id: without one, two
// calls are two batches. req is not changed.
//
// A list that does not fit one message needs a key for every job. It is checked as
// a whole first, then uploaded in parts to a batch that is open meanwhile, whose
// jobs are worked on from the first part on. An upload that is interrupted can be
// repeated with the same request_id: it goes on where it was.
//
// Wrong input is an error with code INVALID_ARGUMENT; [Violations] lists what is
// wrong, numbered as in req, and nothing was stored.
func (c *Client) Submit(ctx context.Context, req *stokerv1.SubmitBatchRequest) (*stokerv1.Batch, error) {
	return c.SubmitWith(ctx, req, SubmitOptions{})
}

// SubmitWith is [Client.Submit] for long lists of which one wants to know more.
func (c *Client) SubmitWith(ctx context.Context, req *stokerv1.SubmitBatchRequest, o SubmitOptions) (*stokerv1.Batch, error) {
	head := withoutJobs(req)
	if head.RequestId == "" {
		id, err := NewRequestID()
		if err != nil {
			return nil, err
		}
		head.RequestId = id
	}
	if o.BatchID == "" && c.Fits(req) {
		head.Jobs = req.GetJobs()
		resp, err := c.batches.SubmitBatch(ctx, head)
		o.warn(resp, 0)
		return resp.GetBatch(), err
	}
	if err := checkParts(req); err != nil {
		return nil, err
	}
	u := &upload{client: c, head: head, parts: c.split(head, req.GetJobs()), total: int64(len(req.GetJobs())), options: o}
	if o.BatchID != "" {
		return u.resume(ctx)
	}
	if b, err := u.validate(ctx); err != nil || req.GetValidateOnly() {
		return b, err
	}
	return u.begin(ctx)
}

// NewRequestID is a request_id that nobody else has, for who wants to know it before the
// batch is submitted: with the same one a submission can be repeated later.
func NewRequestID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("choose a request id: %w", err)
	}
	return id.String(), nil
}

// Fits reports whether req is submitted in one message, and so as a whole or not at all.
func (c *Client) Fits(req *stokerv1.SubmitBatchRequest) bool {
	return len(req.GetJobs()) <= job.MaxRequestJobs && proto.Size(req) <= c.messageBytes
}

// withoutJobs is a request that shares everything with req but its jobs.
func withoutJobs(req *stokerv1.SubmitBatchRequest) *stokerv1.SubmitBatchRequest {
	head := &stokerv1.SubmitBatchRequest{}
	to := head.ProtoReflect()
	req.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if fd.Name() != "jobs" {
			to.Set(fd, v)
		}
		return true
	})
	return head
}

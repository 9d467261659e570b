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
	// partJobs and partBytes limit one part of a list that does not fit one message. Parts are
	// small, so that the server can serve other clients between two of them.
	partJobs  = 10_000
	partBytes = 2 << 20
)

// SubmitOptions are the options of [Client.SubmitWith].
type SubmitOptions struct {
	// BatchID is the batch of an interrupted upload of the same request. Jobs that the batch has
	// are not sent again, unless somebody else has added others to the batch. If the batch is closed, and does
	// not have the whole list, the error is an [IncompleteError]. Empty: a new batch.
	BatchID string
	// Progress, if set, is called after each part.
	Progress func(Progress)
	// Warn, if set, is called at most once for each part of the list that the server has warnings
	// about. It gets the first 100 warnings and the number of all. Jobs are numbered as in the
	// request. A request that is repeated because its answer was lost may have no warnings.
	Warn func(list []Warning, total int64)
	// OutputFolder and Variables hold for all jobs that AddJobs adds; see the fields of AddJobsRequest.
	// Of a submission, those of the request hold.
	OutputFolder string
	Variables    map[string]string
}

// Progress says how much of a list that is sent in parts has been sent.
type Progress struct {
	Batch    *stokerv1.Batch // after the latest part; nil while the list is being checked
	Sent     int64           // jobs of the list that have been checked, or that the batch has
	Total    int64           // all jobs of the list
	Uploaded bool            // all parts are stored
}

// Submit submits a batch and returns once the server has stored it. If no answer comes, Submit repeats
// the request with the same request_id, so that nothing is submitted twice. A caller that repeats
// Submit itself after an error has to set request_id: without one, two calls submit two batches.
// Submit does not change req.
//
// If the list does not fit one message, every job needs a key. Submit first has the whole list
// checked. Then it uploads the list in parts to an open batch, whose jobs are started from the first
// part on. To continue an interrupted upload, call Submit again with the same request_id.
//
// Invalid input is an error with the code INVALID_ARGUMENT, and nothing is stored. [Violations] lists
// what is wrong; jobs are numbered as in req.
func (c *Client) Submit(ctx context.Context, req *stokerv1.SubmitBatchRequest) (*stokerv1.Batch, error) {
	return c.SubmitWith(ctx, req, SubmitOptions{})
}

// SubmitWith is [Client.Submit] with options for long lists.
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
	if hasTemplate(req) {
		if err := u.checkTemplatePaths(ctx, req.GetJobs()); err != nil {
			return nil, err
		}
	}
	if b, err := u.validate(ctx); err != nil || req.GetValidateOnly() {
		return b, err
	}
	return u.begin(ctx)
}

// NewRequestID returns a new unique request_id. A caller that keeps the request_id of a submission can
// repeat the submission later.
func NewRequestID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("choose a request id: %w", err)
	}
	return id.String(), nil
}

// Fits reports whether req fits one message, so that [Client.Submit] submits all of it or nothing.
func (c *Client) Fits(req *stokerv1.SubmitBatchRequest) bool {
	return len(req.GetJobs()) <= job.MaxRequestJobs && proto.Size(req) <= c.messageBytes
}

// withoutJobs returns a request that shares everything with req but its jobs.
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

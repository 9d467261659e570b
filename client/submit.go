package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// maxJobs is how many jobs the server takes in one message.
const maxJobs = 100_000

// submitTries is how often a call is made when the server is away, with growing
// waits between: about a second in all.
const submitTries = 4

// Submit stores a batch and answers once it is durable. A request without
// request_id gets one, so that the call can be, and is, repeated when the server
// cannot be reached for a moment. req is not changed.
//
// A list that does not fit one message needs a key for every job. It is checked as
// a whole first, then uploaded in parts to a batch that is open meanwhile, whose
// jobs are worked on from the first part on. An upload that is interrupted can be
// repeated with the same request_id: it goes on where it was.
//
// Wrong input is an error with code INVALID_ARGUMENT; [Violations] lists what is
// wrong, numbered as in req, and nothing was stored.
func (c *Client) Submit(ctx context.Context, req *stokerv1.SubmitBatchRequest) (*stokerv1.Batch, error) {
	head := header(req)
	if head.RequestId == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("choose a request id: %w", err)
		}
		head.RequestId = id.String()
	}
	parts := c.split(head, req.GetJobs())
	if len(parts) == 1 {
		head.Jobs = req.GetJobs()
		return c.submit(ctx, head)
	}
	if err := checkParts(req.GetJobs()); err != nil {
		return nil, err
	}
	if b, err := c.validate(ctx, head, parts); err != nil || req.GetValidateOnly() {
		return b, err
	}
	return c.upload(ctx, head, parts, req.GetKeepOpen())
}

// header is a request that shares everything with req but its jobs.
func header(req *stokerv1.SubmitBatchRequest) *stokerv1.SubmitBatchRequest {
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

// part is a run of jobs that fits one message.
type part struct {
	first int // index of the first of them in the whole list
	jobs  []*stokerv1.JobSpec
}

// split cuts jobs into as few parts as fit messages. There is at least one.
func (c *Client) split(head *stokerv1.SubmitBatchRequest, jobs []*stokerv1.JobSpec) []part {
	const framing = 8 // around a job in its list
	base := proto.Size(head)
	var parts []part
	size, first := base, 0
	for i, j := range jobs {
		n := proto.Size(j) + framing
		if i > first && (size+n > c.messageBytes || i-first == maxJobs) {
			parts = append(parts, part{first, jobs[first:i]})
			size, first = base, i
		}
		size += n
	}
	return append(parts, part{first, jobs[first:]})
}

// checkParts finds what the server cannot see in one part at a time.
func checkParts(jobs []*stokerv1.JobSpec) error {
	var wrong []Violation
	keys, outputs := map[string]int{}, map[string]int{}
	for i, j := range jobs {
		if j.GetKey() == "" {
			wrong = append(wrong, Violation{jobField(i, "key"), "is required: the list is too long for one message and is uploaded in parts"})
		} else if first, taken := keys[j.GetKey()]; taken {
			wrong = append(wrong, Violation{jobField(i, "key"), fmt.Sprintf("%q is the key of jobs[%d] already", j.GetKey(), first)})
		} else {
			keys[j.GetKey()] = i
		}
		if first, taken := outputs[j.GetOutputPath()]; taken && j.GetOutputPath() != "" {
			wrong = append(wrong, Violation{
				jobField(i, "output_path"),
				fmt.Sprintf("%q is written to by jobs[%d] already; one would overwrite the other", j.GetOutputPath(), first),
			})
		} else {
			outputs[j.GetOutputPath()] = i
		}
	}
	return invalid(wrong)
}

// validate has the server check every part, and stores nothing. The batch it
// returns is the first part's, with the number of all jobs.
func (c *Client) validate(ctx context.Context, head *stokerv1.SubmitBatchRequest, parts []part) (*stokerv1.Batch, error) {
	var batch *stokerv1.Batch
	var wrong []Violation
	total := int64(0)
	for _, p := range parts {
		req := header(head)
		req.Jobs, req.ValidateOnly, req.KeepOpen = p.jobs, true, true
		b, err := c.submit(ctx, req)
		switch bad := Violations(err); {
		case len(bad) > 0:
			wrong = append(wrong, renumber(bad, p.first)...)
		case err != nil:
			return nil, err
		case batch == nil:
			batch = b
		}
		total += int64(len(p.jobs))
	}
	if err := invalid(wrong); err != nil {
		return nil, err
	}
	batch.JobCount = total
	batch.Counts.Waiting = total
	return batch, nil
}

// upload stores the parts one after another.
func (c *Client) upload(ctx context.Context, head *stokerv1.SubmitBatchRequest, parts []part, keepOpen bool) (*stokerv1.Batch, error) {
	first := header(head)
	first.Jobs, first.KeepOpen = parts[0].jobs, true
	b, err := c.submit(ctx, first)
	if err != nil {
		return nil, err
	}
	last := parts[len(parts)-1]
	if b.GetJobCount() < int64(last.first+len(last.jobs)) { // not there in full from an earlier time
		for _, p := range parts[1:] {
			resp, err := repeat(ctx, func() (*stokerv1.AddJobsResponse, error) {
				return c.batches.AddJobs(ctx, &stokerv1.AddJobsRequest{BatchId: b.GetId(), Jobs: p.jobs})
			})
			if err != nil {
				return nil, fmt.Errorf("add jobs from number %d on to batch %s: %w", p.first+1, b.GetId(), err)
			}
			b = resp.GetBatch()
		}
	}
	if keepOpen {
		return b, nil
	}
	resp, err := repeat(ctx, func() (*stokerv1.CloseBatchResponse, error) {
		return c.batches.CloseBatch(ctx, &stokerv1.CloseBatchRequest{BatchId: b.GetId()})
	})
	if err != nil {
		return nil, fmt.Errorf("close batch %s: %w", b.GetId(), err)
	}
	return resp.GetBatch(), nil
}

func (c *Client) submit(ctx context.Context, req *stokerv1.SubmitBatchRequest) (*stokerv1.Batch, error) {
	resp, err := repeat(ctx, func() (*stokerv1.SubmitBatchResponse, error) { return c.batches.SubmitBatch(ctx, req) })
	return resp.GetBatch(), err
}

// repeat makes a call that may be made twice, and makes it again while the server
// cannot be reached, up to [submitTries] times.
func repeat[R any](ctx context.Context, call func() (R, error)) (R, error) {
	resp, err := backoff.Retry(ctx, func() (R, error) {
		resp, err := call()
		if err != nil && status.Code(err) != codes.Unavailable {
			return resp, backoff.Permanent(err)
		}
		return resp, err
	}, backoff.WithMaxTries(submitTries), backoff.WithBackOff(newBackOff(2*time.Second)))
	if p, ok := errors.AsType[*backoff.PermanentError](err); ok {
		err = p.Unwrap()
	}
	return resp, err
}

// newBackOff waits 0.1 s, then twice as long each time, up to longest.
func newBackOff(longest time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.Multiplier, b.MaxInterval = 100*time.Millisecond, 2, longest
	b.Reset()
	return b
}

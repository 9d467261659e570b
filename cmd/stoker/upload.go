package main

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/digest"
	"github.com/stokerd/stoker/internal/joblist"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// send submits the list: in one message if it fits, or else in parts.
func (c *cli) send(ctx context.Context, conn *client.Client, s *submission, list *joblist.List) (*stokerv1.Batch, error) {
	if s.request.GetSkipSucceeded() {
		list.FillKeys()
	}
	s.request.Jobs = jobSpecs(list)
	if conn.Fits(&s.request) {
		return c.sendWhole(ctx, conn, s)
	}
	if n := list.FillKeys(); n > 0 {
		c.note("%s without key: their output paths are their keys", output.Plural(int64(n), "job"))
		s.request.Jobs = jobSpecs(list)
	}
	list.Jobs = nil // the request has the jobs, and a million of them take much memory
	return c.sendParts(ctx, conn, s)
}

// sendWhole submits a request in one message, with a request id. If no answer comes, the batch may exist
// nevertheless: then it prints the command that sends the request again without making a second batch.
func (c *cli) sendWhole(ctx context.Context, conn *client.Client, s *submission) (*stokerv1.Batch, error) {
	r, again := &s.request, c.args.again(false)
	switch {
	case s.resume:
		digest, err := requestDigest(r)
		if err != nil {
			return nil, err
		}
		r.RequestId = resumeRequestID(digest)
	case r.GetRequestId() == "":
		id, err := client.NewRequestID()
		if err != nil {
			return nil, err
		}
		r.RequestId = id
		again += " --request-id " + r.GetRequestId()
	}
	batch, err := conn.SubmitWith(ctx, r, client.SubmitOptions{Warn: s.warnings.add})
	if s.resume && client.Reason(err) == "BATCH_DELETED" {
		return nil, usagef("this list was submitted before, and its batch was deleted since; nothing was submitted: to submit the jobs again, leave out --resume")
	}
	if err != nil && isTemporary(ctx, err) && !r.GetValidateOnly() {
		c.note("To go on, without submitting twice:")
		c.note("  %s", again)
	}
	return batch, err
}

// uploadLabel is the label of a batch that was uploaded in parts. Its value is [requestDigest] of the list
// and the flags, by which the same command on any machine finds an interrupted upload.
const uploadLabel = "stoker.upload"

// sendParts uploads a request that does not fit one message.
func (c *cli) sendParts(ctx context.Context, conn *client.Client, s *submission) (*stokerv1.Batch, error) {
	r := &s.request
	total := int64(len(r.GetJobs()))
	hasID := r.GetRequestId() != ""
	options := client.SubmitOptions{Warn: s.warnings.add}
	if !hasID && !r.GetValidateOnly() {
		var err error
		if options.BatchID, err = c.findUpload(ctx, conn, s); err != nil {
			return nil, err
		}
	}
	progress := ui.NewUploadProgress(c.stderr, c.getenv)
	var last client.Progress
	options.Progress = func(p client.Progress) {
		last = p
		progress.Show(ui.Upload{Sending: p.Batch != nil, Done: p.Sent, Total: p.Total, Complete: p.Uploaded})
	}
	batch, err := conn.SubmitWith(ctx, r, options)
	err = explainIncomplete(err)
	progress.Close()
	switch {
	case err == nil:
	case ctx.Err() != nil && options.BatchID == "" && last.Batch == nil && last.Sent < total:
		c.note("%s", s.nothing) // the server was still checking the list
	case !isTemporary(ctx, err):
		if last.Batch != nil {
			c.note("refused: %s has %s of %s jobs, works on them, and is open", ui.BatchTitle(last.Batch), output.Number(last.Sent), output.Number(total))
		}
	case !r.GetValidateOnly():
		if last.Batch != nil {
			c.note("interrupted: %s has %s of %s jobs, and works on them", ui.BatchTitle(last.Batch), output.Number(last.Sent), output.Number(total))
		}
		c.note("To go on:")
		c.note("  %s", c.args.again(!hasID))
	}
	return batch, err
}

// findUpload sets [uploadLabel] in the request. It returns the id of the batch with an earlier upload of
// the same list, if the upload is to be continued; else "".
func (c *cli) findUpload(ctx context.Context, conn *client.Client, s *submission) (batchID string, err error) {
	r := &s.request
	digest, err := requestDigest(r)
	if err != nil {
		return "", err
	}
	earlier, err := latestBatch(ctx, conn, map[string]string{uploadLabel: digest})
	if err != nil {
		return "", err
	}
	switch {
	case earlier != nil:
		total := int64(len(r.GetJobs()))
		resumed, err := c.checkResume(earlier, total, s.resume)
		if err != nil {
			return "", err
		}
		if resumed {
			batchID = earlier.GetId()
			s.closed = !takesJobs(earlier)
			switch has := uploadedCount(earlier); {
			case s.closed: // what it has is seen below
			case has > total:
				c.note("going on with %s, to which others have added jobs", ui.BatchTitle(earlier))
			default:
				c.note("going on with %s, which has %s of %s jobs", ui.BatchTitle(earlier), output.Number(has), output.Number(total))
			}
		}
	case s.resume:
		r.RequestId = resumeRequestID(digest)
	}
	r.Labels = maps.Clone(r.GetLabels())
	if r.Labels == nil {
		r.Labels = map[string]string{}
	}
	r.Labels[uploadLabel] = digest
	return batchID, nil
}

// requestDigest identifies a submission by its list and all flags that change the batch.
func requestDigest(r *stokerv1.SubmitBatchRequest) (string, error) {
	sum, err := digest.Of(r)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sum[:16]), nil
}

// latestBatch returns the newest batch that has all of the labels; nil if there is none.
func latestBatch(ctx context.Context, conn *client.Client, labels map[string]string) (*stokerv1.Batch, error) {
	page, err := conn.Batches().ListBatches(ctx, &stokerv1.ListBatchesRequest{Labels: labels, PageSize: 1})
	if err != nil || len(page.GetBatches()) == 0 {
		return nil, err
	}
	return page.GetBatches()[0], nil
}

// isTemporary reports whether a submission that failed with err can succeed if it is repeated unchanged.
func isTemporary(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return true
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Canceled:
		return true
	}
	return client.Unanswered(err)
}

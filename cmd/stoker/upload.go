package main

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/digest"
)

// A list that does not fit one message is uploaded in parts. What was interrupted is
// found again by a label of the batch, which follows from the list and the flags:
// there is no file to keep, and another machine can go on.

// uploadLabel is the label of batches that were uploaded in parts.
const uploadLabel = "stoker.upload"

// upload submits a request that does not fit one message.
func (c *cli) upload(ctx context.Context, conn *client.Client, s *submission) (*stokerv1.Batch, error) {
	r := &s.request
	total := int64(len(r.GetJobs()))
	named := r.GetRequestId() != ""
	options := client.SubmitOptions{Warn: s.odd.add}
	if !named && !r.GetValidateOnly() {
		digest, err := requestDigest(r)
		if err != nil {
			return nil, err
		}
		earlier, err := newest(ctx, conn, map[string]string{uploadLabel: digest})
		if err != nil {
			return nil, err
		}
		if earlier != nil {
			goOn, err := c.mayGoOn(earlier, total, s.resume)
			if err != nil {
				return nil, err
			}
			if goOn {
				options.BatchID = earlier.GetId()
				c.note("going on with batch %s, which has %d of %d jobs", earlier.GetId(), present(earlier), total)
			}
		} else if s.resume {
			r.RequestId = resumeID(digest)
		}
		r.Labels = maps.Clone(r.GetLabels())
		if r.Labels == nil {
			r.Labels = map[string]string{}
		}
		r.Labels[uploadLabel] = digest
	}
	progress := c.startProgress()
	var last client.Progress
	options.Progress = func(p client.Progress) {
		last = p
		progress.show(p)
	}
	batch, err := conn.SubmitWith(ctx, r, options)
	progress.close()
	if err != nil && last.Batch != nil && !goesOn(ctx, err) {
		c.note("refused: batch %s has %d of %d jobs, works on them, and is open", last.Batch.GetId(), last.Sent, total)
	}
	if err != nil && goesOn(ctx, err) && !r.GetValidateOnly() {
		if last.Batch != nil {
			c.note("interrupted: batch %s has %d of %d jobs, and works on them", last.Batch.GetId(), last.Sent, total)
		}
		c.note("to go on: %s", c.again(!named))
	}
	return batch, err
}

// requestDigest names what is submitted: the list and all flags that matter.
func requestDigest(r *stokerv1.SubmitBatchRequest) (string, error) {
	sum, err := digest.Of(r)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sum[:16]), nil
}

// newest is the batch with these labels that was submitted last, nil if there is none.
func newest(ctx context.Context, conn *client.Client, labels map[string]string) (*stokerv1.Batch, error) {
	page, err := conn.Batches().ListBatches(ctx, &stokerv1.ListBatchesRequest{Labels: labels, PageSize: 1})
	if err != nil || len(page.GetBatches()) == 0 {
		return nil, err
	}
	return page.GetBatches()[0], nil
}

// mayGoOn judges the latest upload of a list: whether it is the one to go on with.
func (c *cli) mayGoOn(b *stokerv1.Batch, total int64, resume bool) (bool, error) {
	state := b.GetState()
	takesMore := state == stokerv1.BatchState_BATCH_STATE_OPEN || state == stokerv1.BatchState_BATCH_STATE_PAUSED
	whole := present(b) >= total
	switch {
	case resume && !takesMore && !whole:
		return false, usagef("batch %s has %d of %d jobs and takes no more: it is %s; without --resume the whole list is submitted anew",
			b.GetId(), present(b), total, batchState(state))
	case resume:
		return true, nil
	case state == stokerv1.BatchState_BATCH_STATE_OPEN, takesMore && !whole:
		return false, usagef("an upload of this list is not finished: batch %s has %d of %d jobs\nto go on: %s\nto begin anew: stoker cancel %s, and then this command again",
			b.GetId(), present(b), total, c.again(true), b.GetId())
	}
	return false, nil
}

// present is how many jobs of a list a batch has, or has left out for good.
func present(b *stokerv1.Batch) int64 { return b.GetJobCount() + b.GetSkippedCount() }

// goesOn reports whether what stopped a submission is over one day.
func goesOn(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return true
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Canceled:
		return true
	}
	return client.Unanswered(err)
}

// resumeID names the request of --resume: two commands that begin the same list at the
// same moment share a batch by it.
func resumeID(digest string) string { return "resume-" + digest }

// again is the present command line for a shell, with --resume if that is what goes on.
// With a --request-id the command goes on as it is.
func (c *cli) again(resume bool) string {
	words := []string{"stoker"}
	for _, arg := range c.args {
		words = append(words, quoted(arg))
		resume = resume && arg != "--resume"
	}
	if resume {
		words = append(words, "--resume")
	}
	return strings.Join(words, " ")
}

// quoted is a word as a shell wants it.
func quoted(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:,@%"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

package main

import (
	"errors"
	"fmt"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
)

// checkResume decides whether to go on with batch b, the latest upload of a list of total jobs. It returns
// an error if b is unfinished and resume, the flag, is false, or if b takes no more jobs and resume is true.
func (c *cli) checkResume(b *stokerv1.Batch, total int64, resume bool) (resumed bool, err error) {
	state := b.GetState()
	takesMore := state == stokerv1.BatchState_BATCH_STATE_OPEN || state == stokerv1.BatchState_BATCH_STATE_PAUSED
	complete := uploadedCount(b) >= total
	switch {
	case resume && !takesMore && !complete:
		return false, closedPartly(b, output.Number(uploadedCount(b)), total)
	case resume:
		return true, nil
	case state == stokerv1.BatchState_BATCH_STATE_OPEN, takesMore && !complete:
		return false, &exitError{
			code: exitUsage,
			err: fmt.Errorf("an upload of this list is not finished: %s has %s of %s jobs",
				ui.BatchTitle(b), output.Number(uploadedCount(b)), output.Number(total)),
			below: fmt.Sprintf("To go on, or to begin anew with this command afterwards:\n  %s\n  stoker cancel %d", c.args.again(true), b.GetNumber()),
		}
	}
	return false, nil
}

// closedPartly is the error for a batch that has only some jobs of a list of total, and takes no more.
func closedPartly(b *stokerv1.Batch, has string, total int64) error {
	return usagef("%s has %s of %s jobs and takes no more: it is %s; without --resume the whole list is submitted anew",
		ui.BatchTitle(b), has, output.Number(total), batchState(b))
}

// explainIncomplete is the error for a batch that is closed and does not have the whole list, although it has as many
// jobs: somebody else has added others. Other errors are returned as they are.
func explainIncomplete(err error) error {
	wrong, ok := errors.AsType[*client.IncompleteError](err)
	if !ok {
		return err
	}
	has := output.Number(wrong.Total - wrong.Missing)
	if wrong.Skipped > 0 {
		has += fmt.Sprintf(" to %s", output.Number(min(wrong.Total-wrong.Missing+wrong.Skipped, wrong.Total)))
	}
	return closedPartly(wrong.Batch, has, wrong.Total)
}

// uploadedCount is how many jobs of a list a batch has taken, those included that it skips because
// they have succeeded before.
func uploadedCount(b *stokerv1.Batch) int64 { return b.GetJobCount() + b.GetSkippedCount() }

// resumeRequestID is the request id for --resume. Two commands that begin to upload the same list at the
// same moment have the same one, and so fill one batch.
func resumeRequestID(digest string) string { return "resume-" + digest }

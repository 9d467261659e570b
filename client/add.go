package client

import (
	"context"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// Added says what became of jobs that were added to a batch.
type Added struct {
	Batch      *stokerv1.Batch // afterwards
	Jobs       int64           // that were added
	Duplicates int64           // whose keys the batch had already
	Succeeded  int64           // that were left out because they have succeeded in an earlier batch
}

// AddJobs adds jobs, at least one, to an open batch, in as many calls as they need. Every job needs a key: a
// job whose key the batch has already is not added again, so that AddJobs can be repeated after an error. The
// batch stays open. Of the options, BatchID does not count.
//
// Invalid input is an error with the code INVALID_ARGUMENT; jobs are numbered as in jobs. Those before the
// call that was refused are stored then: Added says how many.
func (c *Client) AddJobs(ctx context.Context, batchID string, jobs []*stokerv1.JobSpec, o SubmitOptions) (Added, error) {
	head := &stokerv1.SubmitBatchRequest{OutputFolder: o.OutputFolder, Variables: o.Variables}
	u := &upload{client: c, head: head, parts: c.split(head, jobs), total: int64(len(jobs)), options: o}
	if err := checkParts(&stokerv1.SubmitBatchRequest{Jobs: jobs, EncodeWith: anyTemplate}); err != nil {
		return Added{}, err
	}
	var added Added
	for _, p := range u.parts {
		resp, err := u.addPart(ctx, batchID, p)
		if err != nil {
			return added, err
		}
		added.Batch = resp.GetBatch()
		added.Jobs += resp.GetAddedCount()
		added.Duplicates += resp.GetDuplicateCount()
		added.Succeeded += resp.GetSucceededCount()
	}
	return added, nil
}

// anyTemplate leaves it to the server whether jobs may share an output path: that depends on the batch.
var anyTemplate = &stokerv1.SubmitBatchRequest_Template{Template: "of the batch"}

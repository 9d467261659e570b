package client

import (
	"context"
	"fmt"
	"slices"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// IncompleteError is the error of an upload that cannot go on: its batch is closed, and jobs of the list are not in it.
type IncompleteError struct {
	Batch   *stokerv1.Batch
	Total   int64  // jobs of the list
	Missing int64  // of them, those that the batch does not have
	Key     string // of the first one that is missing
	// Skipped is how many of the missing jobs, at most, the batch left out because they had succeeded before. Which
	// ones is not known if others have added jobs to it.
	Skipped int64
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("batch %s is closed, and %d of %d jobs of the list are not in it; the first has the key %q", e.Batch.GetId(), e.Missing, e.Total, e.Key)
}

// maxKeys is how many keys one call asks for.
const maxKeys = 1000

// checkClosed checks that a closed batch has the whole list. How many jobs it has does not say so: somebody else may have
// added others while it was open.
func (u *upload) checkClosed(ctx context.Context, b *stokerv1.Batch) (*stokerv1.Batch, error) {
	whole, err := u.endsWithList(ctx, b)
	if err != nil {
		return nil, err
	}
	if whole {
		u.reportProgress(b, u.total)
		return b, nil
	}
	wrong := &IncompleteError{Batch: b, Total: u.total, Skipped: b.GetSkippedCount()}
	for _, p := range u.parts {
		for jobs := range slices.Chunk(p.jobs, maxKeys) {
			has, err := u.findKeys(ctx, b.GetId(), jobs)
			if err != nil {
				return nil, err
			}
			for _, j := range jobs {
				if !has[j.GetKey()] {
					if wrong.Missing++; wrong.Missing == 1 {
						wrong.Key = j.GetKey()
					}
				}
			}
		}
	}
	ofOthers := b.GetJobCount() - (u.total - wrong.Missing)
	if wrong.Missing == 0 || ofOthers == 0 && wrong.Missing == b.GetSkippedCount() {
		u.reportProgress(b, u.total)
		return b, nil
	}
	return nil, wrong
}

// endsWithList reports whether a batch has as many jobs as the list and the last one of it. Parts are added in order, so
// that it has all the others too. That is how most uploads end, and it takes one call.
func (u *upload) endsWithList(ctx context.Context, b *stokerv1.Batch) (bool, error) {
	if b.GetJobCount() != u.total || u.total == 0 {
		return u.total == 0, nil
	}
	last, err := u.readJob(ctx, b, b.GetJobCount())
	jobs := u.parts[len(u.parts)-1].jobs
	return last.GetKey() == jobs[len(jobs)-1].GetKey(), err
}

// findKeys returns which of the jobs' keys a batch has.
func (u *upload) findKeys(ctx context.Context, batchID string, jobs []*stokerv1.JobSpec) (map[string]bool, error) {
	req := &stokerv1.ListJobsRequest{BatchId: batchID, PageSize: maxKeys}
	for _, j := range jobs {
		req.Keys = append(req.Keys, j.GetKey())
	}
	has := map[string]bool{}
	for {
		page, err := u.client.batches.ListJobs(ctx, req)
		if err != nil {
			return nil, fmt.Errorf("list jobs of batch %s: %w", batchID, err)
		}
		for _, j := range page.GetJobs() {
			has[j.GetKey()] = true
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			return has, nil
		}
	}
}

// readJob reads the job of a batch with a number.
func (u *upload) readJob(ctx context.Context, b *stokerv1.Batch, number int64) (*stokerv1.Job, error) {
	resp, err := u.client.batches.GetJob(ctx, &stokerv1.GetJobRequest{JobId: fmt.Sprintf("%s/%d", b.GetId(), number)})
	if err != nil {
		return nil, fmt.Errorf("read the newest job of batch %s: %w", b.GetId(), err)
	}
	return resp.GetJob(), nil
}

// takesNoMore reports whether a batch is closed. A paused one may be closed or not: the server says so when jobs are
// added to it.
func takesNoMore(b *stokerv1.Batch) bool {
	return b.GetState() != stokerv1.BatchState_BATCH_STATE_OPEN && b.GetState() != stokerv1.BatchState_BATCH_STATE_PAUSED
}

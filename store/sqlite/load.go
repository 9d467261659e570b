package sqlite

import (
	"cmp"
	"context"
	"slices"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

const headerColumns = `id, seq, created_by, account, state, state_reason, state_time, open, failure_limit, failures_forgiven,
       waiting, starting, queued, running, succeeded, failed, cancelling, cancelled,
       revision, start_time, finish_time`

func scanHeader(r row) (b job.Batch, err error) {
	var limit text
	var state, start, finish stamp
	c := &b.Counts
	err = r.Scan(&b.ID, &b.Seq, &b.CreatedBy, &b.AccountID, (*string)(&b.State), &b.StateReason, &state, &b.Open, &limit, &b.FailuresForgiven,
		&c.Waiting, &c.Starting, &c.Queued, &c.Running, &c.Succeeded, &c.Failed, &c.Cancelling, &c.Cancelled,
		&b.Revision, &start, &finish)
	if err != nil {
		return b, err
	}
	b.StateTime, b.StartTime, b.FinishTime = state.time(), start.time(), finish.time()
	return b, limit.decode(&b.FailureLimit)
}

// One batch and one job are the rule; lists of them are JSON.
const (
	oneHeader   = `SELECT ` + headerColumns + ` FROM batches WHERE id = $1 AND deleted = 0`
	manyHeaders = `SELECT ` + headerColumns + ` FROM batches WHERE id IN (SELECT value FROM json_each($1)) AND deleted = 0 ORDER BY seq`
	oneJob      = `SELECT ` + jobColumns + ` FROM jobs AS j JOIN (SELECT $3 AS id) AS b WHERE j.batch = $1 AND j.number = $2`
	manyJobs    = `
SELECT ` + jobColumns + `
  FROM batches AS b CROSS JOIN json_each($2) AS n CROSS JOIN jobs AS j ON j.batch = b.seq AND j.number = n.value
 WHERE b.seq = $1`
)

// Load reads the batches, then the jobs of each.
func (t *transaction) Load(ctx context.Context, want store.Want) (got store.Loaded, err error) {
	if len(want.Batches) == 1 {
		got.Headers, err = all(ctx, t, scanHeader, oneHeader, want.Batches[0])
	} else {
		got.Headers, err = all(ctx, t, scanHeader, manyHeaders, encode(want.Batches))
	}
	if err != nil {
		return got, err
	}
	for i := range got.Headers {
		jobs, err := t.loadJobs(ctx, &got.Headers[i], want.Jobs)
		if err != nil {
			return got, err
		}
		if got.Jobs == nil {
			got.Jobs = jobs
		} else {
			got.Jobs = append(got.Jobs, jobs...)
		}
	}
	got.SelectedJobs = make([][]job.Job, len(want.Selections))
	for i, f := range want.Selections {
		if got.SelectedJobs[i], err = t.Jobs(ctx, f); err != nil {
			return got, err
		}
	}
	return got, nil
}

// loadJobs reads those of the jobs that are of one batch. The ids are sorted.
func (t *transaction) loadJobs(ctx context.Context, b *job.Batch, ids []job.ID) ([]job.Job, error) {
	first, _ := slices.BinarySearchFunc(ids, b.ID, func(id job.ID, batch string) int { return cmp.Compare(id.Batch, batch) })
	var numbers []int64
	for ; first < len(ids) && ids[first].Batch == b.ID; first++ {
		numbers = append(numbers, ids[first].Number)
	}
	switch len(numbers) {
	case 0:
		return nil, nil
	case 1:
		return all(ctx, t, scanJob(), oneJob, b.Seq, numbers[0], b.ID)
	}
	return all(ctx, t, scanJob(), manyJobs, b.Seq, encode(numbers))
}

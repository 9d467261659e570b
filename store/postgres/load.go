package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

const headerColumns = `b.id, b.seq, b.created_by, b.account, b.state, b.state_reason, b.state_time, b.open, b.failure_limit, b.failures_forgiven,
       h.waiting, h.starting, h.queued, h.running, h.succeeded, h.failed, h.cancelling, h.cancelled,
       h.revision, h.start_time, h.finish_time`

func scanHeader(r row) (b job.Batch, err error) {
	var limit string
	var state, start, finish stamp
	c := &b.Counts
	err = r.Scan(&b.ID, &b.Seq, &b.CreatedBy, &b.AccountID, (*string)(&b.State), &b.StateReason, (*int64)(&state), &b.Open, &limit, &b.FailuresForgiven,
		&c.Waiting, &c.Starting, &c.Queued, &c.Running, &c.Succeeded, &c.Failed, &c.Cancelling, &c.Cancelled,
		&b.Revision, (*int64)(&start), (*int64)(&finish))
	if err != nil {
		return b, err
	}
	b.StateTime, b.StartTime, b.FinishTime = state.time(), start.time(), finish.time()
	return b, decode(limit, &b.FailureLimit)
}

// The locks come first, in a statement of their own: a later statement sees what the locks waited for. One batch
// and one job are the rule.
const (
	lockOne     = `SELECT batch FROM batch_heads WHERE batch = (SELECT seq FROM batches WHERE id = $1 AND NOT deleted) FOR NO KEY UPDATE`
	oneHeader   = `SELECT ` + headerColumns + batchesAndHeads + `WHERE b.id = $1 AND NOT b.deleted`
	oneJob      = `SELECT ` + jobColumns + ` FROM batches AS b JOIN jobs AS j ON j.batch = b.seq WHERE b.id = $1 AND NOT b.deleted AND j.number = $2`
	lockMany    = `SELECT batch FROM batch_heads WHERE batch IN (SELECT seq FROM batches WHERE id = ANY ($1::text[]) AND NOT deleted) ORDER BY batch FOR NO KEY UPDATE OF batch_heads`
	manyHeaders = `SELECT ` + headerColumns + batchesAndHeads + `WHERE b.id = ANY ($1::text[]) AND NOT b.deleted ORDER BY b.seq`
	manyJobs    = `
SELECT ` + jobColumns + `
  FROM unnest($1::text[], $2::bigint[]) AS w(batch, number)
  JOIN batches AS b ON b.id = w.batch AND NOT b.deleted
  JOIN jobs AS j ON j.batch = b.seq AND j.number = w.number`
)

// Load locks the batches, then reads them, the jobs and the selections, all in one round trip.
func (t *transaction) Load(ctx context.Context, want store.Want) (got store.Loaded, err error) {
	s := t.newStatements()
	if len(want.Batches) == 1 {
		s.add(lockOne, storable(want.Batches[0]))
		s.add(oneHeader, storable(want.Batches[0]))
	} else {
		s.add(lockMany, array(want.Batches))
		s.add(manyHeaders, array(want.Batches))
	}
	if len(want.Jobs) == 1 {
		s.add(oneJob, storable(want.Jobs[0].Batch), want.Jobs[0].Number)
	} else if len(want.Jobs) > 1 {
		batches, numbers := make([]string, len(want.Jobs)), make([]int64, len(want.Jobs))
		for i, id := range want.Jobs {
			batches[i], numbers[i] = storable(id.Batch), id.Number
		}
		s.add(manyJobs, batches, numbers)
	}
	for _, f := range want.Selections {
		text, args := filterQuery(f)
		s.add(text, args...)
	}
	a, err := t.send(ctx, s)
	if err != nil {
		return got, err
	}
	defer a.close()
	if _, err := a.exec(); err != nil {
		return got, err
	}
	if got.Headers, err = collectAnswer(a, scanHeader); err != nil {
		return got, err
	}
	if len(want.Jobs) > 0 {
		if got.Jobs, err = collectAnswer(a, scanJob); err != nil {
			return got, err
		}
	}
	got.SelectedJobs = make([][]job.Job, len(want.Selections))
	for i := range want.Selections {
		if got.SelectedJobs[i], err = collectAnswer(a, scanJob); err != nil {
			return got, err
		}
	}
	return got, nil
}

// collectAnswer reads every row of the next answer.
func collectAnswer[T any](a *answers, scan func(row) (T, error)) ([]T, error) {
	var rows pgx.Rows
	rows, err := a.Query()
	if err != nil {
		return nil, a.t.fault(err)
	}
	return collect(a.t, rows, scan)
}

package sqlite

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
)

const batchColumns = `id, seq, display_name, account, priority, state, state_reason, open, profile, recipe, template,
       input, output, retry, failure_limit, failures_forgiven, labels,
       waiting, starting, queued, running, succeeded, failed, cancelling, cancelled,
       revision, create_time, update_time, start_time, finish_time, skip_succeeded, skipped, told_apart_by, state_time, created_by, call_id, trace_parent`

func scanBatch(r row) (job.Batch, error) {
	var b job.Batch
	var recipe, template, input, output, retry, limit, labels text
	var create, update, start, finish, state stamp
	c := &b.Counts
	err := r.Scan(&b.ID, &b.Seq, &b.DisplayName, &b.AccountID, &b.Priority, (*string)(&b.State), &b.StateReason, &b.Open, &b.Profile, &recipe, &template,
		&input, &output, &retry, &limit, &b.FailuresForgiven, &labels,
		&c.Waiting, &c.Starting, &c.Queued, &c.Running, &c.Succeeded, &c.Failed, &c.Cancelling, &c.Cancelled,
		&b.Revision, &create, &update, &start, &finish, &b.SkipSucceeded, &b.Skipped, &b.DistinctBy, &state, &b.CreatedBy, &b.CallID, &b.TraceParent)
	if err != nil {
		return job.Batch{}, err
	}
	b.CreateTime, b.UpdateTime, b.StartTime, b.FinishTime, b.StateTime = create.time(), update.time(), start.time(), finish.time(), state.time()
	b.StateReason = job.Shorten(b.StateReason, job.MaxReason)
	for _, column := range []struct {
		stored text
		target any
	}{
		{recipe, &b.Recipe},
		{template, &b.Template},
		{input, &b.Input},
		{output, &b.Output},
		{retry, &b.Retry},
		{limit, &b.FailureLimit},
		{labels, &b.Labels},
	} {
		if err := column.stored.decode(column.target); err != nil {
			return job.Batch{}, fmt.Errorf("batch %s: %w", b.ID, err)
		}
	}
	return b, nil
}

// queries answers what can be asked of a job table, on the connections of its querier.
type queries struct {
	q querier
	accessQueries
	scans *encodingScans // of searches; nil within a snapshot or transaction, where nobody searches
	notificationQueries
	retentionQueries
}

func newQueries(q querier) queries {
	return queries{q: q, accessQueries: accessQueries{q}, notificationQueries: notificationQueries{q}, retentionQueries: retentionQueries{q}}
}

func (r queries) Batch(ctx context.Context, id string) (job.Batch, error) {
	const query = `SELECT ` + batchColumns + ` FROM batches WHERE id = $1 AND deleted = 0`
	return one(ctx, r.q, scanBatch, query, id)
}

func (r queries) BatchBySeq(ctx context.Context, seq int64) (job.Batch, error) {
	const query = `SELECT ` + batchColumns + ` FROM batches WHERE seq = $1 AND deleted = 0`
	return one(ctx, r.q, scanBatch, query, seq)
}

func (r queries) BatchesBySeq(ctx context.Context, seqs []int64) ([]job.Batch, error) {
	const query = `SELECT ` + batchColumns + ` FROM batches WHERE seq IN (SELECT value FROM json_each($1)) AND deleted = 0 ORDER BY seq DESC`
	if len(seqs) == 0 {
		return nil, nil
	}
	return all(ctx, r.q, scanBatch, query, encode(seqs))
}

// limit is n in the spelling of SQL, where no limit is a negative one.
func limit(n int) int {
	if n <= 0 {
		return -1
	}
	return n
}

const cancellingBatches = `
SELECT id FROM batches INDEXED BY batches_cancelling
 WHERE state = 'CANCELLING' AND waiting + starting + queued + running > 0
 ORDER BY seq`

func (r queries) CancellingBatches(ctx context.Context) ([]string, error) {
	return all(ctx, r.q, scalar[string], cancellingBatches)
}

func (r queries) LiveBatches(ctx context.Context) ([]string, error) {
	const query = `SELECT id FROM batches INDEXED BY batches_live WHERE finish_time = 0 AND deleted = 0`
	return all(ctx, r.q, scalar[string], query)
}

func (r queries) BatchByRequestID(ctx context.Context, key job.RequestKey) (id string, payloadHash []byte, err error) {
	const query = `
SELECT id, payload_hash
  FROM batches INDEXED BY batches_request
 WHERE request_id = $1 AND request_id <> ''
   AND (created_by = $2 OR created_by = 'local' AND account = $3 OR $2 = 'local' AND payload_hash = $4)
 ORDER BY created_by = $2 DESC, seq LIMIT 1`
	scan := func(r row) (id string, err error) {
		err = r.Scan(&id, &payloadHash)
		return id, err
	}
	id, err = one(ctx, r.q, scan, query, key.ID, key.CreatedBy, key.AccountID, key.PayloadHash)
	return id, payloadHash, err
}

package postgres

import (
	"context"
	"fmt"
	"math"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// batchColumns is read by [scanBatch]. Statements that use it call batches b and their heads h.
const batchColumns = `b.id, b.seq, b.display_name, b.account, b.priority, b.state, b.state_reason, b.open, b.profile, b.recipe, b.template,
       b.input, b.output, b.retry, b.failure_limit, b.failures_forgiven, b.labels,
       h.waiting, h.starting, h.queued, h.running, h.succeeded, h.failed, h.cancelling, h.cancelled,
       h.revision, b.create_time, h.update_time, h.start_time, h.finish_time, b.skip_succeeded, h.skipped, b.told_apart_by, b.state_time, b.created_by, b.call_id, b.trace_parent`

// batchesAndHeads is every batch with its head.
const batchesAndHeads = ` FROM batches AS b JOIN batch_heads AS h ON h.batch = b.seq `

func scanBatch(r row) (job.Batch, error) {
	var b job.Batch
	var recipe, template, input, output, retry, limit, labels string
	var create, update, start, finish, state stamp
	c := &b.Counts
	err := r.Scan(&b.ID, &b.Seq, &b.DisplayName, &b.AccountID, &b.Priority, (*string)(&b.State), &b.StateReason, &b.Open, &b.Profile, &recipe, &template,
		&input, &output, &retry, &limit, &b.FailuresForgiven, &labels,
		&c.Waiting, &c.Starting, &c.Queued, &c.Running, &c.Succeeded, &c.Failed, &c.Cancelling, &c.Cancelled,
		&b.Revision, (*int64)(&create), (*int64)(&update), (*int64)(&start), (*int64)(&finish), &b.SkipSucceeded, &b.Skipped, (*int)(&b.DistinctBy), (*int64)(&state), &b.CreatedBy, &b.CallID, &b.TraceParent)
	if err != nil {
		return job.Batch{}, err
	}
	b.CreateTime, b.UpdateTime, b.StartTime, b.FinishTime, b.StateTime = create.time(), update.time(), start.time(), finish.time(), state.time()
	b.StateReason = job.Shorten(b.StateReason, job.MaxReason)
	for _, column := range []struct {
		stored string
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
		if err := decode(column.stored, column.target); err != nil {
			return job.Batch{}, fmt.Errorf("batch %s: %w", b.ID, err)
		}
	}
	return b, nil
}

// queries answers what can be asked of a job table, on the connections of its querier.
type queries struct {
	q querier
	accessQueries
	notificationQueries
	retentionQueries
}

func newQueries(q querier) queries {
	return queries{q: q, accessQueries: accessQueries{q}, notificationQueries: notificationQueries{q}, retentionQueries: retentionQueries{q}}
}

func (r queries) Batch(ctx context.Context, id string) (job.Batch, error) {
	const query = `SELECT ` + batchColumns + batchesAndHeads + `WHERE b.id = $1 AND NOT b.deleted`
	return one(ctx, r.q, scanBatch, query, storable(id))
}

func (r queries) BatchBySeq(ctx context.Context, seq int64) (job.Batch, error) {
	const query = `SELECT ` + batchColumns + batchesAndHeads + `WHERE b.seq = $1 AND NOT b.deleted`
	return one(ctx, r.q, scanBatch, query, seq)
}

func (r queries) BatchesBySeq(ctx context.Context, seqs []int64) ([]job.Batch, error) {
	const query = `SELECT ` + batchColumns + batchesAndHeads + `WHERE b.seq = ANY ($1::bigint[]) AND NOT b.deleted ORDER BY b.seq DESC`
	if len(seqs) == 0 {
		return nil, nil
	}
	return all(ctx, r.q, scanBatch, query, seqs)
}

func (r queries) CancellingBatches(ctx context.Context) ([]string, error) {
	const query = `
SELECT b.id` + batchesAndHeads + `
 WHERE b.state = 'CANCELLING' AND h.waiting + h.starting + h.queued + h.running > 0
 ORDER BY b.seq`
	return all(ctx, r.q, scalar[string], query)
}

func (r queries) LiveBatches(ctx context.Context) ([]string, error) {
	const query = `SELECT id FROM batches WHERE NOT ended AND NOT deleted`
	return all(ctx, r.q, scalar[string], query)
}

func (r queries) BatchByRequestID(ctx context.Context, key job.RequestKey) (id string, payloadHash []byte, err error) {
	const query = `
SELECT id, payload_hash
  FROM batches
 WHERE request_id = $1 AND request_id <> ''
   AND (created_by = $2 OR created_by = 'local' AND account = $3 OR $2 = 'local' AND payload_hash = $4)
 ORDER BY (created_by = $2) DESC, seq LIMIT 1`
	scan := func(r row) (id string, err error) {
		err = r.Scan(&id, &payloadHash)
		return id, err
	}
	id, err = one(ctx, r.q, scan, query, storable(key.ID), storable(key.CreatedBy), storable(key.AccountID), key.PayloadHash)
	return id, payloadHash, err
}

// The lists of batches share their conditions: $1 accounts, $2 and $3 the names and values of labels.
const (
	ofAccounts = `($1::text[] IS NULL OR b.account = ANY ($1::text[]))`
	withLabels = `
   AND ($2::text[] IS NULL OR NOT EXISTS (SELECT 1 FROM unnest($2::text[], $3::text[]) AS l(name, value)
                                   WHERE NOT EXISTS (SELECT 1 FROM batch_labels AS have
                                                      WHERE have.name = l.name AND have.value = l.value AND have.batch = b.seq)))`
)

// Batches asks for each state by itself, in the order of the index, and merges: one query for several states
// would read and sort all of their batches. With labels it begins with the batches that have one of them.
func (r queries) Batches(ctx context.Context, f job.BatchFilter) ([]job.Batch, error) {
	const (
		where   = ` WHERE NOT b.deleted AND b.seq < $5 AND ` + ofAccounts + withLabels
		newest  = ` ORDER BY b.seq DESC LIMIT $6`
		columns = `SELECT ` + batchColumns

		anyState = columns + batchesAndHeads + where + ` AND $4::text[] IS NULL` + newest
		byState  = columns + `
  FROM (SELECT f.seq FROM unnest($4::text[]) AS s(state) CROSS JOIN LATERAL (
               SELECT b.seq FROM batches AS b ` + where + ` AND b.state = s.state` + newest + `) AS f ORDER BY f.seq DESC LIMIT $6) AS f
  JOIN batches AS b ON b.seq = f.seq JOIN batch_heads AS h ON h.batch = b.seq
 ORDER BY b.seq DESC`
		byCreator = columns + batchesAndHeads + where + `
   AND b.created_by = $7 AND ($4::text[] IS NULL OR b.state = ANY ($4::text[]))` + newest
		byLabel = columns + batchesAndHeads + where + `
   AND b.seq IN (SELECT batch FROM batch_labels WHERE name = $7 AND value = $8)
   AND ($4::text[] IS NULL OR b.state = ANY ($4::text[]))` + newest
	)
	names, values := pairs(f.Labels)
	args := []any{array(f.Accounts), names, values, array(distinct(f.States)), beforeSeq(&f), limit(f.Limit)}
	switch {
	case f.CreatedBy != "":
		return all(ctx, r.q, scanBatch, byCreator, append(args, storable(f.CreatedBy))...)
	case len(names) > 0:
		return all(ctx, r.q, scanBatch, byLabel, append(args, names[0], values[0])...)
	case len(f.States) > 0:
		return all(ctx, r.q, scanBatch, byState, args...)
	}
	return all(ctx, r.q, scanBatch, anyState, args...)
}

func beforeSeq(f *job.BatchFilter) int64 {
	if f.BeforeSeq <= 0 {
		return math.MaxInt64
	}
	return f.BeforeSeq
}

func (r queries) BatchNames(ctx context.Context, f job.BatchFilter) ([]store.BatchName, error) {
	const query = `
SELECT b.seq, b.display_name FROM batches AS b
 WHERE NOT b.deleted AND b.seq < $5 AND ` + ofAccounts + withLabels + `
   AND ($4::text[] IS NULL OR b.state = ANY ($4::text[]))
   AND ($7 = '' OR b.display_name = $7)
   AND ($8 = '' OR b.id >= $8 AND b.id < $9)
   AND ($10 = '' OR b.created_by = $10)
 ORDER BY b.seq DESC LIMIT $6`
	scan := func(r row) (n store.BatchName, err error) {
		err = r.Scan(&n.BatchSeq, &n.Name)
		return n, err
	}
	names, values := pairs(f.Labels)
	return all(ctx, r.q, scan, query, array(f.Accounts), names, values, array(f.States), beforeSeq(&f), limit(f.Limit),
		storable(f.DisplayName), storable(f.IDPrefix), keyAfter(f.IDPrefix), storable(f.CreatedBy))
}

func (r queries) CountBatches(ctx context.Context, f job.BatchFilter) (int64, error) {
	const query = `
SELECT count(*) FROM batches AS b
 WHERE NOT b.deleted AND ` + ofAccounts + withLabels + `
   AND ($4::text[] IS NULL OR b.state = ANY ($4::text[])) AND ($5 = '' OR b.created_by = $5)`
	names, values := pairs(f.Labels)
	return one(ctx, r.q, scalar[int64], query, array(f.Accounts), names, values, array(f.States), storable(f.CreatedBy))
}

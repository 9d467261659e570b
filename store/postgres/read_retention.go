package postgres

import (
	"context"
	"math"
	"time"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// retentionQueries answers what has succeeded before, and what retention asks.
type retentionQueries struct{ q querier }

const succeededJobs = `
SELECT k.i - 1, j.batch, j.input_path, j.variables
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k(key, output_path, i)
  JOIN jobs AS j ON j.key = k.key AND j.output_path = k.output_path AND j.state = 'SUCCEEDED' AND j.key <> ''`

func (r retentionQueries) SucceededJobs(ctx context.Context, jobs []job.Spec) ([]store.SucceededJob, error) {
	keys, paths := make([]string, len(jobs)), make([]string, len(jobs))
	for i, j := range jobs {
		keys[i], paths[i] = storable(j.Key), storable(j.OutputPath)
	}
	scan := func(r row) (s store.SucceededJob, err error) {
		var variables string
		if err := r.Scan(&s.Index, &s.BatchSeq, &s.InputPath, &variables); err != nil {
			return s, err
		}
		return s, decode(variables, &s.Variables)
	}
	return all(ctx, r.q, scan, succeededJobs, keys, paths)
}

func (r retentionQueries) AnyBatch(ctx context.Context, seq int64) (job.Batch, error) {
	return one(ctx, r.q, scanBatch, `SELECT `+batchColumns+batchesAndHeads+`WHERE b.seq = $1`, seq)
}

func (r retentionQueries) FindResults(ctx context.Context, keys []store.ResultKey) ([]int, error) {
	const query = `SELECT k.i - 1 FROM unnest($1::bytea[]) WITH ORDINALITY AS k(hash, i) JOIN results AS r ON r.hash = k.hash`
	if len(keys) == 0 {
		return nil, nil
	}
	list := make([][]byte, len(keys))
	for i := range keys {
		list[i] = keys[i][:]
	}
	return all(ctx, r.q, scalar[int], query, list)
}

// EndedBatches goes through the batches that have ended in a state: when that was stands in no index, because it is
// kept where it can be changed in place.
func (r retentionQueries) EndedBatches(ctx context.Context, state job.BatchState, before time.Time, limit int) ([]store.EndedBatch, error) {
	const query = `
SELECT b.id, b.seq, h.finish_time, h.succeeded + h.failed + h.cancelled` + batchesAndHeads + `
 WHERE b.state = $1 AND NOT b.deleted AND b.ended AND h.finish_time < $2
 ORDER BY h.finish_time, b.seq LIMIT $3`
	until := ms(before)
	if before.IsZero() {
		until = math.MaxInt64
	}
	scan := func(r row) (b store.EndedBatch, err error) {
		var finish stamp
		err = r.Scan(&b.ID, &b.Seq, (*int64)(&finish), &b.Jobs)
		b.FinishTime = finish.time()
		return b, err
	}
	return all(ctx, r.q, scan, query, string(state), until, limit)
}

func (r retentionQueries) CountAllJobs(ctx context.Context) (int64, error) {
	const query = `
SELECT coalesce(sum(h.waiting + h.starting + h.queued + h.running + h.succeeded + h.failed + h.cancelling + h.cancelled), 0)::bigint` + batchesAndHeads + `
 WHERE NOT b.deleted`
	return one(ctx, r.q, scalar[int64], query)
}

func (r retentionQueries) DeletedByRequestID(ctx context.Context, key job.RequestKey) (store.DeletedBatch, error) {
	const query = `
SELECT id, seq, payload_hash, delete_time
  FROM deleted_batches
 WHERE request_id = $1 AND request_id <> ''
   AND (created_by = $2 OR created_by = 'local' AND account = $3 OR $2 = 'local' AND payload_hash = $4)
 ORDER BY (created_by = $2) DESC, seq DESC LIMIT 1`
	scan := func(r row) (d store.DeletedBatch, err error) {
		var deleted stamp
		err = r.Scan(&d.ID, &d.Seq, &d.PayloadHash, (*int64)(&deleted))
		d.Time = deleted.time()
		return d, err
	}
	return one(ctx, r.q, scan, query, storable(key.ID), storable(key.CreatedBy), storable(key.AccountID), key.PayloadHash)
}

func (r retentionQueries) WasDeleted(ctx context.Context, batchID string) (bool, error) {
	return one(ctx, r.q, scalar[bool], `SELECT count(*) > 0 FROM deleted_batches WHERE id = $1`, storable(batchID))
}

package sqlite

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// retentionQueries answers what has succeeded before, and what retention asks.
type retentionQueries struct{ q querier }

const succeededJobs = `
SELECT k.key, j.batch, j.input_path, j.variables
  FROM json_each($1) AS k
 CROSS JOIN jobs AS j INDEXED BY jobs_succeeded
    ON j.key = k.value ->> 0 AND j.output_path = k.value ->> 1 AND j.state = 'SUCCEEDED' AND j.key <> ''`

func (r retentionQueries) SucceededJobs(ctx context.Context, jobs []job.Spec) ([]store.SucceededJob, error) {
	pairs := make([][2]string, len(jobs))
	for i, j := range jobs {
		pairs[i] = [2]string{j.Key, j.OutputPath}
	}
	scan := func(r row) (s store.SucceededJob, err error) {
		var variables text
		if err := r.Scan(&s.Index, &s.BatchSeq, &s.InputPath, &variables); err != nil {
			return s, err
		}
		return s, variables.decode(&s.Variables)
	}
	return all(ctx, r.q, scan, succeededJobs, encode(pairs))
}

func (r retentionQueries) AnyBatch(ctx context.Context, seq int64) (job.Batch, error) {
	return one(ctx, r.q, scanBatch, `SELECT `+batchColumns+` FROM batches WHERE seq = $1`, seq)
}

const findResults = `SELECT k.key FROM json_each($1) AS k CROSS JOIN results AS r ON r.hash = unhex(k.value)`

func (r retentionQueries) FindResults(ctx context.Context, keys []store.ResultKey) ([]int, error) {
	list := make([]string, len(keys))
	for i := range keys {
		list[i] = hex.EncodeToString(keys[i][:])
	}
	return all(ctx, r.q, scalar[int], findResults, encode(list))
}

const endedBatches = `
SELECT id, seq, finish_time, succeeded + failed + cancelled
  FROM batches INDEXED BY batches_outcome
 WHERE state = $1 AND finish_time < $2 AND finish_time <> 0 AND deleted = 0
 ORDER BY finish_time, seq LIMIT $3 + 0`

func (r retentionQueries) EndedBatches(ctx context.Context, state job.BatchState, before time.Time, limit int) ([]store.EndedBatch, error) {
	const never = 1 << 62
	until := ms(before)
	if before.IsZero() {
		until = never
	}
	scan := func(r row) (b store.EndedBatch, err error) {
		var finish stamp
		err = r.Scan(&b.ID, &b.Seq, &finish, &b.Jobs)
		b.FinishTime = finish.time()
		return b, err
	}
	return all(ctx, r.q, scan, endedBatches, string(state), until, limit)
}

const countAllJobs = `
SELECT (SELECT coalesce(sum(succeeded + failed + cancelled), 0) FROM batches INDEXED BY batches_outcome WHERE finish_time <> 0 AND deleted = 0)
     + (SELECT coalesce(sum(waiting + starting + queued + running + succeeded + failed + cancelling + cancelled), 0)
          FROM batches INDEXED BY batches_live WHERE finish_time = 0)`

func (r retentionQueries) CountAllJobs(ctx context.Context) (int64, error) {
	return one(ctx, r.q, scalar[int64], countAllJobs)
}

const deletedByRequest = `
SELECT id, seq, payload_hash, delete_time
  FROM deleted_batches INDEXED BY deleted_batches_request
 WHERE request_id = $1 AND request_id <> ''
   AND (created_by = $2 OR created_by = 'local' AND account = $3 OR $2 = 'local' AND payload_hash = $4)
 ORDER BY created_by = $2 DESC, seq DESC LIMIT 1`

func (r retentionQueries) DeletedByRequestID(ctx context.Context, key job.RequestKey) (store.DeletedBatch, error) {
	scan := func(r row) (d store.DeletedBatch, err error) {
		var deleted stamp
		err = r.Scan(&d.ID, &d.Seq, &d.PayloadHash, &deleted)
		d.Time = deleted.time()
		return d, err
	}
	return one(ctx, r.q, scan, deletedByRequest, key.ID, key.CreatedBy, key.AccountID, key.PayloadHash)
}

func (r retentionQueries) WasDeleted(ctx context.Context, batchID string) (bool, error) {
	return one(ctx, r.q, scalar[bool], `SELECT count(*) FROM deleted_batches WHERE id = $1`, batchID)
}

// packEncoding returns an encoding's id as it is kept with a result: the 16 bytes of a UUID in its usual
// spelling, or the text.
func packEncoding(id string) any {
	if u, err := uuid.Parse(id); err == nil && u.String() == id {
		return u[:]
	}
	return id
}

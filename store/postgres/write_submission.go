package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// InsertBatch inserts a batch with its head and labels. If another process has just inserted one with the same
// request id, the transaction is to be run again: then it finds that batch.
func (t *transaction) InsertBatch(ctx context.Context, b job.Batch, requestID string, payloadHash []byte) (int64, error) {
	const insert = `
INSERT INTO batches (id, request_id, payload_hash, display_name, account, priority, state, state_reason, open, profile, recipe, template,
       input, output, retry, failure_limit, failures_forgiven, labels, create_time, skip_succeeded, told_apart_by, state_time, created_by,
       dispatchable, ended, call_id, trace_parent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)
    ON CONFLICT (request_id, created_by) WHERE request_id <> '' DO NOTHING
RETURNING seq`
	if payloadHash == nil {
		payloadHash = []byte{}
	}
	seq, err := one(ctx, t, scalar[int64], insert, b.ID, storable(requestID), payloadHash, storable(b.DisplayName), b.AccountID, b.Priority, string(b.State), storable(b.StateReason), b.Open,
		storable(b.Profile), encodePointer(b.Recipe), encodePointer(b.Template), encode(b.Input), encode(b.Output), encode(b.Retry), encode(b.FailureLimit),
		b.FailuresForgiven, encodeMap(b.Labels), ms(b.CreateTime), b.SkipSucceeded, int(b.DistinctBy), ms(b.StateTime), storable(b.CreatedBy),
		dispatchable(&b), b.State.Terminal(), storable(b.CallID), storable(b.TraceParent))
	if errors.Is(err, job.ErrNotFound) {
		return 0, t.fault(fmt.Errorf("%w: the request id %q was just used by another Stoker", store.ErrAgain, requestID))
	}
	if err != nil {
		return 0, err
	}
	const insertHead = `
INSERT INTO batch_heads (batch, waiting, starting, queued, running, succeeded, failed, cancelling, cancelled, skipped, revision, update_time, start_time, finish_time)
VALUES ($1, $2, 0, 0, 0, 0, 0, 0, 0, 0, $3, $4, 0, $5)`
	if _, err := t.exec(ctx, insertHead, seq, b.Counts.Waiting, b.Revision, ms(b.UpdateTime), ms(b.FinishTime)); err != nil {
		return 0, err
	}
	return seq, t.insertLabels(ctx, seq, b.Labels)
}

// dispatchable reports whether a batch has jobs that may be started.
func dispatchable(b *job.Batch) bool { return b.State.Dispatches() && b.Counts.Waiting > 0 }

func (t *transaction) insertLabels(ctx context.Context, seq int64, labels map[string]string) error {
	if len(labels) == 0 {
		return nil
	}
	const insert = `INSERT INTO batch_labels (name, value, batch) SELECT name, value, $3 FROM unnest($1::text[], $2::text[]) AS l(name, value)`
	names, values := pairs(labels)
	_, err := t.exec(ctx, insert, names, values, seq)
	return err
}

// jobsPerCopy is how many jobs one COPY inserts.
const jobsPerCopy = 10_000

// InsertJobs inserts by COPY.
func (t *transaction) InsertJobs(ctx context.Context, n store.NewJobs) error {
	columns := []string{"batch", "number", "key", "name", "input_path", "output_path", "variables", "revision", "create_time", "update_time"}
	at, last := ms(n.Time), n.LastNumber
	for chunk := range slices.Chunk(n.Jobs, jobsPerCopy) {
		err := t.copy(ctx, "jobs", columns, pgx.CopyFromSlice(len(chunk), func(i int) ([]any, error) {
			j, number := &chunk[i], last+int64(i)+1
			revision := n.Revision + (number-n.LastNumber-1)*n.RevisionStep
			return []any{
				n.BatchSeq, number, storable(j.Key), storable(j.Name), storable(j.InputPath), storable(j.OutputPath), encodeMap(j.Variables), revision, at, at,
			}, nil
		}))
		if err != nil {
			return err
		}
		last += int64(len(chunk))
	}
	return t.insertTexts(ctx, n)
}

// textsPerStatement is how many rows of texts one statement inserts, some 20 KB each.
const textsPerStatement = 40

// insertTexts keeps what jobs that are inserted are searched by.
func (t *transaction) insertTexts(ctx context.Context, n store.NewJobs) error {
	const insert = `INSERT INTO job_texts (batch, first_number, texts) SELECT $1, * FROM unnest($2::bigint[], $3::text[])`
	last := n.LastNumber
	for chunk := range slices.Chunk(n.Jobs, textsPerStatement*store.JobsPerText) {
		var numbers []int64
		var texts []string
		for row := range store.NewTextRows(last, chunk) {
			numbers, texts = append(numbers, row.FirstNumber), append(texts, storable(string(row.Texts)))
		}
		if _, err := t.exec(ctx, insert, n.BatchSeq, numbers, texts); err != nil {
			return err
		}
		last += int64(len(chunk))
	}
	return nil
}

// copy inserts rows by COPY.
func (t *transaction) copy(ctx context.Context, table string, columns []string, rows pgx.CopyFromSource) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, roundTripLimit)
	defer cancel()
	if _, err := t.w.conn.CopyFrom(ctx, pgx.Identifier{table}, columns, rows); err != nil {
		return t.fault(err)
	}
	return nil
}

// InsertSkipped keeps the keys and output paths of skipped jobs.
func (t *transaction) InsertSkipped(ctx context.Context, batchSeq int64, jobs []job.Spec) (int64, error) {
	keys, paths := make([]string, len(jobs)), make([]string, len(jobs))
	for i, j := range jobs {
		keys[i], paths[i] = storable(j.Key), storable(j.OutputPath)
	}
	const insert = `
INSERT INTO skipped (batch, key, output_path) SELECT $1, * FROM unnest($2::text[], $3::text[]) ON CONFLICT DO NOTHING`
	n, err := t.exec(ctx, insert, batchSeq, keys, paths)
	if err != nil || n == 0 {
		return 0, err
	}
	_, err = t.exec(ctx, `UPDATE batch_heads SET skipped = skipped + $2 WHERE batch = $1`, batchSeq, n)
	return n, err
}

package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// InsertBatch inserts a batch with its labels.
func (t *transaction) InsertBatch(ctx context.Context, b job.Batch, requestID string, payloadHash []byte) (int64, error) {
	const insert = `
INSERT INTO batches (id, request_id, payload_hash, display_name, account, priority, state, state_reason, open, profile, recipe, template,
       input, output, retry, failure_limit, failures_forgiven, labels,
       waiting, starting, queued, running, succeeded, failed, cancelling, cancelled,
       revision, create_time, update_time, start_time, finish_time, skip_succeeded, told_apart_by, state_time, created_by, call_id, trace_parent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 0, 0, 0, 0, 0, 0, 0, $20, $21, $22, 0, $23, $24, $25, $26, $27, $28, $29)
RETURNING seq`
	if payloadHash == nil {
		payloadHash = []byte{}
	}
	seq, err := one(ctx, t, scalar[int64], insert, b.ID, requestID, payloadHash, b.DisplayName, b.AccountID, b.Priority, string(b.State), b.StateReason, b.Open,
		b.Profile, encodePointer(b.Recipe), encodePointer(b.Template), encode(b.Input), encode(b.Output), encode(b.Retry), encode(b.FailureLimit),
		b.FailuresForgiven, encodeMap(b.Labels), b.Counts.Waiting, b.Revision, ms(b.CreateTime), ms(b.UpdateTime), ms(b.FinishTime), b.SkipSucceeded, b.DistinctBy, ms(b.StateTime), b.CreatedBy, b.CallID, b.TraceParent)
	if err != nil {
		return 0, err
	}
	return seq, t.insertLabels(ctx, seq, b.Labels)
}

func (t *transaction) insertLabels(ctx context.Context, seq int64, labels map[string]string) error {
	if len(labels) == 0 {
		return nil
	}
	const insert = `INSERT INTO batch_labels (name, value, batch) SELECT key, value, $1 FROM json_each($2)`
	_, err := t.exec(ctx, insert, seq, encode(labels))
	return err
}

// InsertJobs inserts by statements of several rows. The more of them one statement inserts, the
// less each pays for the way into the database, up to a point. What is left over goes in by
// smaller ones; the writer keeps every statement, so there are not as many as there are numbers.
func (t *transaction) InsertJobs(ctx context.Context, n store.NewJobs) error {
	jobs, last, revision := n.Jobs, n.LastNumber, n.Revision
	var args []any
	for _, rows := range [...]int{64, 8, 1} {
		if len(jobs) < rows {
			continue
		}
		text := insertJobsText(rows)
		for ; len(jobs) >= rows; jobs = jobs[rows:] {
			args = append(args[:0], n.BatchSeq, ms(n.Time), last, revision, n.RevisionStep)
			for _, j := range jobs[:rows] {
				args = append(args, j.Key, j.Name, j.InputPath, j.OutputPath, encodeMap(j.Variables))
			}
			if _, err := t.exec(ctx, text, args...); err != nil {
				return err
			}
			last, revision = last+int64(rows), revision+int64(rows)*n.RevisionStep
		}
	}
	return t.insertTexts(ctx, n)
}

// insertTexts keeps what jobs that are inserted are searched by.
func (t *transaction) insertTexts(ctx context.Context, n store.NewJobs) error {
	first := n.LastNumber + 1
	var texts searchTexts
	for chunk := range slices.Chunk(n.Jobs, jobsPerText) {
		texts.reset()
		for i := range chunk {
			texts.add(&chunk[i])
		}
		if _, err := t.exec(ctx, insertText, n.BatchSeq, first, texts.String()); err != nil {
			return err
		}
		first += int64(len(chunk))
	}
	return nil
}

const insertText = `INSERT INTO job_texts (batch, first_number, texts) VALUES ($1, $2, $3)`

// insertJobsText is the statement that inserts n jobs. $1 is the batch, $2 the time, $3
// the number before theirs, $4 the revision of the first, and $5 what comes to it with
// each further one; every row adds its own five. Those have no names: SQLite
// finds a name by going through all of them, which takes as long as inserting the rows.
//
// A row that is refused ends the whole transaction (see [store.Tx]). So SQLite need not be able to
// take back the statement alone, and OR FAIL saves it the copies of pages that this needs.
func insertJobsText(n int) string {
	const insert = `
INSERT OR FAIL INTO jobs (batch, create_time, update_time, number, revision, key, name, input_path, output_path, variables,
       state, version, step, step_time, attempt, failures, encoding_id, manifests, regions, stale_mark, progress,
       next_attempt_time, start_time, queued_time, running_time, finish_time, failure, reason)
VALUES `
	const row = `($1, $2, $2, $3 + %d, $4 + %d * $5, ?, ?, ?, ?, ?, 'WAITING', 1, '', 0, 0, 0, '', '', 0, '', 0, 0, 0, 0, 0, 0, NULL, '')`
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(row, i+1, i)
	}
	return insert + strings.Join(rows, ", ")
}

// InsertSkipped keeps the keys and output paths of skipped jobs.
func (t *transaction) InsertSkipped(ctx context.Context, batchSeq int64, jobs []job.Spec) (int64, error) {
	pairs := make([][2]string, len(jobs))
	for i, j := range jobs {
		pairs[i] = [2]string{j.Key, j.OutputPath}
	}
	const insert = `INSERT OR IGNORE INTO skipped (batch, key, output_path) SELECT $1, value ->> 0, value ->> 1 FROM json_each($2)`
	n, err := t.exec(ctx, insert, batchSeq, encode(pairs))
	if err != nil || n == 0 {
		return 0, err
	}
	_, err = t.exec(ctx, `UPDATE batches SET skipped = skipped + $2 WHERE seq = $1`, batchSeq, n)
	return n, err
}

package sqlite

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// Write writes row by row: to SQLite, which runs in this process, a statement is a function call.
func (t *transaction) Write(ctx context.Context, rows *store.Rows) error {
	for _, write := range []func(context.Context, *store.Rows) error{
		t.writeJobs, t.writeAttempts, t.writeEvents, t.writeHeaders, t.writeBatches, t.writeReadyBlocks, t.writeCauses, t.writeStarts, t.writeAccounts, t.writePlatform, t.writeAccess, t.writeNotifications,
	} {
		if err := write(ctx, rows); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) writeJobs(ctx context.Context, rows *store.Rows) error {
	const update = `
UPDATE jobs
   SET state = $5, version = $6, revision = $7, step = $8, step_time = $9, attempt = $10, failures = $11, encoding_id = $12,
       regions = $13, stale_mark = $14, progress = $15, next_attempt_time = $16, update_time = $17, start_time = $18,
       queued_time = $19, running_time = $20, finish_time = $21, failure = $22, cause = coalesce($22 ->> '$.cause', ''), reason = $23, manifests = $24,
       platform_status = $25, platform_status_time = $26
 WHERE batch = $1 AND number = $2 AND state = $3 AND version = $4`
	for i := range rows.Jobs {
		r := &rows.Jobs[i]
		j := r.Job
		n, err := t.exec(ctx, update, r.BatchSeq, j.ID.Number, string(r.ReadState), r.ReadVersion,
			string(j.State), j.Version, j.Revision, string(j.Step), ms(j.StepTime), j.Attempt, j.Failures, j.EncodingID,
			j.FallbackRegionIndex, j.StaleMark, j.Progress, ms(j.NextAttemptTime), ms(j.UpdateTime), ms(j.StartTime),
			ms(j.QueuedTime), ms(j.RunningTime), ms(j.FinishTime), encodeNullable(j.Failure), j.Reason, encodeSlice(j.Manifests),
			j.PlatformStatus, ms(j.PlatformStatusTime))
		if err != nil {
			return err
		}
		if n == 0 {
			return t.fault(fmt.Errorf("job %s: %w", j.ID, job.ErrConflict))
		}
	}
	return nil
}

func (t *transaction) writeEvents(ctx context.Context, rows *store.Rows) error {
	const insert = `
INSERT INTO events (batch, number, version, time, from_state, to_state, attempt, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	for i := range rows.Events {
		e := &rows.Events[i].Event
		_, err := t.exec(ctx, insert, rows.Events[i].BatchSeq, e.Job.Number, e.Version, ms(e.Time), string(e.From), string(e.To), e.Attempt, e.Reason)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) writeAttempts(ctx context.Context, rows *store.Rows) error {
	// An attempt that was given back and opened again has the same number.
	const insert = `
INSERT OR REPLACE INTO attempts (batch, number, attempt, encoding_id, state, start_time, queued_time, running_time, finish_time, failure, regions)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
	for i := range rows.Attempts {
		a := &rows.Attempts[i].Attempt
		_, err := t.exec(ctx, insert, rows.Attempts[i].BatchSeq, rows.Attempts[i].Number, a.Number, a.EncodingID, string(a.State),
			ms(a.StartTime), ms(a.QueuedTime), ms(a.RunningTime), ms(a.FinishTime), encodeNullable(a.Failure), a.FallbackRegionIndex)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) writeHeaders(ctx context.Context, rows *store.Rows) error {
	const update = `
UPDATE batches
   SET state = $3, state_reason = $4, waiting = $5, starting = $6, queued = $7, running = $8, succeeded = $9,
       failed = $10, cancelling = $11, cancelled = $12, revision = $13, update_time = $14, start_time = $15, finish_time = $16,
       failures_forgiven = $17, state_time = $18
 WHERE seq = $1 AND revision = $2`
	for i := range rows.Headers {
		b := rows.Headers[i].Batch
		c := &b.Counts
		n, err := t.exec(ctx, update, b.Seq, rows.Headers[i].ReadRevision, string(b.State), b.StateReason,
			c.Waiting, c.Starting, c.Queued, c.Running, c.Succeeded, c.Failed, c.Cancelling, c.Cancelled,
			b.Revision, ms(b.UpdateTime), ms(b.StartTime), ms(b.FinishTime), b.FailuresForgiven, ms(b.StateTime))
		if err != nil {
			return err
		}
		if n == 0 {
			return t.fault(fmt.Errorf("batch %s: %w", b.ID, job.ErrConflict))
		}
	}
	return nil
}

func (t *transaction) writeBatches(ctx context.Context, rows *store.Rows) error {
	const update = `
UPDATE batches
   SET display_name = $3, priority = $4, state = $5, state_reason = $6, open = $7, retry = $8, failure_limit = $9,
       failures_forgiven = $10, labels = $11, revision = $12, update_time = $13, finish_time = $14, state_time = $15
 WHERE seq = $1 AND revision = $2`
	for i := range rows.Batches {
		r := &rows.Batches[i]
		b := &r.Batch
		n, err := t.exec(ctx, update, b.Seq, r.ReadRevision, b.DisplayName, b.Priority, string(b.State), b.StateReason, b.Open, encode(b.Retry), encode(b.FailureLimit),
			b.FailuresForgiven, encodeMap(b.Labels), b.Revision, ms(b.UpdateTime), ms(b.FinishTime), ms(b.StateTime))
		if err != nil {
			return err
		}
		if n == 0 {
			return t.fault(fmt.Errorf("batch %s: %w", b.ID, job.ErrConflict))
		}
		if !r.LabelsChanged {
			continue
		}
		if _, err := t.exec(ctx, `DELETE FROM batch_labels WHERE batch = $1`, b.Seq); err != nil {
			return err
		}
		if err := t.insertLabels(ctx, b.Seq, b.Labels); err != nil {
			return err
		}
	}
	return t.writeDeletedBatches(ctx, rows)
}

func (t *transaction) writeDeletedBatches(ctx context.Context, rows *store.Rows) error {
	const remember = `
INSERT INTO deleted_batches (seq, id, account, request_id, created_by, payload_hash, delete_time)
SELECT seq, id, account, request_id, created_by, payload_hash, $2 FROM batches WHERE seq = $1`
	for _, b := range rows.DeletedBatches {
		if _, err := t.exec(ctx, remember, b.Seq, ms(b.Time)); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE batches SET deleted = 1, request_id = '' WHERE seq = $1`, b.Seq); err != nil {
			return err
		}
	}
	return nil
}

// writeReadyBlocks does not refuse a count below zero: the counts are for people, and a recount
// corrects them.
func (t *transaction) writeReadyBlocks(ctx context.Context, rows *store.Rows) error {
	const save = `
INSERT INTO ready_blocks (batch, block, ready) VALUES ($1, $2, max($3, 0))
    ON CONFLICT (batch, block) DO UPDATE SET ready = max(ready + $3, 0)`
	for _, b := range rows.ReadyBlocks {
		if _, err := t.exec(ctx, save, b.BatchSeq, b.Block, b.Change); err != nil {
			return err
		}
	}
	return nil
}

// writeCauses removes a cause with its last job: there may be as many causes as failures.
func (t *transaction) writeCauses(ctx context.Context, rows *store.Rows) error {
	const (
		save = `
INSERT INTO failure_causes (batch, cause, jobs) VALUES ($1, $2, $3)
    ON CONFLICT (batch, cause) DO UPDATE SET jobs = jobs + $3`
		remove = `DELETE FROM failure_causes WHERE batch = $1 AND cause = $2 AND jobs <= 0`
	)
	for _, c := range rows.Causes {
		if _, err := t.exec(ctx, save, c.BatchSeq, c.Cause, c.Change); err != nil {
			return err
		}
		if c.Change > 0 {
			continue
		}
		if _, err := t.exec(ctx, remove, c.BatchSeq, c.Cause); err != nil {
			return err
		}
	}
	return nil
}

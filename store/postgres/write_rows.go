package postgres

import (
	"context"

	"github.com/stokerd/stoker/store"
)

// writes collects the statements that write the rows of a unit, with what their answers have to be.
type writes struct {
	*statements
	expected []expectation
}

// expectation says what a statement does, and how many rows it has to change; less than 0: any number.
type expectation struct {
	what string
	rows int64
}

// set adds a statement that has to change a number of rows.
func (w *writes) set(what string, rows int, text string, args ...any) {
	w.add(text, args...)
	w.expected = append(w.expected, expectation{what, int64(rows)})
}

// any adds a statement that may change any number of rows.
func (w *writes) any(text string, args ...any) { w.set("", -1, text, args...) }

// Write writes the rows of a unit in one round trip: a statement for each kind of row.
func (t *transaction) Write(ctx context.Context, rows *store.Rows) error {
	w := &writes{statements: t.newStatements()}
	for _, collect := range []func(*writes, *store.Rows){
		writeJobs, writeAttempts, writeEvents, writeHeaders, writeBatches, writeReadyBlocks, writeCauses, writeStarts, writeAccounts, writePlatform, writeAccess, writeNotifications,
	} {
		collect(w, rows)
	}
	a, err := t.send(ctx, w.statements)
	if err != nil {
		return err
	}
	defer a.close()
	for _, c := range w.expected {
		n, err := a.exec()
		if err != nil {
			return err
		}
		if c.rows >= 0 && n != c.rows {
			return t.conflict(c.what, n, c.rows)
		}
	}
	return nil
}

// lists are the columns of rows, for unnest: one list for each column.
type lists struct {
	columns []any
	next    int
}

// column adds a value to the next column of the row, whose list it makes with the first row.
func column[T any](l *lists, value T) {
	if l.next == len(l.columns) {
		l.columns = append(l.columns, &[]T{})
	}
	list := l.columns[l.next].(*[]T) //nolint:errcheck // the rows have the same columns
	*list = append(*list, value)
	l.next++
}

// args are the lists.
func (l *lists) args() []any { return l.columns }

func writeJobs(w *writes, rows *store.Rows) {
	const update = `
UPDATE jobs AS j
   SET state = u.state, version = u.version, revision = u.revision, step = u.step, step_time = u.step_time, attempt = u.attempt, failures = u.failures,
       encoding_id = u.encoding_id, regions = u.regions, stale_mark = u.stale_mark, progress = u.progress, next_attempt_time = u.next_attempt_time,
       update_time = u.update_time, start_time = u.start_time, queued_time = u.queued_time, running_time = u.running_time, finish_time = u.finish_time,
       failure = u.failure::jsonb, cause = u.cause, reason = u.reason, manifests = u.manifests, platform_status = u.platform_status,
       platform_status_time = u.platform_status_time
  FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[],
              $5::text[], $6::bigint[], $7::bigint[], $8::text[], $9::bigint[], $10::integer[], $11::integer[], $12::text[],
              $13::integer[], $14::text[], $15::integer[], $16::bigint[], $17::bigint[], $18::bigint[],
              $19::bigint[], $20::bigint[], $21::bigint[], $22::text[], $23::text[], $24::text[], $25::text[],
              $26::text[], $27::bigint[])
    AS u(batch, number, read_state, read_version,
         state, version, revision, step, step_time, attempt, failures, encoding_id,
         regions, stale_mark, progress, next_attempt_time, update_time, start_time,
         queued_time, running_time, finish_time, failure, cause, reason, manifests,
         platform_status, platform_status_time)
 WHERE j.batch = u.batch AND j.number = u.number AND j.state = u.read_state AND j.version = u.read_version`
	if len(rows.Jobs) == 0 {
		return
	}
	l := &lists{}
	for i := range rows.Jobs {
		r := &rows.Jobs[i]
		j := r.Job
		var cause string
		if j.Failure != nil {
			cause = storable(j.Failure.Cause)
		}
		l.next = 0
		column(l, r.BatchSeq)
		column(l, j.ID.Number)
		column(l, string(r.ReadState))
		column(l, r.ReadVersion)
		column(l, string(j.State))
		column(l, j.Version)
		column(l, j.Revision)
		column(l, string(j.Step))
		column(l, ms(j.StepTime))
		column(l, int32(j.Attempt))
		column(l, int32(j.Failures))
		column(l, storable(j.EncodingID))
		column(l, int32(j.FallbackRegionIndex))
		column(l, storable(j.StaleMark))
		column(l, int32(j.Progress))
		column(l, ms(j.NextAttemptTime))
		column(l, ms(j.UpdateTime))
		column(l, ms(j.StartTime))
		column(l, ms(j.QueuedTime))
		column(l, ms(j.RunningTime))
		column(l, ms(j.FinishTime))
		column(l, encodeNullable(j.Failure))
		column(l, cause)
		column(l, storable(j.Reason))
		column(l, encodeSlice(j.Manifests))
		column(l, storable(j.PlatformStatus))
		column(l, ms(j.PlatformStatusTime))
	}
	w.set("jobs", len(rows.Jobs), update, l.args()...)
}

func writeEvents(w *writes, rows *store.Rows) {
	const insert = `
INSERT INTO events (batch, number, version, time, from_state, to_state, attempt, reason)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::integer[], $8::text[])`
	if len(rows.Events) == 0 {
		return
	}
	l := &lists{}
	for i := range rows.Events {
		e := &rows.Events[i].Event
		l.next = 0
		column(l, rows.Events[i].BatchSeq)
		column(l, e.Job.Number)
		column(l, e.Version)
		column(l, ms(e.Time))
		column(l, string(e.From))
		column(l, string(e.To))
		column(l, int32(e.Attempt))
		column(l, storable(e.Reason))
	}
	w.set("events", len(rows.Events), insert, l.args()...)
}

func writeAttempts(w *writes, rows *store.Rows) {
	// An attempt that was given back and opened again has the same number.
	const insert = `
INSERT INTO attempts (batch, number, attempt, encoding_id, state, start_time, queued_time, running_time, finish_time, failure, regions)
SELECT u.batch, u.number, u.attempt, u.encoding_id, u.state, u.start_time, u.queued_time, u.running_time, u.finish_time, u.failure::jsonb, u.regions
  FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::integer[])
    AS u(batch, number, attempt, encoding_id, state, start_time, queued_time, running_time, finish_time, failure, regions)
    ON CONFLICT (batch, number, attempt) DO UPDATE
   SET encoding_id = excluded.encoding_id, state = excluded.state, start_time = excluded.start_time, queued_time = excluded.queued_time,
       running_time = excluded.running_time, finish_time = excluded.finish_time, failure = excluded.failure, regions = excluded.regions`
	if len(rows.Attempts) == 0 {
		return
	}
	l := &lists{}
	for i := range rows.Attempts {
		a := &rows.Attempts[i].Attempt
		l.next = 0
		column(l, rows.Attempts[i].BatchSeq)
		column(l, rows.Attempts[i].Number)
		column(l, int32(a.Number))
		column(l, storable(a.EncodingID))
		column(l, string(a.State))
		column(l, ms(a.StartTime))
		column(l, ms(a.QueuedTime))
		column(l, ms(a.RunningTime))
		column(l, ms(a.FinishTime))
		column(l, encodeNullable(a.Failure))
		column(l, int32(a.FallbackRegionIndex))
	}
	w.set("attempts", len(rows.Attempts), insert, l.args()...)
}

// writeHeaders writes the heads, and of the batches themselves those that have changed too.
func writeHeaders(w *writes, rows *store.Rows) {
	const (
		heads = `
UPDATE batch_heads AS h
   SET waiting = u.waiting, starting = u.starting, queued = u.queued, running = u.running, succeeded = u.succeeded, failed = u.failed,
       cancelling = u.cancelling, cancelled = u.cancelled, revision = u.revision, update_time = u.update_time, start_time = u.start_time,
       finish_time = u.finish_time
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],
              $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[])
    AS u(batch, read_revision, waiting, starting, queued, running, succeeded, failed, cancelling, cancelled, revision, update_time, start_time, finish_time)
 WHERE h.batch = u.batch AND h.revision = u.read_revision`
		batches = `
UPDATE batches AS b
   SET state = u.state, state_reason = u.state_reason, state_time = u.state_time, failures_forgiven = u.failures_forgiven,
       dispatchable = u.dispatchable, ended = u.ended
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[], $7::boolean[])
    AS u(seq, state, state_reason, state_time, failures_forgiven, dispatchable, ended)
 WHERE b.seq = u.seq
   AND (b.state, b.state_reason, b.state_time, b.failures_forgiven, b.dispatchable, b.ended)
       IS DISTINCT FROM (u.state, u.state_reason, u.state_time, u.failures_forgiven, u.dispatchable, u.ended)`
	)
	if len(rows.Headers) == 0 {
		return
	}
	l, changed := &lists{}, &lists{}
	for i := range rows.Headers {
		b := rows.Headers[i].Batch
		c := &b.Counts
		l.next, changed.next = 0, 0
		for _, n := range [...]int64{
			b.Seq, rows.Headers[i].ReadRevision, c.Waiting, c.Starting, c.Queued, c.Running, c.Succeeded, c.Failed, c.Cancelling, c.Cancelled,
			b.Revision, ms(b.UpdateTime), ms(b.StartTime), ms(b.FinishTime),
		} {
			column(l, n)
		}
		column(changed, b.Seq)
		column(changed, string(b.State))
		column(changed, storable(b.StateReason))
		column(changed, ms(b.StateTime))
		column(changed, b.FailuresForgiven)
		column(changed, dispatchable(b))
		column(changed, b.State.Terminal())
	}
	w.set("batches", len(rows.Headers), heads, l.args()...)
	w.any(batches, changed.args()...)
}

func writeBatches(w *writes, rows *store.Rows) {
	const (
		head = `UPDATE batch_heads SET revision = $3, update_time = $4, finish_time = $5 WHERE batch = $1 AND revision = $2`
		rest = `
UPDATE batches
   SET display_name = $2, priority = $3, state = $4, state_reason = $5, open = $6, retry = $7, failure_limit = $8,
       failures_forgiven = $9, labels = $10, state_time = $11, dispatchable = $12, ended = $13
 WHERE seq = $1`
		insertLabels = `INSERT INTO batch_labels (name, value, batch) SELECT name, value, $3 FROM unnest($1::text[], $2::text[]) AS l(name, value)`
	)
	for i := range rows.Batches {
		r := &rows.Batches[i]
		b := &r.Batch
		w.set("batch "+b.ID, 1, head, b.Seq, r.ReadRevision, b.Revision, ms(b.UpdateTime), ms(b.FinishTime))
		w.set("batch "+b.ID, 1, rest, b.Seq, storable(b.DisplayName), b.Priority, string(b.State), storable(b.StateReason), b.Open, encode(b.Retry), encode(b.FailureLimit),
			b.FailuresForgiven, encodeMap(b.Labels), ms(b.StateTime), dispatchable(b), b.State.Terminal())
		if r.LabelsChanged {
			names, values := pairs(b.Labels)
			w.any(`DELETE FROM batch_labels WHERE batch = $1`, b.Seq)
			w.any(insertLabels, names, values, b.Seq)
		}
	}
	const remember = `
INSERT INTO deleted_batches (seq, id, account, request_id, created_by, payload_hash, delete_time)
SELECT seq, id, account, request_id, created_by, payload_hash, $2 FROM batches WHERE seq = $1`
	for _, b := range rows.DeletedBatches {
		w.any(remember, b.Seq, ms(b.Time))
		w.any(`UPDATE batches SET deleted = true, request_id = '' WHERE seq = $1`, b.Seq)
	}
}

// writeReadyBlocks does not refuse a count below zero: the counts are for people, and a recount corrects them.
// Nobody else changes those of the same batch meanwhile, because its head is locked.
func writeReadyBlocks(w *writes, rows *store.Rows) {
	const save = `
INSERT INTO ready_blocks (batch, block, ready)
SELECT u.batch, u.block, greatest(coalesce(r.ready, 0) + u.change, 0)
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u(batch, block, change)
  LEFT JOIN ready_blocks AS r ON r.batch = u.batch AND r.block = u.block
    ON CONFLICT (batch, block) DO UPDATE SET ready = excluded.ready`
	if len(rows.ReadyBlocks) == 0 {
		return
	}
	l := &lists{}
	for _, b := range rows.ReadyBlocks {
		l.next = 0
		column(l, b.BatchSeq)
		column(l, b.Block)
		column(l, b.Change)
	}
	w.set("blocks", len(rows.ReadyBlocks), save, l.args()...)
}

// writeCauses removes a cause with its last job: there may be as many causes as failures.
func writeCauses(w *writes, rows *store.Rows) {
	const (
		save = `
INSERT INTO failure_causes (batch, cause, jobs) SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[])
    ON CONFLICT (batch, cause) DO UPDATE SET jobs = failure_causes.jobs + excluded.jobs`
		remove = `
DELETE FROM failure_causes AS f USING unnest($1::bigint[], $2::text[]) AS u(batch, cause)
 WHERE f.batch = u.batch AND f.cause = u.cause AND f.jobs <= 0`
	)
	if len(rows.Causes) == 0 {
		return
	}
	l := &lists{}
	for _, c := range rows.Causes {
		l.next = 0
		column(l, c.BatchSeq)
		column(l, storable(c.Cause))
		column(l, c.Change)
	}
	w.set("causes", len(rows.Causes), save, l.args()...)
	w.any(remove, l.args()[:2]...)
}

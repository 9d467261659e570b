package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

const batchColumns = `id, seq, display_name, account, priority, state, state_reason, open, profile, recipe, template,
       input, output, retry, failure_limit, failures_forgiven, labels,
       waiting, starting, queued, running, succeeded, failed, cancelling, cancelled,
       revision, create_time, update_time, start_time, finish_time, skip_succeeded, skipped, told_apart_by, state_time`

func scanBatch(r row) (job.Batch, error) {
	var b job.Batch
	var recipe, template, input, output, retry, limit, labels text
	var create, update, start, finish, state stamp
	c := &b.Counts
	err := r.Scan(&b.ID, &b.Seq, &b.DisplayName, &b.AccountID, &b.Priority, (*string)(&b.State), &b.StateReason, &b.Open, &b.Profile, &recipe, &template,
		&input, &output, &retry, &limit, &b.FailuresForgiven, &labels,
		&c.Waiting, &c.Starting, &c.Queued, &c.Running, &c.Succeeded, &c.Failed, &c.Cancelling, &c.Cancelled,
		&b.Revision, &create, &update, &start, &finish, &b.SkipSucceeded, &b.Skipped, &b.DistinctBy, &state)
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

// Batch returns a batch, or [job.ErrNotFound].
func (s *Store) Batch(ctx context.Context, id string) (job.Batch, error) {
	return readBatch(ctx, s.reader, id)
}

func readBatch(ctx context.Context, q querier, id string) (job.Batch, error) {
	const query = `SELECT ` + batchColumns + ` FROM batches WHERE id = $1 AND deleted = 0`
	b, err := one(ctx, q, scanBatch, query, id)
	if err != nil {
		return job.Batch{}, fmt.Errorf("batch %s: %w", id, err)
	}
	return b, nil
}

// Batches returns the batches that f chooses, newest first.
func (s *Store) Batches(ctx context.Context, f job.BatchFilter) ([]job.Batch, error) {
	var list []job.Batch
	err := s.reader.snap(ctx, func(q snapshot) error {
		var err error
		if len(f.States) == 0 || len(f.Labels) > 0 {
			list, err = batchesOf(ctx, q, f, "")
			return err
		}
		// State by state, in the order of the index, as with jobs.
		for _, state := range distinct(f.States) {
			some, err := batchesOf(ctx, q, f, state)
			if err != nil {
				return err
			}
			list = append(list, some...)
		}
		slices.SortFunc(list, func(a, b job.Batch) int { return cmp.Compare(b.Seq, a.Seq) })
		if f.Limit > 0 {
			list = list[:min(len(list), f.Limit)]
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list batches: %w", err)
	}
	return list, nil
}

// The lists of batches share their parameters: $1 before seq, $2 limit, $3 account,
// and $4 the one state, or all of them as JSON.
const (
	allBatches     = `SELECT ` + batchColumns + ` FROM batches WHERE seq < $1 AND deleted = 0 AND ($3 = '' OR account = $3) ORDER BY seq DESC LIMIT $2 + 0`
	batchesByState = `
SELECT ` + batchColumns + `
  FROM batches INDEXED BY batches_state
 WHERE state = $4 AND seq < $1 AND deleted = 0 AND ($3 = '' OR account = $3)
 ORDER BY seq DESC LIMIT $2 + 0`
	batchesByLabel = `
SELECT ` + batchColumns + `
  FROM batches
 WHERE seq IN (SELECT batch FROM batch_labels WHERE name = $5 AND value = $6 AND batch < $1)
   AND NOT EXISTS (SELECT 1 FROM json_each($7) AS l
                    WHERE NOT EXISTS (SELECT 1 FROM batch_labels AS have
                                       WHERE have.name = l.key AND have.value = l.value AND have.batch = batches.seq))
   AND deleted = 0 AND ($3 = '' OR account = $3)
   AND ($4 IS NULL OR state IN (SELECT value FROM json_each($4)))
 ORDER BY seq DESC LIMIT $2 + 0`
)

// batchesOf returns what f chooses, or of that only what is in a state.
func batchesOf(ctx context.Context, q querier, f job.BatchFilter, state job.BatchState) ([]job.Batch, error) {
	before := f.BeforeSeq
	if before <= 0 {
		before = math.MaxInt64
	}
	args := []any{before, limit(f.Limit), f.AccountID}
	switch {
	case len(f.Labels) > 0:
		first := slices.Min(slices.Collect(maps.Keys(f.Labels)))
		return all(ctx, q, scanBatch, batchesByLabel, append(args, encodeList(f.States), first, f.Labels[first], encode(f.Labels))...)
	case state != "":
		return all(ctx, q, scanBatch, batchesByState, append(args, string(state))...)
	}
	return all(ctx, q, scanBatch, allBatches, args...)
}

// limit is n in the spelling of SQL, where no limit is a negative one.
func limit(n int) int {
	if n <= 0 {
		return -1
	}
	return n
}

// UpdateBatch applies f to a batch, brings the batch's state in line with its
// jobs and, if anything changed, stores it under a new revision. It returns the
// batch as it then is. An error of f changes nothing and is returned as it is.
//
// f may change the display name, priority, state with its reason, Open, the retry
// policy, the failure limit, the failures forgiven and the labels; whatever else
// it changes is not stored. It may be called twice and must do nothing else.
func (s *Store) UpdateBatch(ctx context.Context, id string, now time.Time, f func(*job.Batch) error) (job.Batch, error) {
	round(&now)
	return write(ctx, s, "update batch "+id, func(t *tx) (job.Batch, error) {
		h, err := t.head(id)
		if err != nil {
			return job.Batch{}, err
		}
		if err := t.forget(h); err != nil {
			return job.Batch{}, err
		}
		before, err := readBatch(t.ctx, t, id)
		if err != nil {
			return job.Batch{}, err
		}
		b := before
		b.Labels = maps.Clone(b.Labels)
		if err := f(&b); err != nil {
			return job.Batch{}, err
		}
		b.Derive(now)
		if b.State != before.State {
			b.StateTime = now
		}
		if reflect.DeepEqual(b, before) {
			return b, nil
		}
		b.Revision, b.UpdateTime = before.Revision+1, now
		if err := t.writeBatch(b, before); err != nil {
			return job.Batch{}, err
		}
		return readBatch(t.ctx, t, id)
	})
}

func (t *tx) writeBatch(b, before job.Batch) error {
	const update = `
UPDATE batches
   SET display_name = $3, priority = $4, state = $5, state_reason = $6, open = $7, retry = $8, failure_limit = $9,
       failures_forgiven = $10, labels = $11, revision = $12, update_time = $13, finish_time = $14, state_time = $15
 WHERE seq = $1 AND revision = $2`
	if !b.Open {
		t.w.outputs.drop(b.Seq) // nobody adds to it any more
	}
	n, err := t.exec(update, before.Seq, before.Revision, b.DisplayName, b.Priority, string(b.State), b.StateReason, b.Open, encode(b.Retry), encode(b.FailureLimit),
		b.FailuresForgiven, encodeMap(b.Labels), b.Revision, ms(b.UpdateTime), ms(b.FinishTime), ms(b.StateTime))
	if err != nil {
		return err
	}
	if n == 0 {
		return t.fault(fmt.Errorf("batch %s: %w", b.ID, job.ErrConflict))
	}
	t.bell(&head{Batch: b}).Dispatch = true
	if maps.Equal(b.Labels, before.Labels) {
		return nil
	}
	return t.writeLabels(b.Seq, b.Labels)
}

func (t *tx) writeLabels(seq int64, labels map[string]string) error {
	if _, err := t.exec(`DELETE FROM batch_labels WHERE batch = $1`, seq); err != nil {
		return err
	}
	if len(labels) == 0 {
		return nil
	}
	const insert = `INSERT INTO batch_labels (name, value, batch) SELECT key, value, $1 FROM json_each($2)`
	_, err := t.exec(insert, seq, encode(labels))
	return err
}

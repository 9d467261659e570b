package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/stokerd/stoker/job"
)

// firstRevision is a batch's revision at its submission.
const firstRevision = 1

// Submit stores a batch with all of its jobs, or nothing. An empty id is filled
// with a new one and an empty state according to Open; Seq, Counts, Skipped, Revision
// and the times are set here. If a batch with this
// RequestID and PayloadHash is there already it is returned as it is now, and
// created is false; with another hash, and for a repeated batch id or job key, the
// answer is [job.ErrExists]. A deleted batch has given its RequestID free.
//
// That no two of the jobs have one output path is up to the caller.
//
// With SkipSucceeded, jobs that have succeeded before are left out. If that is all of
// them the batch has no jobs, and ends at once unless it is open.
func (s *Store) Submit(ctx context.Context, sub job.Submission, now time.Time) (b job.Batch, created bool, err error) {
	round(&now)
	b, err = write(ctx, s, "submit batch", func(t *tx) (job.Batch, error) {
		created = false
		first, err := t.submitted(sub)
		if !errors.Is(err, job.ErrNotFound) {
			return first, err
		}
		jobs, skipped, err := t.leaveOut(sub.Batch, sub.Jobs)
		if err != nil {
			return job.Batch{}, err
		}
		b, err := newBatch(sub, jobs, now)
		if err != nil {
			return job.Batch{}, err
		}
		b.Seq, err = t.insertBatch(b, sub)
		if err != nil {
			return job.Batch{}, err
		}
		if err := t.writeLabels(b.Seq, b.Labels); err != nil {
			return job.Batch{}, err
		}
		if err := t.insertJobs(b.Seq, 0, jobs, firstRevision, 0, now); err != nil {
			return job.Batch{}, err
		}
		if _, err := t.writeSkipped(b.Seq, skipped); err != nil {
			return job.Batch{}, err
		}
		if b.Open && b.DistinctBy == job.ByOutputPath { // it will be added to
			t.w.outputs.keep(b.Seq, &batchOutputs{skipped: true})
			t.addOutputs(b.Seq, 0, jobs, skipped)
		}
		t.bell(&head{Batch: b}).Dispatch = true
		created = true
		return readBatch(t.ctx, t, b.ID)
	})
	if err != nil {
		return job.Batch{}, false, err // created is the writer's, which may still be at it
	}
	return b, created, nil
}

// BatchByRequestID returns the batch that an earlier submission with this RequestID and
// PayloadHash made, as it is now. If there is none the answer is [job.ErrNotFound], if
// there is one with another hash [job.ErrExists].
func (s *Store) BatchByRequestID(ctx context.Context, requestID string, payloadHash []byte) (b job.Batch, err error) {
	err = s.reader.snap(ctx, func(q snapshot) error {
		id, err := submitted(ctx, q, requestID, payloadHash)
		if err != nil {
			return err
		}
		b, err = readBatch(ctx, q, id)
		return err
	})
	if err != nil {
		return job.Batch{}, fmt.Errorf("earlier submission: %w", err)
	}
	return b, nil
}

// submitted is the id of the batch that an earlier submission made.
func submitted(ctx context.Context, q querier, requestID string, payloadHash []byte) (id string, err error) {
	if requestID == "" {
		return "", job.ErrNotFound
	}
	type answer struct {
		id   string
		hash []byte
	}
	const query = `SELECT id, payload_hash FROM batches WHERE request_id = $1 AND request_id <> ''`
	scan := func(r row) (a answer, err error) {
		err = r.Scan(&a.id, &a.hash)
		return a, err
	}
	first, err := one(ctx, q, scan, query, requestID)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(first.hash, payloadHash) {
		return "", fmt.Errorf("request id %q was used for another submission, batch %s: %w", requestID, first.id, job.ErrExists)
	}
	return first.id, nil
}

// submitted returns the batch an earlier submission with the same RequestID
// made, or [job.ErrNotFound].
func (t *tx) submitted(sub job.Submission) (job.Batch, error) {
	id, err := submitted(t.ctx, t, sub.RequestID, sub.PayloadHash)
	if err != nil {
		return job.Batch{}, err
	}
	if h, ok := t.heads[id]; ok {
		if err := t.forget(h); err != nil {
			return job.Batch{}, err
		}
	}
	return readBatch(t.ctx, t, id)
}

func newBatch(sub job.Submission, jobs []job.Spec, now time.Time) (job.Batch, error) {
	b := sub.Batch
	if b.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return job.Batch{}, fmt.Errorf("make a batch id: %w", err)
		}
		b.ID = id.String()
	}
	if b.State == "" {
		b.State = job.BatchActive
		if b.Open {
			b.State = job.BatchOpen
		}
	}
	b.Counts = job.Counts{Waiting: int64(len(jobs))}
	b.Revision = firstRevision
	b.CreateTime, b.UpdateTime, b.StartTime, b.FinishTime = now, now, time.Time{}, time.Time{}
	b.StateTime = now
	b.Derive(now)
	return b, nil
}

func (t *tx) insertBatch(b job.Batch, sub job.Submission) (seq int64, err error) {
	const insert = `
INSERT INTO batches (id, request_id, payload_hash, display_name, account, priority, state, state_reason, open, profile, recipe, template,
       input, output, retry, failure_limit, failures_forgiven, labels,
       waiting, starting, queued, running, succeeded, failed, cancelling, cancelled,
       revision, create_time, update_time, start_time, finish_time, skip_succeeded, told_apart_by, state_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 0, 0, 0, 0, 0, 0, 0, $20, $21, $22, 0, $23, $24, $25, $26)
RETURNING seq`
	hash := sub.PayloadHash
	if hash == nil {
		hash = []byte{}
	}
	return one(t.ctx, t, scalar[int64], insert, b.ID, sub.RequestID, hash, b.DisplayName, b.AccountID, b.Priority, string(b.State), b.StateReason, b.Open,
		b.Profile, encodePointer(b.Recipe), encodePointer(b.Template), encode(b.Input), encode(b.Output), encode(b.Retry), encode(b.FailureLimit),
		b.FailuresForgiven, encodeMap(b.Labels), b.Counts.Waiting, b.Revision, ms(b.CreateTime), ms(b.UpdateTime), ms(b.FinishTime), b.SkipSucceeded, b.DistinctBy, ms(b.StateTime))
}

// insertJobs appends jobs after number last. The first of them gets the given
// revision, each further one step more.
//
// The more of them one statement inserts, the less each pays for the way into the
// database, up to a point. What is left over goes in by smaller ones; the writer keeps
// every statement, so there are not as many as there are numbers.
func (t *tx) insertJobs(seq, last int64, jobs []job.Spec, revision, step int64, now time.Time) error {
	t.countInserted(seq, last, int64(len(jobs)))
	var args []any
	for _, n := range [...]int{64, 8, 1} {
		if len(jobs) < n {
			continue
		}
		text := insertJobsText(n)
		for ; len(jobs) >= n; jobs = jobs[n:] {
			args = append(args[:0], seq, ms(now), last, revision, step)
			for _, j := range jobs[:n] {
				args = append(args, j.Key, j.Name, j.InputPath, j.OutputPath, encodeMap(j.Variables))
			}
			if _, err := t.exec(text, args...); err != nil {
				return err
			}
			last, revision = last+int64(n), revision+int64(n)*step
		}
	}
	return nil
}

// insertJobsText is the statement that inserts n jobs. $1 is the batch, $2 the time, $3
// the number before theirs, $4 the revision of the first, and $5 what comes to it with
// each further one; every row adds its own five. Those have no names because SQLite
// finds a name by going through all of them, which takes as long as to insert the rows.
//
// A row that is refused takes back the whole transaction (see [tx.fault]). OR FAIL saves
// SQLite the copies of pages with which it would take back the statement alone.
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

// AddJobs appends jobs to a batch that is open for more, all of them or none. A
// job whose key the batch has already is skipped, so a caller that does not know
// whether an earlier call arrived repeats it. The batch must be open, else the
// answer is a [job.StateError]. A job that would write to where another job of the
// batch writes is refused: the answer is then a
// [job.InvalidError].
//
// If the batch has SkipSucceeded, jobs that have succeeded in an earlier batch are
// left out: they are those that are neither added nor skipped. A job that was left
// out once is left out again, whatever has become of the earlier batch.
func (s *Store) AddJobs(ctx context.Context, batchID string, jobs []job.Spec, now time.Time) (b job.Batch, added, skipped int64, err error) {
	round(&now)
	type outcome struct {
		batch          job.Batch
		added, skipped int64
	}
	if err := s.readOutputs(ctx, batchID); err != nil {
		return job.Batch{}, 0, 0, fmt.Errorf("add jobs to batch %s: %w", batchID, err)
	}
	out, err := write(ctx, s, "add jobs to batch "+batchID, func(t *tx) (outcome, error) {
		h, err := t.head(batchID)
		if err != nil {
			return outcome{}, err
		}
		if !h.Open {
			return outcome{}, &job.StateError{
				Resource: "batch", ID: batchID, State: string(h.State),
				Problem: "it takes no more jobs; submit them as a new batch, and keep that open",
			}
		}
		unknown, err := t.unknown(h.Seq, jobs)
		if err != nil {
			return outcome{}, err
		}
		content, err := readBatch(t.ctx, t, batchID)
		if err != nil {
			return outcome{}, err
		}
		if err := t.toldApart(content, jobs, unknown); err != nil {
			return outcome{}, err
		}
		fresh, left, err := t.leaveOut(content, unknown)
		if err != nil {
			return outcome{}, err
		}
		if err := t.append(h, fresh, left, now); err != nil {
			return outcome{}, err
		}
		b, err := readBatch(t.ctx, t, batchID)
		return outcome{b, int64(len(fresh)), int64(len(jobs) - len(unknown))}, err
	})
	if err != nil {
		return job.Batch{}, 0, 0, err
	}
	return out.batch, out.added, out.skipped, nil
}

// append writes jobs that are added to a batch, and what is kept of those that are left
// out, and has the batch read again.
func (t *tx) append(h *head, fresh, left []job.Spec, now time.Time) error {
	added := int64(len(fresh))
	// A revision for each, so that a watcher can stop reading between any two.
	if err := t.insertJobs(h.Seq, h.Counts.Total(), fresh, h.Revision+1, 1, now); err != nil {
		return err
	}
	skipped, err := t.writeSkipped(h.Seq, left)
	if err != nil {
		return err
	}
	t.addOutputs(h.Seq, h.Counts.Total(), fresh, left)
	if added > 0 || skipped > 0 {
		h.Revision += max(added, 1)
		h.Counts.Waiting += added
		h.UpdateTime, h.changed = now, true
		t.bell(h).Dispatch = true
	}
	return t.forget(h)
}

// keysPerQuestion is how many keys one question is about: the list is text that is read
// over and over, and that of 100,000 keys would be megabytes.
const keysPerQuestion = 1000

// unknown returns the jobs whose keys are neither in the batch nor given twice.
func (t *tx) unknown(seq int64, jobs []job.Spec) ([]job.Spec, error) {
	const query = `SELECT j.key FROM json_each($2) AS k CROSS JOIN jobs AS j ON j.batch = $1 AND j.key = k.value AND j.key <> ''`
	seen := make(map[string]struct{}, len(jobs))
	for chunk := range slices.Chunk(jobs, keysPerQuestion) {
		keys := make([]string, len(chunk))
		for i, j := range chunk {
			keys[i] = j.Key // an empty one is in no batch
		}
		have, err := all(t.ctx, t, scalar[string], query, seq, encode(keys))
		if err != nil {
			return nil, err
		}
		for _, k := range have {
			seen[k] = struct{}{}
		}
	}
	// Most often all are new, and then there is nothing to copy.
	fresh, first := jobs, true
	for i, j := range jobs {
		_, known := seen[j.Key]
		known = known && j.Key != ""
		seen[j.Key] = struct{}{}
		switch {
		case known && first:
			fresh, first = append(make([]job.Spec, 0, len(jobs)-1), jobs[:i]...), false
		case !known && !first:
			fresh = append(fresh, j)
		}
	}
	return fresh, nil
}

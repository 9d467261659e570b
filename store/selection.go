package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stokerd/stoker/job"
)

// causeKey is what [job.Cause] calls its key, of a job with a failure. What tells the
// job from others is left out of the text; a path without a directory is too short to
// be told from ordinary words. The input path goes first: it may contain the other. The
// beginning of a text is enough to tell causes apart, and its end may be the job's own.
const causeKey = `json_array(j.failure ->> '$.kind', coalesce(j.failure ->> '$.code', 0), coalesce(j.failure ->> '$.http_status', 0),
       substr(coalesce(j.failure ->> '$.category', ''), 1, 200),
       substr(replace(replace(replace(coalesce(j.failure ->> '$.text', '') || coalesce('; ' || (j.failure ->> '$.messages[0]'), ''),
         j.encoding_id, '…'), iif(instr(j.input_path, '/'), j.input_path, ''), '…'), iif(instr(j.output_path, '/'), j.output_path, ''), '…'), 1, 1000))`

// The selection's statements share their parameters: $1 batch id, $2 after number,
// $3 state, $4 key prefix, $5 failure kinds, $6 categories, $7 causes, $8 limit.
const (
	selected = fromState + oneState + ` AND ($4 = '' OR substr(j.key, 1, length($4)) = $4)
   AND ($7 IS NULL OR j.failure IS NOT NULL AND ` + causeKey + ` IN (SELECT value FROM json_each($7)))`

	selectedNumbers = `SELECT j.number` + selected + ` ORDER BY j.number LIMIT $8`
	selectedCount   = `SELECT count(*)` + selected
)

func selectionArgs(sel job.Selection, state job.State, after int64) []any {
	return []any{sel.BatchID, after, string(state), sel.KeyPrefix, encodeList(sel.FailureKinds), encodeList(sel.Categories), encodeList(sel.Causes)}
}

// SelectJobNumbers returns the numbers of the jobs that sel chooses, in ascending order: at
// most limit of them, all greater than after.
func (s *Store) SelectJobNumbers(ctx context.Context, sel job.Selection, after int64, limit int) ([]int64, error) {
	var numbers []int64
	for _, state := range distinct(sel.States) {
		list, err := all(ctx, s.reader, scalar[int64], selectedNumbers, append(selectionArgs(sel, state, after), limit)...)
		if err != nil {
			return nil, fmt.Errorf("select jobs of batch %s: %w", sel.BatchID, err)
		}
		numbers = append(numbers, list...)
	}
	slices.Sort(numbers)
	return numbers[:min(len(numbers), limit)], nil
}

// CountSelectedJobs returns how many jobs sel chooses. Jobs that move from one of its
// states to another meanwhile may be counted twice or not at all.
func (s *Store) CountSelectedJobs(ctx context.Context, sel job.Selection) (int64, error) {
	var total int64
	for _, state := range distinct(sel.States) {
		n, err := one(ctx, s.reader, scalar[int64], selectedCount, selectionArgs(sel, state, 0)...)
		if err != nil {
			return 0, fmt.Errorf("count jobs of batch %s: %w", sel.BatchID, err)
		}
		total += n
	}
	return total, nil
}

// UpdateJobsByNumber does to these jobs of a batch what [Store.UpdateJob] does to one, all
// in one transaction, and returns how many changed. An error of f changes nothing at
// all and is returned as it is.
func (s *Store) UpdateJobsByNumber(ctx context.Context, batchID string, numbers []int64, now time.Time, f func(*job.Update) error) (int64, error) {
	round(&now)
	return write(ctx, s, "update jobs", func(t *tx) (int64, error) {
		h, err := t.head(batchID)
		if err != nil {
			return 0, err
		}
		jobs := make([]job.Job, len(numbers))
		for i, n := range numbers {
			if jobs[i], err = t.job(h, job.ID{Batch: batchID, Number: n}); err != nil {
				return 0, err
			}
		}
		return t.applyAll(h, jobs, now, f)
	})
}

// FailureCauses returns what the FAILED jobs of a batch failed of, the most frequent cause
// first, at most limit of them. What it costs grows with the number of those jobs.
func (s *Store) FailureCauses(ctx context.Context, batchID string, limit int) ([]job.Cause, error) {
	const query = `
SELECT ` + causeKey + ` AS cause, count(*) AS jobs, min(j.number), j.failure` + fromState + `
 WHERE b.id = $1 AND b.deleted = 0 AND j.state = 'FAILED' AND j.failure IS NOT NULL
 GROUP BY cause ORDER BY jobs DESC, min(j.number) LIMIT $2`
	scan := func(r row) (c job.Cause, err error) {
		var failure text
		if err := r.Scan(&c.Key, &c.Count, &c.First.Number, &failure); err != nil {
			return c, err
		}
		c.First.Batch = batchID
		if err := failure.decode(&c.Failure); err != nil {
			return c, err
		}
		c.Failure = *c.Failure.Shorten(job.MaxFailure)
		return c, nil
	}
	list, err := all(ctx, s.reader, scan, query, batchID, limit)
	if err != nil {
		return nil, fmt.Errorf("causes of failures of batch %s: %w", batchID, err)
	}
	return list, nil
}

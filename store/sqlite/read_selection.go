package sqlite

import (
	"cmp"
	"context"
	"slices"

	"github.com/stokerd/stoker/job"
)

// The selection's statements share their parameters: $1 batch id, $2 after number,
// $3 state, $4 key prefix, $5 failure kinds, $6 categories, $7 cause or empty, $8 limit.
const (
	fromCause = ` FROM batches AS b CROSS JOIN jobs AS j INDEXED BY jobs_cause ON j.batch = b.seq AND j.cause = $7 AND j.cause <> '' `
	selected  = oneState + ` AND ($4 = '' OR substr(j.key, 1, length($4)) = $4) AND ($7 = '' OR j.cause = $7)`

	numbersByState = `SELECT j.number` + fromState + selected + ` ORDER BY j.number LIMIT $8 + 0`
	numbersByCause = `SELECT j.number` + fromCause + selected + ` ORDER BY j.number LIMIT $8 + 0`
	countByState   = `SELECT count(*)` + fromState + selected
	countByCause   = `SELECT count(*)` + fromCause + selected
)

// selectionPart is a part of a selection that is read in the order of an index.
type selectionPart struct {
	state job.State
	cause string // empty: any
}

// partsOf cuts a selection into parts that have no job in common.
func partsOf(sel job.Selection) []selectionPart {
	var parts []selectionPart
	for _, state := range distinct(sel.States) {
		if len(sel.Causes) == 0 {
			parts = append(parts, selectionPart{state: state})
		}
		for _, cause := range distinct(sel.Causes) {
			parts = append(parts, selectionPart{state, cause})
		}
	}
	return parts
}

// query returns the statement for a part: one of two.
func (p selectionPart) query(byState, byCause string) string {
	if p.cause == "" {
		return byState
	}
	return byCause
}

// args are $1 to $7.
func (p selectionPart) args(sel job.Selection, after int64) []any {
	return []any{sel.BatchID, after, string(p.state), sel.KeyPrefix, encodeList(sel.FailureKinds), encodeList(sel.Categories), p.cause}
}

func (r queries) SelectJobNumbers(ctx context.Context, sel job.Selection, after int64, limit int) ([]int64, error) {
	var numbers []int64
	for _, part := range partsOf(sel) {
		list, err := all(ctx, r.q, scalar[int64], part.query(numbersByState, numbersByCause), append(part.args(sel, after), limit)...)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, list...)
	}
	slices.Sort(numbers)
	return numbers[:min(len(numbers), limit)], nil
}

func (r queries) CountSelectedJobs(ctx context.Context, sel job.Selection) (job.Counts, error) {
	var counts job.Counts
	for _, part := range partsOf(sel) {
		n, err := one(ctx, r.q, scalar[int64], part.query(countByState, countByCause), part.args(sel, 0)...)
		if err != nil {
			return job.Counts{}, err
		}
		*counts.Of(part.state) += n
	}
	return counts, nil
}

// The failure of a cause is that of its first job, which the index finds.
const failureCauses = `
SELECT id, jobs, seq, j.number, j.key, j.failure
  FROM (SELECT f.batch AS seq, f.cause AS id, f.jobs
          FROM batches AS b CROSS JOIN failure_causes AS f INDEXED BY failure_causes_jobs ON f.batch = b.seq
         WHERE b.id = $1 AND b.deleted = 0
         ORDER BY f.jobs DESC, f.cause LIMIT $2 + 0)
 CROSS JOIN jobs AS j ON j.batch = seq AND j.number = (
       SELECT min(first.number) FROM jobs AS first INDEXED BY jobs_cause
        WHERE first.batch = seq AND first.cause = id AND first.cause <> '' AND first.state = 'FAILED')`

func (r queries) FailureCauses(ctx context.Context, batchID string, limit int) ([]job.Cause, error) {
	scan := func(r row) (c job.Cause, err error) {
		var failure text
		if err := r.Scan(&c.ID, &c.Count, &c.BatchSeq, &c.First.Number, &c.Key, &failure); err != nil {
			return c, err
		}
		c.First.Batch, c.Batches = batchID, 1
		if err := failure.decode(&c.Failure); err != nil {
			return c, err
		}
		c.Failure = *c.Failure.Shorten(job.MaxFailure)
		return c, nil
	}
	list, err := all(ctx, r.q, scan, failureCauses, batchID, limit)
	slices.SortFunc(list, func(a, b job.Cause) int { // the index knows no first jobs
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.First.Number, b.First.Number))
	})
	return list, err
}

func (r queries) CountCauses(ctx context.Context, batchID string, causes []string) (map[string]int64, error) {
	const query = `
SELECT f.cause, f.jobs
  FROM batches AS b CROSS JOIN json_each($2) AS c CROSS JOIN failure_causes AS f ON f.batch = b.seq AND f.cause = c.value
 WHERE b.id = $1 AND b.deleted = 0`
	list, err := all(ctx, r.q, scanCauseCount, query, batchID, encodeList(distinct(causes)))
	counts := make(map[string]int64, len(list))
	for _, c := range list {
		counts[c.cause] = c.jobs
	}
	return counts, err
}

// causeCount is how many FAILED jobs of a batch have a cause.
type causeCount struct {
	cause string
	jobs  int64
}

func scanCauseCount(r row) (c causeCount, err error) {
	err = r.Scan(&c.cause, &c.jobs)
	return c, err
}

// countedCauses counts what failure_causes holds, in its order.
const countedCauses = `
SELECT cause, count(*)
  FROM jobs INDEXED BY jobs_cause
 WHERE batch = $1 AND cause <> '' AND state = 'FAILED'
 GROUP BY 1 ORDER BY 1`

func (r queries) CausesCorrect(ctx context.Context, batchSeq int64) (bool, error) {
	const stored = `SELECT cause, jobs FROM failure_causes WHERE batch = $1 ORDER BY cause`
	have, err := all(ctx, r.q, scanCauseCount, stored, batchSeq)
	if err != nil {
		return false, err
	}
	want, err := all(ctx, r.q, scanCauseCount, countedCauses, batchSeq)
	return slices.Equal(have, want), err
}

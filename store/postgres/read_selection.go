package postgres

import (
	"cmp"
	"context"
	"slices"

	"github.com/stokerd/stoker/job"
)

func distinct[T cmp.Ordered](list []T) []T { return slices.Compact(slices.Sorted(slices.Values(list))) }

// The statements of a selection share their parameters: $1 batch id, $2 after number, $3 states, $4 causes, $5
// failure kinds, $6 categories, $7 key prefix.
const (
	selected = failedAs + ` AND ($7 = '' OR starts_with(j.key, $7))`

	// ofParts finds jobs in the order of an index, for each state and cause by itself.
	numbersByState = `
SELECT f.number
  FROM unnest($3::text[]) AS s(state) CROSS JOIN batches AS b CROSS JOIN LATERAL (
       SELECT j.number FROM jobs AS j
        WHERE j.batch = b.seq AND j.state = s.state AND j.number > $2` + selected + `
        ORDER BY j.number LIMIT $8) AS f
 WHERE b.id = $1 AND NOT b.deleted AND $4::text[] IS NULL
 ORDER BY f.number LIMIT $8`
	numbersByCause = `
SELECT f.number
  FROM unnest($3::text[]) AS s(state) CROSS JOIN unnest($4::text[]) AS c(cause) CROSS JOIN batches AS b CROSS JOIN LATERAL (
       SELECT j.number FROM jobs AS j
        WHERE j.batch = b.seq AND j.cause = c.cause AND j.cause <> '' AND j.state = s.state AND j.number > $2` + selected + `
        ORDER BY j.number LIMIT $8) AS f
 WHERE b.id = $1 AND NOT b.deleted
 ORDER BY f.number LIMIT $8`
	countByState = `
SELECT j.state, count(*)
  FROM batches AS b JOIN jobs AS j ON j.batch = b.seq AND j.state = ANY ($3::text[])
 WHERE b.id = $1 AND NOT b.deleted AND j.number > $2 AND $4::text[] IS NULL` + selected + `
 GROUP BY 1`
	countByCause = `
SELECT j.state, count(*)
  FROM batches AS b JOIN jobs AS j ON j.batch = b.seq AND j.cause = ANY ($4::text[]) AND j.cause <> '' AND j.state = ANY ($3::text[])
 WHERE b.id = $1 AND NOT b.deleted AND j.number > $2` + selected + `
 GROUP BY 1`
)

// selectionArgs are $1 to $7.
func selectionArgs(sel job.Selection, after int64) []any {
	return []any{
		storable(sel.BatchID), after, array(distinct(sel.States)), array(distinct(sel.Causes)), array(sel.FailureKinds), array(sel.Categories), storable(sel.KeyPrefix),
	}
}

func (r queries) SelectJobNumbers(ctx context.Context, sel job.Selection, after int64, limit int) ([]int64, error) {
	text := numbersByState
	if len(sel.Causes) > 0 {
		text = numbersByCause
	}
	return all(ctx, r.q, scalar[int64], text, append(selectionArgs(sel, after), limit)...)
}

func (r queries) CountSelectedJobs(ctx context.Context, sel job.Selection) (job.Counts, error) {
	text := countByState
	if len(sel.Causes) > 0 {
		text = countByCause
	}
	var counts job.Counts
	scan := func(r row) (state job.State, err error) {
		var n int64
		if err = r.Scan((*string)(&state), &n); err == nil {
			*counts.Of(state) = n
		}
		return state, err
	}
	_, err := all(ctx, r.q, scan, text, selectionArgs(sel, 0)...)
	return counts, err
}

// The failure of a cause is that of its first job, which the index finds.
const failureCauses = `
SELECT f.cause, f.jobs, f.batch, j.number, j.key, j.failure
  FROM (SELECT f.batch, f.cause, f.jobs
          FROM batches AS b JOIN failure_causes AS f ON f.batch = b.seq
         WHERE b.id = $1 AND NOT b.deleted
         ORDER BY f.jobs DESC, f.cause LIMIT $2) AS f
 CROSS JOIN LATERAL (SELECT j.number, j.key, j.failure FROM jobs AS j
                      WHERE j.batch = f.batch AND j.cause = f.cause AND j.cause <> '' AND j.state = 'FAILED'
                      ORDER BY j.number LIMIT 1) AS j`

func (r queries) FailureCauses(ctx context.Context, batchID string, limit int) ([]job.Cause, error) {
	scan := func(r row) (c job.Cause, err error) {
		var failure string
		if err := r.Scan(&c.ID, &c.Count, &c.BatchSeq, &c.First.Number, &c.Key, &failure); err != nil {
			return c, err
		}
		c.First.Batch, c.Batches = batchID, 1
		if err := decode(failure, &c.Failure); err != nil {
			return c, err
		}
		c.Failure = *c.Failure.Shorten(job.MaxFailure)
		return c, nil
	}
	list, err := all(ctx, r.q, scan, failureCauses, storable(batchID), limit)
	slices.SortFunc(list, func(a, b job.Cause) int { // the index knows no first jobs
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.First.Number, b.First.Number))
	})
	return list, err
}

func (r queries) CountCauses(ctx context.Context, batchID string, causes []string) (map[string]int64, error) {
	const query = `
SELECT f.cause, f.jobs
  FROM batches AS b JOIN failure_causes AS f ON f.batch = b.seq AND f.cause = ANY ($2::text[])
 WHERE b.id = $1 AND NOT b.deleted`
	list, err := all(ctx, r.q, scanCauseCount, query, storable(batchID), array(causes))
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

// countedCauses counts what failure_causes holds.
const countedCauses = `SELECT cause, count(*) FROM jobs WHERE batch = $1 AND cause <> '' AND state = 'FAILED' GROUP BY 1`

func (r queries) CausesCorrect(ctx context.Context, batchSeq int64) (bool, error) {
	const stored = `SELECT cause, jobs FROM failure_causes WHERE batch = $1 ORDER BY cause`
	have, err := all(ctx, r.q, scanCauseCount, stored, batchSeq)
	if err != nil {
		return false, err
	}
	want, err := all(ctx, r.q, scanCauseCount, countedCauses+` ORDER BY 1`, batchSeq)
	return slices.Equal(have, want), err
}

package sqlite

import (
	"context"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// The causes of the failures that a search selects, by batch, with the number of the first job of each. They
// have the parameters of a search.
const (
	countedByBatch = `SELECT b.seq, f.cause, f.jobs, 0 FROM ` + listedBatches + ` CROSS JOIN failure_causes AS f ON f.batch = b.seq WHERE`
	rowsByBatch    = `
SELECT b.seq, j.cause, count(*), min(j.number)
  FROM ` + listedBatches + ` CROSS JOIN jobs AS j INDEXED BY jobs_cause ON j.batch = b.seq AND j.cause <> '' AND j.state = 'FAILED'
 WHERE`
	byBatchAndCause = ` GROUP BY 1, 2`
)

// CausesByBatch counts what is stored of causes, or the jobs themselves if not all jobs of a batch are selected.
func (r queries) CausesByBatch(ctx context.Context, f *job.Search) ([]store.BatchCause, error) {
	anyState := *f
	anyState.States = nil
	query := countedByBatch + batchConditions(f)
	if conditions := jobConditions(&anyState, ""); conditions != "" {
		query = rowsByBatch + batchConditions(f) + conditions + byBatchAndCause
	}
	scan := func(r row) (c store.BatchCause, err error) {
		err = r.Scan(&c.BatchSeq, &c.Cause, &c.Jobs, &c.First)
		return c, err
	}
	return all(ctx, r.q, scan, query, searchArgs(&store.SearchPart{Search: &anyState, Range: allBatchesOf(f)}, 0)...)
}

func (r queries) FirstFailed(ctx context.Context, batchSeq int64, cause string) (int64, error) {
	const first = `
SELECT coalesce(min(number), 0) FROM jobs INDEXED BY jobs_cause
 WHERE batch = $1 AND cause = $2 AND cause <> '' AND state = 'FAILED'`
	return one(ctx, r.q, scalar[int64], first, batchSeq, cause)
}

func (r queries) CountJobsOfBatches(ctx context.Context, f *job.Search) (job.Counts, error) {
	query := `
SELECT coalesce(sum(b.waiting), 0), coalesce(sum(b.starting), 0), coalesce(sum(b.queued), 0), coalesce(sum(b.running), 0),
       coalesce(sum(b.succeeded), 0), coalesce(sum(b.failed), 0), coalesce(sum(b.cancelling), 0), coalesce(sum(b.cancelled), 0)
  FROM ` + listedBatches + ` WHERE` + batchConditions(f)
	scan := func(r row) (c job.Counts, err error) {
		err = r.Scan(&c.Waiting, &c.Starting, &c.Queued, &c.Running, &c.Succeeded, &c.Failed, &c.Cancelling, &c.Cancelled)
		return c, err
	}
	return one(ctx, r.q, scan, query, searchArgs(&store.SearchPart{Search: f, Range: allBatchesOf(f)}, 0)[:7]...)
}

// textRows reads rows of texts in the batches of a search, which has the first seven parameters in common
// with its other statements. Ascending, it begins with the row that has the job after number $3.
func textRows(f *job.Search, asc bool) string {
	numbers, by := `t.first_number < $3`, `b.seq DESC, t.first_number DESC`
	if asc {
		const begin = `(SELECT coalesce(max(x.first_number), 0) FROM job_texts AS x WHERE x.batch = b.seq AND x.first_number <= $3 + 1)`
		numbers, by = `t.first_number >= `+begin, `b.seq, t.first_number`
	}
	return `SELECT b.seq, t.first_number, t.texts FROM ` + listedBatches + ` CROSS JOIN job_texts AS t ON t.batch = b.seq AND ` + numbers + `
 WHERE` + batchConditions(f) + `
 ORDER BY ` + by + ` LIMIT $4 + 0`
}

func (r queries) TextRows(ctx context.Context, part store.SearchPart, limit int) ([]store.TextRow, error) {
	scan := func(r row) (t store.TextRow, err error) {
		err = r.Scan(&t.BatchSeq, &t.FirstNumber, &t.Texts)
		return t, err
	}
	return all(ctx, r.q, scan, textRows(part.Search, part.Ascending), searchArgs(&part, limit)[:7]...)
}

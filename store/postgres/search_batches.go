package postgres

import (
	"context"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// CausesByBatch counts what is stored of causes, or the jobs themselves if not all jobs of a batch are selected.
func (r queries) CausesByBatch(ctx context.Context, f *job.Search) ([]store.BatchCause, error) {
	anyState := *f
	anyState.States = nil
	where := ` WHERE` + batchConditions(&anyState) + usesAll
	query := `SELECT b.seq, f.cause, f.jobs, 0::bigint` + batchesAndHeads + `JOIN failure_causes AS f ON f.batch = b.seq` + where
	if conditions := jobConditions(&anyState); conditions != "" {
		query = `
SELECT b.seq, j.cause, count(*), min(j.number)` + batchesAndHeads + `
  JOIN jobs AS j ON j.batch = b.seq AND j.cause <> '' AND j.state = 'FAILED'` + where + conditions + ` GROUP BY 1, 2`
	}
	scan := func(r row) (c store.BatchCause, err error) {
		err = r.Scan(&c.BatchSeq, &c.Cause, &c.Jobs, &c.First)
		return c, err
	}
	return all(ctx, r.q, scan, query, searchArgs(&store.SearchPart{Search: &anyState, Range: allBatchesOf(f)}, 0)...)
}

func (r queries) FirstFailed(ctx context.Context, batchSeq int64, cause string) (int64, error) {
	const query = `SELECT coalesce(min(number), 0) FROM jobs WHERE batch = $1 AND cause = $2 AND cause <> '' AND state = 'FAILED'`
	return one(ctx, r.q, scalar[int64], query, batchSeq, storable(cause))
}

func (r queries) CountJobsOfBatches(ctx context.Context, f *job.Search) (job.Counts, error) {
	query := `
SELECT coalesce(sum(h.waiting), 0)::bigint, coalesce(sum(h.starting), 0)::bigint, coalesce(sum(h.queued), 0)::bigint, coalesce(sum(h.running), 0)::bigint,
       coalesce(sum(h.succeeded), 0)::bigint, coalesce(sum(h.failed), 0)::bigint, coalesce(sum(h.cancelling), 0)::bigint, coalesce(sum(h.cancelled), 0)::bigint` +
		batchesAndHeads + `WHERE` + batchConditions(f) + usesAll
	scan := func(r row) (c job.Counts, err error) {
		err = r.Scan(&c.Waiting, &c.Starting, &c.Queued, &c.Running, &c.Succeeded, &c.Failed, &c.Cancelling, &c.Cancelled)
		return c, err
	}
	return one(ctx, r.q, scan, query, searchArgs(&store.SearchPart{Search: f, Range: allBatchesOf(f)}, 0)...)
}

// textRows reads rows of texts in the batches of a search. Ascending, it begins with the row that has the job
// after number $7.
func textRows(f *job.Search, asc bool) string {
	numbers, by := `t.first_number < $7`, `b.seq DESC, t.first_number DESC`
	if asc {
		const begin = `(SELECT coalesce(max(x.first_number), 0) FROM job_texts AS x WHERE x.batch = b.seq AND x.first_number <= $7 + 1)`
		numbers, by = `t.first_number >= `+begin, `b.seq, t.first_number`
	}
	return `SELECT b.seq, t.first_number, t.texts` + batchesAndHeads + `JOIN job_texts AS t ON t.batch = b.seq AND ` + numbers + `
 WHERE` + batchConditions(f) + usesAll + `
 ORDER BY ` + by + ` LIMIT $8`
}

func (r queries) TextRows(ctx context.Context, part store.SearchPart, limit int) ([]store.TextRow, error) {
	scan := func(r row) (t store.TextRow, err error) {
		err = r.Scan(&t.BatchSeq, &t.FirstNumber, &t.Texts)
		return t, err
	}
	return all(ctx, r.q, scan, textRows(part.Search, part.Ascending), searchArgs(&part, limit)...)
}

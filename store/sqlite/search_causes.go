package sqlite

import (
	"cmp"
	"context"
	"slices"

	"github.com/stokerd/stoker/job"
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

// batchCause is how many FAILED jobs of a batch a search selects that have a cause.
type batchCause struct {
	seq   int64
	cause string
	jobs  int64
	first int64 // the number of the first of them; 0 if it is not known
}

// FindCauses counts what is stored of causes, or the jobs themselves if not all jobs of a batch are selected.
func (r queries) FindCauses(ctx context.Context, f job.Search, limit int) (causes []job.Cause, failed int64, err error) {
	f.States = nil
	query := countedByBatch + batchConditions(&f)
	if conditions := jobConditions(&f, ""); conditions != "" {
		query = rowsByBatch + batchConditions(&f) + conditions + byBatchAndCause
	}
	scan := func(r row) (c batchCause, err error) {
		err = r.Scan(&c.seq, &c.cause, &c.jobs, &c.first)
		return c, err
	}
	in := ranges(&f, job.SearchPage{})[0]
	list, err := all(ctx, r.q, scan, query, searchArgs(&f, in, searchPart{}, 0)...)
	if err != nil {
		return nil, 0, err
	}
	causes, latest := sumCauses(list)
	for _, c := range causes {
		failed += c.Count
	}
	causes = causes[:min(len(causes), limit)]
	for i := range causes {
		if err := r.readExample(ctx, &causes[i], latest[causes[i].ID]); err != nil {
			return nil, 0, err
		}
	}
	return causes, failed, nil
}

// sumCauses sums up causes over batches, the most frequent first. latest has that of the latest batch, by cause.
func sumCauses(list []batchCause) (causes []job.Cause, latest map[string]batchCause) {
	sums := map[string]*job.Cause{}
	latest = map[string]batchCause{}
	for _, c := range list {
		sum := sums[c.cause]
		if sum == nil {
			sum = &job.Cause{ID: c.cause}
			sums[c.cause] = sum
		}
		sum.Count += c.jobs
		sum.Batches++
		if c.seq > latest[c.cause].seq {
			latest[c.cause] = c
		}
	}
	for _, sum := range sums {
		causes = append(causes, *sum)
	}
	slices.SortFunc(causes, func(a, b job.Cause) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.ID, b.ID)) })
	return causes, latest
}

// readExample reads the first job of a batch that failed of a cause. The job may have been retried meanwhile:
// then the cause has no example.
func (r queries) readExample(ctx context.Context, c *job.Cause, of batchCause) error {
	const first = `
SELECT coalesce(min(number), 0) FROM jobs INDEXED BY jobs_cause
 WHERE batch = $1 AND cause = $2 AND cause <> '' AND state = 'FAILED'`
	c.BatchSeq = of.seq
	if of.first == 0 {
		var err error
		if of.first, err = one(ctx, r.q, scalar[int64], first, of.seq, c.ID); err != nil {
			return err
		}
	}
	found, err := r.readAt(ctx, &job.Search{}, []job.JobPosition{{BatchSeq: of.seq, Number: of.first}})
	if err != nil || len(found) == 0 || found[0].Failure == nil {
		return err
	}
	c.First, c.Key, c.Failure = found[0].ID, found[0].Key, *found[0].Failure
	return nil
}

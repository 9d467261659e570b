package sqlite

import (
	"cmp"
	"context"
	"slices"

	"github.com/stokerd/stoker/job"
)

// The filter's statements share their parameters: $1 batch id, $2 after number,
// $3 state, $4 keys, $5 failure kinds, $6 categories, $7 limit.
const (
	fromJobs  = ` FROM batches AS b CROSS JOIN jobs AS j ON j.batch = b.seq `
	fromState = ` FROM batches AS b CROSS JOIN jobs AS j INDEXED BY jobs_state ON j.batch = b.seq `
	fromKeys  = ` FROM batches AS b CROSS JOIN json_each($4) AS k CROSS JOIN jobs AS j INDEXED BY jobs_key ON j.batch = b.seq AND j.key = k.value AND j.key <> '' `
	failedAs  = ` AND ($5 IS NULL OR j.failure ->> '$.kind' IN (SELECT value FROM json_each($5)))
   AND ($6 IS NULL OR j.failure ->> '$.category' IN (SELECT value FROM json_each($6))) `
	anyState = `WHERE b.id = $1 AND b.deleted = 0 AND j.number > $2 AND ($3 = '' OR j.state = $3)` + failedAs
	oneState = `WHERE b.id = $1 AND b.deleted = 0 AND j.number > $2 AND j.state = $3` + failedAs
	page     = ` ORDER BY j.number LIMIT $7 + 0`

	jobsByNumber = `SELECT ` + jobColumns + fromJobs + anyState + page
	jobsByState  = `SELECT ` + jobColumns + fromState + oneState + page
	jobsByKey    = `SELECT ` + jobColumns + fromKeys + anyState + page
)

// filterArgs are $1 to $6 for one state; an empty one asks for all.
func filterArgs(f job.Filter, state job.State) []any {
	return []any{f.BatchID, f.AfterNumber, string(state), encodeList(distinct(f.Keys)), encodeList(f.FailureKinds), encodeList(f.Categories)}
}

// filterQuery returns the statement whose index fits the filter best.
func filterQuery(f job.Filter) string {
	switch {
	case len(f.Keys) > 0:
		return jobsByKey
	case len(f.States) > 0:
		return jobsByState
	}
	return jobsByNumber
}

// filterStates returns the states to ask for one by one.
func filterStates(f job.Filter) []job.State {
	if len(f.States) == 0 {
		return []job.State{""}
	}
	return distinct(f.States)
}

func distinct[T cmp.Ordered](list []T) []T { return slices.Compact(slices.Sorted(slices.Values(list))) }

// Jobs asks for each state by itself, in the order of the index, and merges:
// one query for several states would read and sort all of their jobs.
func (r queries) Jobs(ctx context.Context, f job.Filter) ([]job.Job, error) {
	var merged []job.Job
	states := filterStates(f)
	for _, state := range states {
		list, err := all(ctx, r.q, scanJob, filterQuery(f), append(filterArgs(f, state), limit(f.Limit))...)
		if err != nil {
			return nil, err
		}
		merged = append(merged, list...)
	}
	if len(states) > 1 {
		slices.SortFunc(merged, func(a, b job.Job) int { return cmp.Compare(a.ID.Number, b.ID.Number) })
	}
	if f.Limit > 0 {
		merged = merged[:min(len(merged), f.Limit)]
	}
	return merged, nil
}

// causeKey is the key of the [job.Cause] of a job with a failure. The job's own encoding and
// paths are replaced in the text; a path without a directory is not, as it may be an ordinary
// word. The input path goes first: it may contain the output path. Of a long text the key has
// the beginning, which is enough to distinguish causes; the end may be the job's own.
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

func (r queries) SelectJobNumbers(ctx context.Context, sel job.Selection, after int64, limit int) ([]int64, error) {
	var numbers []int64
	for _, state := range distinct(sel.States) {
		list, err := all(ctx, r.q, scalar[int64], selectedNumbers, append(selectionArgs(sel, state, after), limit)...)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, list...)
	}
	slices.Sort(numbers)
	return numbers[:min(len(numbers), limit)], nil
}

func (r queries) CountSelectedJobs(ctx context.Context, sel job.Selection) (int64, error) {
	var total int64
	for _, state := range distinct(sel.States) {
		n, err := one(ctx, r.q, scalar[int64], selectedCount, selectionArgs(sel, state, 0)...)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func (r queries) FailureCauses(ctx context.Context, batchID string, limit int) ([]job.Cause, error) {
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
	return all(ctx, r.q, scan, query, batchID, limit)
}

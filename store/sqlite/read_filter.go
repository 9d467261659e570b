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
	var list []job.Job
	states := filterStates(f)
	if len(f.States)+len(f.Keys)+len(f.FailureKinds)+len(f.Categories) == 0 {
		list = make([]job.Job, 0, min(f.Limit, job.MaxPageSize+1)) // all pages of a walk but the last are full
	}
	for _, state := range states {
		var err error
		list, err = appendAll(ctx, r.q, list, scanJob(), filterQuery(f), append(filterArgs(f, state), limit(f.Limit))...)
		if err != nil {
			return nil, err
		}
	}
	if len(states) > 1 {
		slices.SortFunc(list, func(a, b job.Job) int { return cmp.Compare(a.ID.Number, b.ID.Number) })
	}
	if f.Limit > 0 {
		list = list[:min(len(list), f.Limit)]
	}
	return list, nil
}

package sqlite

import (
	"context"
	"slices"

	"github.com/stokerd/stoker/job"
)

// An index by key and batch has to be asked once for each batch, which takes ten microseconds: too long for ten
// thousand batches. The jobs that have succeeded are in an index by key alone. So a search by keys in all
// batches finds those there, and asks only the batches that have other jobs.

// maxSucceeded is how many jobs that have succeeded are found by their keys. If more have them, the search goes
// through the batches, the newest first, and soon has a page.
const maxSucceeded = 2_000

// Positions of jobs that have succeeded, by their keys: $1 and $2 the keys from the first with a prefix to the one
// after the last, or $1 keys.
const (
	succeededWithPrefix = `
SELECT j.batch, j.number FROM jobs AS j INDEXED BY jobs_succeeded
 WHERE j.key >= $1 AND j.key < $2 AND j.state = 'SUCCEEDED' AND j.key <> '' LIMIT $3 + 0`
	succeededWithKeys = `
SELECT j.batch, j.number FROM json_each($1) AS k CROSS JOIN jobs AS j INDEXED BY jobs_succeeded
    ON j.key = k.value AND j.state = 'SUCCEEDED' AND j.key <> '' LIMIT $3 + 0`
)

// isByKey reports whether a search is for keys in all batches.
func isByKey(f *job.Search) bool {
	return f.BatchSeq == 0 && (len(f.Keys) > 0 || keyAfter(f.KeyPrefix) != "")
}

// findByKey finds jobs by their keys in all batches.
func (r queries) findByKey(ctx context.Context, f *job.Search, page job.SearchPage) (job.FoundJobs, error) {
	var found []job.FoundJob
	if len(f.States) == 0 || slices.Contains(f.States, job.Succeeded) {
		positions, err := r.succeededPositions(ctx, f)
		if err != nil {
			return job.FoundJobs{}, err
		}
		if len(positions) > maxSucceeded {
			return r.findInParts(ctx, f, page)
		}
		if found, err = r.jobsAt(ctx, f, page, positions); err != nil {
			return job.FoundJobs{}, err
		}
	}
	others := searchPart{source: searchPrefixOfOthers}
	if len(f.Keys) > 0 {
		others.source = searchKeysOfOthers
	}
	for _, in := range ranges(f, page) {
		some, err := r.findIn(ctx, f, []searchPart{others}, in, page.Ascending, page.Limit+1)
		if err != nil {
			return job.FoundJobs{}, err
		}
		found = append(found, some...)
	}
	sortFound(found, page.Ascending)
	return cutPage(found, page.Limit), nil
}

// succeededPositions returns the positions of jobs that have succeeded and have one of the keys, at most one more
// than maxSucceeded.
func (r queries) succeededPositions(ctx context.Context, f *job.Search) ([]job.JobPosition, error) {
	if len(f.Keys) > 0 {
		return all(ctx, r.q, scanPosition, succeededWithKeys, encodeList(distinct(f.Keys)), nil, maxSucceeded+1)
	}
	return all(ctx, r.q, scanPosition, succeededWithPrefix, f.KeyPrefix, keyAfter(f.KeyPrefix), maxSucceeded+1)
}

func scanPosition(r row) (p job.JobPosition, err error) {
	err = r.Scan(&p.BatchSeq, &p.Number)
	return p, err
}

package store

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

// isByKey reports whether a search is for keys in all batches.
func isByKey(f *job.Search) bool {
	return f.BatchSeq == 0 && (len(f.Keys) > 0 || f.KeyPrefix != "")
}

// findByKey finds jobs by their keys in all batches.
func (s searcher) findByKey(ctx context.Context, f *job.Search, page job.SearchPage) (job.FoundJobs, error) {
	var found []job.FoundJob
	if len(f.States) == 0 || slices.Contains(f.States, job.Succeeded) {
		positions, err := s.SucceededPositions(ctx, f, maxSucceeded+1)
		if err != nil {
			return job.FoundJobs{}, err
		}
		if len(positions) > maxSucceeded {
			return s.findInParts(ctx, f, page)
		}
		if found, err = s.findAt(ctx, f, page, positions); err != nil {
			return job.FoundJobs{}, err
		}
	}
	others := SearchPart{Index: SearchPrefixesOfOthers}
	if len(f.Keys) > 0 {
		others.Index = SearchKeysOfOthers
	}
	for _, in := range ranges(f, page) {
		some, err := s.findIn(ctx, f, []SearchPart{others}, in, page.Ascending, page.Limit+1)
		if err != nil {
			return job.FoundJobs{}, err
		}
		found = append(found, some...)
	}
	sortFound(found, page.Ascending)
	return cutPage(found, page.Limit), nil
}

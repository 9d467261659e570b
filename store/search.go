package store

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
)

// maxSearches is how many searches read side by side. The other readers are free for those who
// work on batches: a search may take a second.
const maxSearches = 2

// FindJobs returns a page of the jobs that a search selects. A page is full, unless there are no more jobs
// or the search has stopped at SearchPage.Until: then the next page goes on from there, see [job.FoundJobs].
//
// Searches by key, key prefix, encoding, cause or state, and lists without any of these, read little more
// than the jobs that they return. A search for a text reads the texts of all jobs on the way, which takes
// a tenth of a second for a million; one for times alone reads the jobs of all batches that changed in
// that time. The pages of a search do not show one moment. A search ends when ctx does.
func (s *Store) FindJobs(ctx context.Context, search job.Search, page job.SearchPage) (job.FoundJobs, error) {
	select {
	case s.searches <- struct{}{}:
		defer func() { <-s.searches }()
	case <-ctx.Done():
		return job.FoundJobs{}, context.Cause(ctx)
	}
	found, err := s.engine.FindJobs(ctx, search, page)
	if err != nil {
		return job.FoundJobs{}, fmt.Errorf("find jobs: %w", err)
	}
	return found, nil
}

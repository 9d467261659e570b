package store

import (
	"context"
	"fmt"
	"time"

	"github.com/stokerd/stoker/job"
)

// maxSearches is how many searches read side by side. The other readers are free for those who
// work on batches: a search may take a second.
const maxSearches = 2

// A Page says which part of a search is wanted.
type Page struct {
	// After is where the page begins: after this position. Zero: at the first job.
	After job.JobPosition
	// Ascending asks for the jobs of the one batch of the search by number. Otherwise the latest batch
	// goes first, and of each batch the highest number.
	Ascending bool
	Limit     int
	// Until is when a search for a text stops, even if it has found fewer jobs than Limit. Zero: never.
	Until time.Time
}

// IsOver reports whether a search for a text has to stop.
func (p *Page) IsOver() bool { return !p.Until.IsZero() && time.Now().After(p.Until) }

// FindJobs returns a page of the jobs that a search selects. A page is full, unless there are no more jobs
// or the search has stopped at Page.Until: then the next page goes on from there, see [job.FoundJobs].
//
// Searches by key, key prefix, encoding, cause or state, and lists without any of these, read little more
// than the jobs that they return. A search for a text reads the texts of all jobs on the way, which takes
// a tenth of a second for a million; one for times alone reads the jobs of all batches that changed in
// that time. The pages of a search do not show one moment. A search ends when ctx does.
func (s *Store) FindJobs(ctx context.Context, search job.Search, page Page) (job.FoundJobs, error) {
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

package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

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
	found, err := newSearcher(s).find(ctx, search, page)
	if err != nil {
		return job.FoundJobs{}, fmt.Errorf("find jobs: %w", err)
	}
	return found, nil
}

// SearchIndex is the index in whose order a [SearchPart] is read.
type SearchIndex int

// The indexes of jobs.
const (
	SearchNumbers  SearchIndex = iota // the numbers of each batch
	SearchKeys                        // the keys of the search
	SearchPrefixes                    // the keys with the prefix of the search
	SearchStates                      // the one state of the part
	SearchCauses                      // the one state and the one cause of the part
	// The keys, or those with the prefix, of jobs that have not succeeded. Batches all of whose jobs have
	// succeeded are not looked at.
	SearchKeysOfOthers
	SearchPrefixesOfOthers
)

// SearchPart is a part of a search that is read in the order of one index.
type SearchPart struct {
	Search *job.Search
	Index  SearchIndex
	State  job.State
	Cause  string
	Range  SearchRange
	// Ascending has the jobs of the one batch of the range come by number. Otherwise the latest batch
	// goes first, and of each batch the highest number.
	Ascending bool
}

// SearchRange is a range of batches, by seq. Number is where the jobs of each batch end, before it, or
// where they begin in an ascending search, behind it.
type SearchRange struct{ First, Last, Number int64 }

// searcher searches.
type searcher struct {
	SearchReader
	scans *encodingScans
}

func newSearcher(s *Store) searcher { return searcher{s.engine, &s.scans} }

// partsOfSearch cuts a search into parts that have no job in common, by the index that fits best.
func partsOfSearch(f *job.Search) []SearchPart {
	switch {
	case len(f.Keys) > 0:
		return []SearchPart{{Index: SearchKeys}}
	case f.KeyPrefix != "":
		return []SearchPart{{Index: SearchPrefixes}}
	case len(f.Causes) == 0 && len(f.States) == 0:
		return []SearchPart{{Index: SearchNumbers}}
	}
	states := distinct(f.States)
	if len(states) == 0 {
		states = job.States()
	}
	var parts []SearchPart
	for _, state := range states {
		if len(f.Causes) == 0 {
			parts = append(parts, SearchPart{Index: SearchStates, State: state})
		}
		for _, cause := range distinct(f.Causes) {
			parts = append(parts, SearchPart{Index: SearchCauses, State: state, Cause: cause})
		}
	}
	return parts
}

func distinct[T cmp.Ordered](list []T) []T { return slices.Compact(slices.Sorted(slices.Values(list))) }

// ranges returns where jobs are to be looked for after a position: in the rest of its batch, then in the
// batches beyond.
func ranges(f *job.Search, page job.SearchPage) []SearchRange {
	after := page.After
	if page.Ascending {
		return []SearchRange{{f.BatchSeq, f.BatchSeq, after.Number}}
	}
	first, last := f.BatchSeq, f.BatchSeq
	if f.BatchSeq == 0 {
		last = math.MaxInt64
	}
	if after == (job.JobPosition{}) {
		return []SearchRange{{first, last, math.MaxInt64}}
	}
	rest := SearchRange{after.BatchSeq, after.BatchSeq, after.Number}
	if f.BatchSeq != 0 {
		return []SearchRange{rest}
	}
	return []SearchRange{rest, {0, after.BatchSeq - 1, math.MaxInt64}}
}

// find asks for one job more than the page has, to know whether there are others.
func (s searcher) find(ctx context.Context, f job.Search, page job.SearchPage) (job.FoundJobs, error) {
	switch {
	case f.Text != "":
		return s.findText(ctx, &f, page)
	case f.EncodingID != "":
		positions, err := s.EncodingPositions(ctx, EncodingIDs{ID: f.EncodingID})
		if err != nil {
			return job.FoundJobs{}, err
		}
		jobs, err := s.findAt(ctx, &f, page, positions)
		return cutPage(jobs, page.Limit), err
	case isByKey(&f):
		return s.findByKey(ctx, &f, page)
	}
	return s.findInParts(ctx, &f, page)
}

// findInParts goes through the parts of a search in each of its ranges.
func (s searcher) findInParts(ctx context.Context, f *job.Search, page job.SearchPage) (job.FoundJobs, error) {
	parts := partsOfSearch(f)
	var found []job.FoundJob
	for _, in := range ranges(f, page) {
		some, err := s.findIn(ctx, f, parts, in, page.Ascending, page.Limit+1-len(found))
		if err != nil {
			return job.FoundJobs{}, err
		}
		if found = append(found, some...); len(found) > page.Limit {
			break
		}
	}
	return cutPage(found, page.Limit), nil
}

// findIn finds the first n jobs of some parts of a search in a range.
func (s searcher) findIn(ctx context.Context, f *job.Search, parts []SearchPart, in SearchRange, asc bool, n int) ([]job.FoundJob, error) {
	var found []job.FoundJob
	for _, part := range parts {
		part.Search, part.Range, part.Ascending = f, in, asc
		some, err := s.SearchJobs(ctx, part, n)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	sortFound(found, asc)
	return found[:min(len(found), n)], nil
}

func sortFound(found []job.FoundJob, asc bool) {
	slices.SortFunc(found, func(a, b job.FoundJob) int {
		return comparePositions(positionOf(&a), positionOf(&b), asc)
	})
}

func positionOf(f *job.FoundJob) job.JobPosition {
	return job.JobPosition{BatchSeq: f.BatchSeq, Number: f.ID.Number}
}

func comparePositions(a, b job.JobPosition, asc bool) int {
	c := cmp.Or(cmp.Compare(a.BatchSeq, b.BatchSeq), cmp.Compare(a.Number, b.Number))
	if !asc {
		return -c
	}
	return c
}

// cutPage cuts what was found to a page.
func cutPage(found []job.FoundJob, limit int) job.FoundJobs {
	if len(found) <= limit {
		return job.FoundJobs{Jobs: found}
	}
	return job.FoundJobs{Jobs: found[:limit], Next: positionOf(&found[limit-1])}
}

// positionsPerQuery is how many jobs are read by their positions at a time.
const positionsPerQuery = 500

// findAt returns those of the jobs at some positions that a search selects and a page may have, at most one
// more than its limit, in its order. The positions may be in any order.
func (s searcher) findAt(ctx context.Context, f *job.Search, page job.SearchPage, positions []job.JobPosition) ([]job.FoundJob, error) {
	var found []job.FoundJob
	all := positions[:0:0]
	for _, p := range positions {
		if page.After == (job.JobPosition{}) || comparePositions(p, page.After, page.Ascending) > 0 {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b job.JobPosition) int { return comparePositions(a, b, page.Ascending) })
	for chunk := range slices.Chunk(slices.Compact(all), positionsPerQuery) {
		some, err := s.JobsAt(ctx, f, chunk)
		if err != nil {
			return nil, err
		}
		sortFound(some, page.Ascending)
		if found = append(found, some...); len(found) > page.Limit {
			return found[:page.Limit+1], nil
		}
	}
	return found, nil
}

package store

import (
	"context"
	"slices"
	"strings"

	"github.com/stokerd/stoker/job"
)

// textRowsPerQuery is how many rows of texts are read at a time, some 20 KB each.
const textRowsPerQuery = 64

// textSearch is a search for a text.
type textSearch struct {
	searcher
	search    *job.Search
	page      job.SearchPage
	text      string            // in lower case
	encodings []job.JobPosition // of the jobs that have, or had, an encoding with the text in its id
}

// findText goes through the jobs that have the text or, if these are few, through those that match all other
// conditions.
func (s searcher) findText(ctx context.Context, f *job.Search, page job.SearchPage) (job.FoundJobs, error) {
	t := textSearch{searcher: s, search: f, page: page, text: searchable(f.Text)}
	var complete bool
	var err error
	if t.encodings, complete, err = t.encodingsWith(ctx); err != nil {
		return job.FoundJobs{}, err
	}
	if !complete {
		return job.FoundJobs{Next: beginningOf(f, page)}, nil
	}
	few, err := t.selectsFew(ctx, f)
	if err != nil {
		return job.FoundJobs{}, err
	}
	if few {
		return t.findAmongOthers(ctx)
	}
	return t.findInTexts(ctx)
}

// findInTexts goes through the texts of all jobs in the order of the page, and through the rows of those jobs
// that have the text.
func (s *textSearch) findInTexts(ctx context.Context) (job.FoundJobs, error) {
	var found []job.FoundJob
	for at := s.page.After; ; {
		rows, err := s.readTexts(ctx, at)
		if err != nil {
			return job.FoundJobs{}, err
		}
		last := len(rows) < textRowsPerQuery
		end := endOf(rows, s.page.Ascending)
		positions := positionsWith(rows, []byte(s.text))
		for _, p := range s.encodings {
			if last || comparePositions(p, end, s.page.Ascending) <= 0 {
				positions = append(positions, p)
			}
		}
		rest := job.SearchPage{After: at, Ascending: s.page.Ascending, Limit: s.page.Limit - len(found)}
		some, err := s.findAt(ctx, s.search, rest, positions)
		if err != nil {
			return job.FoundJobs{}, err
		}
		if found = append(found, some...); last || len(found) > s.page.Limit {
			return cutPage(found, s.page.Limit), nil
		}
		if at = end; s.page.IsOver() {
			return job.FoundJobs{Jobs: found, Next: at}, nil
		}
	}
}

// findAmongOthers goes through the jobs that match all conditions but the text.
func (s *textSearch) findAmongOthers(ctx context.Context) (job.FoundJobs, error) {
	var found []job.FoundJob
	others := *s.search
	others.Text = ""
	for at := s.page.After; ; {
		some, err := s.find(ctx, others, job.SearchPage{After: at, Ascending: s.page.Ascending, Limit: positionsPerQuery})
		if err != nil {
			return job.FoundJobs{}, err
		}
		for i := range some.Jobs {
			if s.has(&some.Jobs[i]) {
				found = append(found, some.Jobs[i])
			}
		}
		if at = some.Next; at == (job.JobPosition{}) || len(found) > s.page.Limit {
			return cutPage(found, s.page.Limit), nil
		}
		if s.page.IsOver() {
			return job.FoundJobs{Jobs: found, Next: at}, nil
		}
	}
}

// has reports whether a job has the text.
func (s *textSearch) has(j *job.FoundJob) bool {
	for _, field := range []string{j.Key, j.Name, j.InputPath, j.OutputPath} {
		if strings.Contains(searchable(field), s.text) {
			return true
		}
	}
	return slices.Contains(s.encodings, positionOf(j))
}

// fewJobs is how many jobs take as long to read as the texts of a million.
const fewJobs = 20_000

// selectsFew reports whether fewer than fewJobs match the conditions of a search other than its text.
func (s *textSearch) selectsFew(ctx context.Context, f *job.Search) (bool, error) {
	switch {
	case len(f.Keys) > 0 || len(f.Causes) > 0:
		return true, nil
	case len(f.States) == 0:
		return false, nil
	}
	counts, err := s.CountJobsOfBatches(ctx, f)
	var total int64
	for _, state := range distinct(f.States) {
		total += *counts.Of(state)
	}
	return total < fewJobs, err
}

// readTexts reads the rows of texts after a position, in order: textRowsPerQuery of them, unless there are
// fewer.
func (s *textSearch) readTexts(ctx context.Context, after job.JobPosition) ([]TextRow, error) {
	var rows []TextRow
	for _, in := range ranges(s.search, job.SearchPage{After: after, Ascending: s.page.Ascending}) {
		some, err := s.TextRows(ctx, SearchPart{Search: s.search, Range: in, Ascending: s.page.Ascending}, textRowsPerQuery-len(rows))
		if err != nil {
			return nil, err
		}
		if rows = append(rows, some...); len(rows) == textRowsPerQuery {
			break
		}
	}
	return rows, nil
}

// endOf is the position of the last job of some rows; zero if there are none.
func endOf(rows []TextRow, asc bool) job.JobPosition {
	if len(rows) == 0 {
		return job.JobPosition{}
	}
	last := rows[len(rows)-1]
	end := job.JobPosition{BatchSeq: last.BatchSeq, Number: last.FirstNumber}
	if asc {
		end.Number += last.jobCount() - 1
	}
	return end
}

// positionsWith returns the positions of the jobs of some rows that have a text.
func positionsWith(rows []TextRow, text []byte) []job.JobPosition {
	var positions []job.JobPosition
	for _, t := range rows {
		for _, number := range t.find(text) {
			positions = append(positions, job.JobPosition{BatchSeq: t.BatchSeq, Number: number})
		}
	}
	return positions
}

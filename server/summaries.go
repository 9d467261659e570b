package server

import (
	"cmp"
	"sync"

	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// summaries keeps what templates encode to, by their texts, because reading a template takes a
// millisecond. The zero value is empty.
type summaries struct {
	mu     sync.Mutex
	byText map[string]templateSummary
}

// templateSummary is what a batch shows of its template.
type templateSummary struct{ encodes, region string }

// maxSummaries is how many summaries are kept.
const maxSummaries = 1_000

// of returns the summary of a template.
func (s *summaries) of(t job.Template) templateSummary {
	s.mu.Lock()
	known, ok := s.byText[t.Text]
	s.mu.Unlock()
	if ok {
		return known
	}
	var made templateSummary
	if parsed, _ := template.ParseStored(t); parsed != nil {
		made = templateSummary{parsed.Summarize().String(), parsed.Region()}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byText == nil || len(s.byText) >= maxSummaries {
		s.byText = map[string]templateSummary{}
	}
	s.byText[t.Text] = made
	return made
}

// encodes says in short words what a batch encodes to.
func (s *summaries) encodes(b job.Batch) string {
	if b.Template != nil {
		return s.of(*b.Template).encodes
	}
	return b.Recipe.Summarize().String()
}

// regionsOf returns a function that names the region of a job of b by [job.Job.FallbackRegionIndex]. It is
// empty for an index below 0.
func (s *summaries) regionsOf(b job.Batch) func(moves int) string {
	return func(moves int) string {
		switch {
		case moves < 0:
			return ""
		case b.Template == nil:
			return regionName(b.Recipe.RegionOf(moves))
		}
		return regionName(cmp.Or(b.Template.RegionOf(moves), s.of(*b.Template).region))
	}
}

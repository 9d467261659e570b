package server

import (
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// CheckJobs checks at most [job.MaxRequestJobs] jobs as SubmitBatch checks those of the batch b, for a
// look at a list before it is submitted. b has a recipe, or a template without mistakes. Jobs that name
// no output path get the derived one. Of the warnings the first are returned, and how many there are. The error is a [*job.InvalidError], or says that the rules of the
// contract cannot be read. The server adds what only it knows: base paths, for example.
func CheckJobs(b job.Batch, jobs []*stokerv1.JobSpec) (warnings []*stokerv1.Warning, count int64, err error) {
	contract, err := newContract()
	if err != nil {
		return nil, 0, err
	}
	s := &submission{contract: contract, batch: b}
	if b.Template != nil {
		s.template = s.parseTemplate("template", "", *b.Template, len(jobs))
	}
	s.checkJobs(jobs)
	return s.warnings, s.warningCount, s.err()
}

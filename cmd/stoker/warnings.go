package main

import (
	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/joblist"
)

// maxWarnings is how many warnings of a submission are printed. Further ones are only counted.
const maxWarnings = 100

// warnings are the server's warnings of a submission.
type warnings struct {
	first []client.Warning // at most maxWarnings
	total int64
}

func (w *warnings) add(list []client.Warning, total int64) {
	w.first = append(w.first, list[:min(len(list), maxWarnings-len(w.first))]...)
	w.total += total
}

// printWarnings prints warnings to standard error. A warning about a job names its line in the list.
func (c *cli) printWarnings(all warnings, list *joblist.List, specs []*stokerv1.JobSpec, inline inlineTemplate) {
	for _, w := range all.first {
		l := locate(client.Violation(w), list, specs, inline)
		c.note("%s: warning: %s", l.where, l.text)
	}
	if more := all.total - int64(len(all.first)); more > 0 {
		c.note("warning: and %d more", more)
	}
}

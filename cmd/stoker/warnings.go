package main

import (
	"github.com/stokerd/stoker/client"
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
func (c *cli) printWarnings(all warnings, list *joblist.List, inline inlineTemplate) {
	for _, w := range all.first {
		located := inline.locate(locateViolation(client.Violation(w), list))
		c.note("warning: %s: %s", located.Field, located.Message)
	}
	if more := all.total - int64(len(all.first)); more > 0 {
		c.note("warning: and %d more", more)
	}
}

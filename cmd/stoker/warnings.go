package main

import (
	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/internal/joblist"
)

// maxWarnings is how many warnings are printed. The others are counted.
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

// printWarnings prints warnings. Those of jobs name the lines of the list.
func (c *cli) printWarnings(all warnings, list *joblist.List) {
	for _, w := range all.first {
		located := locateViolation(client.Violation(w), list)
		c.note("warning: %s: %s", located.Field, located.Message)
	}
	if more := all.total - int64(len(all.first)); more > 0 {
		c.note("warning: and %d more", more)
	}
}

package main

import (
	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/internal/joblist"
)

// maxOddities is how many warnings are shown; the others are counted.
const maxOddities = 100

// oddities are what the server finds odd about a submission.
type oddities struct {
	list  []client.Warning // the first of them
	total int64
}

func (o *oddities) add(list []client.Warning, total int64) {
	o.list = append(o.list, list[:min(len(list), maxOddities-len(o.list))]...)
	o.total += total
}

// warn tells of oddities, of jobs by their lines in the list.
func (c *cli) warn(o oddities, list *joblist.List) {
	for _, w := range o.list {
		placed := placeViolation(client.Violation(w), list)
		c.note("warning: %s: %s", placed.Field, placed.Message)
	}
	if more := o.total - int64(len(o.list)); more > 0 {
		c.note("warning: and %d more", more)
	}
}

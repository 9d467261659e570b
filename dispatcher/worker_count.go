package dispatcher

import (
	"context"
	"slices"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// maxUnfilteredPages is how many pages of encodings of any status are searched for queued ones.
const maxUnfilteredPages = 3

// countQueue lists the QUEUED encodings: a total alone would not tell ours from other people's.
// Where the platform cannot list by status, countQueue looks for queued ones among the newest
// encodings.
func (w *worker) countQueue(ctx context.Context) (queueListing, error) {
	c := queueListing{time: w.now(), queued: map[string]string{}}
	query := bitmovin.EncodingQuery{Status: bitmovin.StatusQueued, Limit: pageSize}
	for {
		page, err := w.encodings.listPage(ctx, query)
		if c.pages > 0 && (bitmovin.Unsupported(err) || bitmovin.Ambiguous(err)) {
			c.partial = true
			return c, nil // the platform refuses the offset
		}
		if err != nil {
			return c, err
		}
		c.pages++
		known := len(c.queued)
		unfiltered := slices.ContainsFunc(page.Items, func(e bitmovin.Encoding) bool {
			return e.Status.Known() && e.Status != bitmovin.StatusQueued
		})
		for _, e := range page.Items {
			// The platform counts every encoding as queued that its list of queued encodings
			// contains, even one with an unknown status.
			if e.Status == bitmovin.StatusQueued || !unfiltered && !e.Status.Known() {
				c.queued[string(e.ID)] = e.Name
			}
		}
		c.total = max(c.total, len(c.queued))
		if page.TotalKnown && !unfiltered {
			c.total = max(c.total, int(page.Total))
		}
		query.Offset += len(page.Items)
		c.partial = c.partial || unfiltered
		repeated := !unfiltered && len(c.queued) == known
		switch {
		case !page.More():
			c.complete = !c.partial
			return c, nil
		case query.Offset >= job.MaxQueueTarget:
			return c, nil
		case unfiltered && c.pages >= maxUnfilteredPages, repeated:
			c.partial = true
			return c, nil
		}
	}
}

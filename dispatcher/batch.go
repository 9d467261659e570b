package dispatcher

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/stokerd/stoker/job"
)

// batch is what tasks need to know of a batch. It is not changed once made.
type batch struct{ job.Batch }

// rules are the batch's rules for one fact.
func (b *batch) rules(settle time.Duration) job.Rules {
	r := job.Rules{Retry: b.Retry, Template: b.Template != nil, Settle: settle, Jitter: rand.Float64()}
	switch {
	case b.Recipe != nil:
		r.FallbackRegionCount = len(b.Recipe.FallbackRegions)
	case b.Template != nil:
		r.FallbackRegionCount = len(b.Template.FallbackRegions)
	}
	return r
}

// rulesFor are a batch's rules for one fact, as its account knows the platform.
func (w *worker) rulesFor(b *batch, settle time.Duration) job.Rules {
	r := b.rules(settle)
	r.FreshEncoding = w.restartsRefused.Load()
	return r
}

// readBatch reads a batch once and keeps it until somebody changes something.
func (d *accountLoop) readBatch(ctx context.Context, id string) (*batch, error) {
	if b := d.batches[id]; b != nil {
		return b, nil
	}
	read, err := d.store.Batch(ctx, id)
	if err != nil {
		return nil, err
	}
	b := &batch{read}
	d.batches[id] = b
	return b, nil
}

// batchPriority of a batch that has been read before; 0 otherwise.
func (d *accountLoop) batchPriority(id string) int {
	if b := d.batches[id]; b != nil {
		return b.Priority
	}
	return 0
}

package bitmovin

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// far is how many pages make it worth while to be patient.
const far = 10

// walk is a way through the pages of a list of encodings. It goes by offset as long as
// that works. Where the platform refuses an offset or breaks on it (as some do beyond ten
// thousand items), or ignores it, it goes on by time: the list is the newest first, so that the
// next page is what is older than the last one seen.
type walk struct {
	client *Client
	query  ListEncodings
	page   map[string]bool // the items of the page before
	byTime bool
	seen   map[string]bool // from the page before byTime on
	oldest time.Time       // of all items so far
	sorted bool            // the newest came first so far
	pages  int             // how many have been read
}

// Encodings walks all pages of a selection from its Offset on and ends after the first
// error. When the list changes meanwhile, an encoding may come twice or be missed.
func (c *Client) Encodings(ctx context.Context, l ListEncodings) iter.Seq2[Encoding, error] {
	return func(yield func(Encoding, error) bool) {
		w := walk{client: c, query: l, sorted: true}
		for {
			items, more, err := w.next(ctx)
			if err != nil {
				yield(Encoding{}, err)
				return
			}
			for _, e := range items {
				if !yield(e, nil) {
					return
				}
			}
			if !more {
				return
			}
		}
	}
}

// next reads the next page and reports whether there is another one behind it.
func (w *walk) next(ctx context.Context) (items []Encoding, more bool, err error) {
	p, err := w.read(ctx)
	repeated := err == nil && repeats(w.page, p.Items)
	switch {
	case repeated && !w.byTime && p.received <= w.query.Overlap:
		return nil, false, nil // nothing but what was asked for again
	case repeated && !w.byTime:
		err = fmt.Errorf("GET %s at offset %d: %w", encodingsPath, w.query.Offset, errStuck)
	case err == nil:
		return w.take(p)
	case w.pages == 0 || w.byTime || !Unsupported(err) && statusOf(err) < 500:
		return nil, false, err
	}
	if !w.sorted || w.oldest.IsZero() {
		return nil, false, err // nothing tells where the page ended
	}
	w.byTime, w.seen = true, w.page
	w.aim()
	return w.next(ctx)
}

// read reads a page. A walk that has come far is not given up because of one call.
func (w *walk) read(ctx context.Context) (p Page[Encoding], err error) {
	wait := time.Second
	for range 5 {
		p, err = list[Encoding](ctx, w.client, w.query.call(UrgencyList), w.query.Offset, w.query.Limit)
		if w.pages < far || !Ambiguous(err) && !Throttled(err) || ctx.Err() != nil {
			return p, err
		}
		if w.client.governor.clock.Sleep(ctx, wait) != nil {
			return p, err
		}
		wait *= 2
	}
	return p, err
}

// take notes what is on a page.
func (w *walk) take(p Page[Encoding]) (items []Encoding, more bool, err error) {
	w.pages++
	before := w.page
	w.page = idsOf(p.Items)
	for _, e := range p.Items {
		if !e.CreatedAt.IsZero() && !before[string(e.ID)] {
			w.sorted = w.sorted && (w.oldest.IsZero() || !e.CreatedAt.After(w.oldest))
			w.oldest = e.CreatedAt.Time
		}
		if !w.byTime || !w.seen[string(e.ID)] {
			items = append(items, e)
		}
	}
	if !w.byTime {
		w.query.Offset += p.received - min(w.query.Overlap, p.received/2)
		return items, p.More(), nil
	}
	for _, e := range items {
		w.seen[string(e.ID)] = true
	}
	if len(items) == 0 && p.More() || !w.sorted {
		return nil, false, fmt.Errorf("GET %s before %s: %w", encodingsPath, query(w.query.CreatedBefore), errStuck)
	}
	w.aim()
	return items, p.More(), nil
}

// aim has the next page begin where the last one ended. Times are sent in whole seconds.
func (w *walk) aim() {
	w.query.Offset = 0
	w.query.CreatedBefore = w.oldest.Truncate(time.Second).Add(time.Second)
}

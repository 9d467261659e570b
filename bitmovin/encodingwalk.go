package bitmovin

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// repeatAfterPages is how many pages must have been read before a walk reads a failing page again.
// Before that the first failure counts.
const repeatAfterPages = 10

// encodingWalk reads the pages of a list of encodings. It selects pages by offset as long as that
// works. If the platform refuses an offset, fails on it (as some do beyond ten thousand items)
// or ignores it, the walk continues by time: the newest encoding comes first, so the next page is
// that of encodings older than the last one read.
type encodingWalk struct {
	client   *Client
	query    EncodingQuery
	previous map[string]bool // ids of the previous page
	byTime   bool
	seen     map[string]bool // ids of the last page by offset, and of all pages by time
	oldest   time.Time       // creation time of the oldest encoding so far
	sorted   bool            // no encoding so far was newer than the encoding before it
	pages    int             // how many pages were read
}

// Encodings reads all pages of a selection from its Offset on. It ends after the first error.
// After ten pages it first repeats a failing page, up to four times. If the list changes
// meanwhile, an encoding may be returned twice or missed; see [EncodingQuery.Overlap].
func (c *Client) Encodings(ctx context.Context, l EncodingQuery) iter.Seq2[Encoding, error] {
	return func(yield func(Encoding, error) bool) {
		w := encodingWalk{client: c, query: l, sorted: true}
		for {
			items, more, err := w.nextPage(ctx)
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

// nextPage reads the next page and reports whether more pages follow.
func (w *encodingWalk) nextPage(ctx context.Context) (items []Encoding, more bool, err error) {
	if w.pages == mostWalkPages {
		return nil, false, fmt.Errorf("GET %s at offset %d: %w after %d pages", encodingsPath, w.query.Offset, errEndless, w.pages)
	}
	p, err := w.readPage(ctx)
	repeated := err == nil && isRepeated(w.previous, p.Items)
	switch {
	case repeated && !w.byTime && p.received <= w.query.Overlap:
		return nil, false, nil // the page holds only the overlap
	case repeated && !w.byTime:
		err = fmt.Errorf("GET %s at offset %d: %w", encodingsPath, w.query.Offset, errRepeatedPage)
	case err == nil:
		return w.addPage(p)
	case w.pages == 0 || w.byTime || !Unsupported(err) && statusOf(err) < 500:
		return nil, false, err
	}
	if !w.sorted || w.oldest.IsZero() {
		return nil, false, err // the time at which the last page ended is not known
	}
	w.byTime, w.seen = true, w.previous
	w.continueByTime()
	return w.nextPage(ctx)
}

// readPage reads a page. After repeatAfterPages it repeats a call whose error is [Ambiguous] or
// [Throttled], with growing pauses.
func (w *encodingWalk) readPage(ctx context.Context) (p Page[Encoding], err error) {
	wait := time.Second
	for range 5 {
		p, err = list[Encoding](ctx, w.client, w.query.toCall(urgencyList), w.query.Offset, w.query.Limit)
		if w.pages < repeatAfterPages || !Ambiguous(err) && !Throttled(err) || ctx.Err() != nil {
			return p, err
		}
		if w.client.governor.clock.Sleep(ctx, wait) != nil {
			return p, err
		}
		wait *= 2
	}
	return p, err
}

// addPage records a page and returns its items. By time it leaves out items that were read before;
// by offset it does not.
func (w *encodingWalk) addPage(p Page[Encoding]) (items []Encoding, more bool, err error) {
	w.pages++
	before := w.previous
	w.previous = idsOf(p.Items)
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
		return nil, false, fmt.Errorf("GET %s before %s: %w", encodingsPath, formatTime(w.query.CreatedBefore), errRepeatedPage)
	}
	w.continueByTime()
	return items, p.More(), nil
}

// continueByTime makes the next page begin with the second in which the oldest encoding was
// created: times are sent in whole seconds, and others may have been created in the same one.
func (w *encodingWalk) continueByTime() {
	w.query.Offset = 0
	w.query.CreatedBefore = w.oldest.Truncate(time.Second).Add(time.Second)
}

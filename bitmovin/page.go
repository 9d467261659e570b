package bitmovin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// maxPageSize is the largest page the platform serves.
const maxPageSize = 100

// Page is a part of a list.
type Page[T any] struct {
	Items []T
	// Total is the length of the whole list. It is 0 and means nothing unless
	// TotalKnown: the platform discourages asking for it and may leave it out.
	Total      int64
	TotalKnown bool
	Offset     int // of the first item, as asked for
	Limit      int // the most items a page holds: as the platform reports it, otherwise as asked for

	next     bool // the platform names a following page
	received int  // items on the wire, unusable ones included
	ownSize  bool // the page has the platform's own size, which it does not tell
}

// More reports whether the list goes on after p. A named next page is believed, then a
// total; without either, a full page suggests another one.
func (p Page[T]) More() bool {
	switch {
	case p.received == 0:
		return false
	case p.next:
		return true
	case p.TotalKnown:
		return int64(p.Offset+p.received) < p.Total
	default:
		return p.ownSize || p.received >= p.Limit
	}
}

// pageBody is a list on the wire. Nothing in it is reliably there.
type pageBody[T required] struct {
	TotalCount *int64 `json:"totalCount"`
	Limit      int    `json:"limit"`
	Next       string `json:"next"`
	Items      []T    `json:"items"`
}

// list fetches one page of the list that cl selects by its path and query.
func list[T required](ctx context.Context, c *Client, cl call, offset, limit int) (Page[T], error) {
	if limit <= 0 || limit > maxPageSize {
		limit = maxPageSize
	}
	values := url.Values{"limit": {strconv.Itoa(limit)}}
	if offset > 0 {
		values.Set("offset", strconv.Itoa(offset)) // the platform begins at 0 by itself
	}
	maps.Copy(values, cl.query)
	for _, name := range cl.without {
		values.Del(name)
	}
	cl.method, cl.query = http.MethodGet, values
	var body pageBody[T]
	if err := c.do(ctx, cl, &body); err != nil {
		return Page[T]{}, err
	}
	p := Page[T]{Offset: offset, Limit: limit, next: body.Next != "", received: len(body.Items)}
	if body.Limit > 0 {
		p.Limit = body.Limit
	} else if slices.Contains(cl.without, ParamLimit) {
		p.ownSize = true
	}
	// A total that the items on the page already exceed is not to be believed.
	if body.TotalCount != nil && *body.TotalCount >= int64(offset+p.received) {
		p.Total, p.TotalKnown = *body.TotalCount, true
	} else if body.TotalCount != nil && p.received == 0 && *body.TotalCount >= 0 {
		p.Total, p.TotalKnown = *body.TotalCount, true // asked beyond the end
	}
	for _, item := range body.Items {
		if _, id := item.required(); id != "" && len(id) <= maxID {
			p.Items = append(p.Items, item)
		}
	}
	return p, nil
}

// errStuck ends an iteration over a list that ignores the offset, which would never end
// by itself.
var errStuck = errors.New("the list repeats its page")

// idsOf is the ids of a page.
func idsOf[T required](items []T) map[string]bool {
	ids := make(map[string]bool, len(items))
	for _, item := range items {
		_, id := item.required()
		ids[id] = true
	}
	return ids
}

// repeats reports whether a page is the one before it again, as told by its last item: new
// ones may have come in at the front.
func repeats[T required](before map[string]bool, items []T) bool {
	if len(items) == 0 {
		return false
	}
	_, last := items[len(items)-1].required()
	return before[last]
}

// all walks a list from offset on, page by page, as far as the consumer wants to go.
func all[T required](ctx context.Context, c *Client, cl call, offset, limit int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		var before map[string]bool
		for {
			p, err := list[T](ctx, c, cl, offset, limit)
			if before == nil && Unsupported(err) {
				cl.without = []string{ParamLimit} // it may be that
				p, err = list[T](ctx, c, cl, offset, limit)
			}
			if err == nil && repeats(before, p.Items) {
				err = fmt.Errorf("GET %s at offset %d: %w", cl.path, offset, errStuck)
			}
			if err != nil {
				yield(zero, err)
				return
			}
			before = idsOf(p.Items)
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if !p.More() {
				return
			}
			offset += p.received
		}
	}
}

// collectNamed gathers what of a list is called name. Whether the platform can select by name is
// its affair: where it refuses to, all of the list is read.
func collectNamed[T required](ctx context.Context, c *Client, cl call, name string, nameOf func(T) string) ([]T, error) {
	cl.query = url.Values{ParamName: {name}}
	found, err := collect(all[T](ctx, c, cl, 0, maxPageSize))
	if Unsupported(err) {
		cl.query = nil
		found, err = collect(all[T](ctx, c, cl, 0, maxPageSize))
	}
	return named(found, name, nameOf), err
}

// collect gathers a list that is known to be short.
func collect[T required](seq iter.Seq2[T, error]) ([]T, error) {
	var items []T
	for item, err := range seq {
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

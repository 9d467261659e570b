package bitmovin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
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
}

// more reports whether the list goes on after p. A named next page is believed, then a
// total; without either, a full page suggests another one.
func (p Page[T]) more() bool {
	switch {
	case p.received == 0:
		return false
	case p.next:
		return true
	case p.TotalKnown:
		return int64(p.Offset+p.received) < p.Total
	default:
		return p.received >= p.Limit
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
	values := url.Values{"offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(limit)}}
	maps.Copy(values, cl.query)
	cl.method, cl.query = http.MethodGet, values
	var body pageBody[T]
	if err := c.do(ctx, cl, &body); err != nil {
		return Page[T]{}, err
	}
	p := Page[T]{Offset: offset, Limit: limit, next: body.Next != "", received: len(body.Items)}
	if body.Limit > 0 {
		p.Limit = body.Limit
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

// all walks a list from offset on, page by page, as far as the consumer wants to go.
func all[T required](ctx context.Context, c *Client, cl call, offset, limit int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		var first string
		for {
			p, err := list[T](ctx, c, cl, offset, limit)
			if err == nil && len(p.Items) > 0 {
				_, id := p.Items[0].required()
				if id == first {
					err = fmt.Errorf("GET %s at offset %d: %w", cl.path, offset, errStuck)
				}
				first = id
			}
			if err != nil {
				yield(zero, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if !p.more() {
				return
			}
			offset += p.received
		}
	}
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

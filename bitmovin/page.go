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

// maxPageSize is the largest page that the platform serves, in items.
const maxPageSize = 100

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	// Total is the length of the whole list. It is 0 unless TotalKnown: the platform
	// discourages asking for it and may leave it out.
	Total      int64
	TotalKnown bool
	Offset     int // of the first item, as requested
	Limit      int // the size of a full page: as the platform reports it, otherwise as requested

	next        bool // the platform names a next page
	received    int  // how many items were received, unusable ones included
	unknownSize bool // the platform chose the size of a full page and does not report it
}

// More reports whether the list continues after p. An empty page ends the list. Otherwise the list
// continues if the platform names a next page, or if the total says so. Without a total, a full
// page or one of unknown size is taken to be followed by another.
func (p Page[T]) More() bool {
	switch {
	case p.received == 0:
		return false
	case p.next:
		return true
	case p.TotalKnown:
		return int64(p.Offset+p.received) < p.Total
	default:
		return p.unknownSize || p.received >= p.Limit
	}
}

// pageBody is a page on the wire. Any part of it may be missing.
type pageBody[T identified] struct {
	TotalCount *int64 `json:"totalCount"`
	Limit      int    `json:"limit"`
	Next       string `json:"next"`
	Items      []T    `json:"items"`
}

// list reads one page of the list that the path and query of cl select. A limit that is not
// between 1 and maxPageSize becomes maxPageSize.
func list[T identified](ctx context.Context, c *Client, cl call, offset, limit int) (Page[T], error) {
	if limit <= 0 || limit > maxPageSize {
		limit = maxPageSize
	}
	values := url.Values{"limit": {strconv.Itoa(limit)}}
	if offset > 0 {
		values.Set("offset", strconv.Itoa(offset)) // 0 is the default of the platform
	}
	maps.Copy(values, cl.query)
	for _, name := range cl.omit {
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
	} else if slices.Contains(cl.omit, ParamLimit) {
		p.unknownSize = true
	}
	// A total that is less than the page shows is ignored.
	if body.TotalCount != nil && *body.TotalCount >= int64(offset+p.received) {
		p.Total, p.TotalKnown = *body.TotalCount, true
	} else if body.TotalCount != nil && p.received == 0 && *body.TotalCount >= 0 {
		p.Total, p.TotalKnown = *body.TotalCount, true // the offset is beyond the end
	}
	for _, item := range body.Items {
		if _, id := item.requiredField(); id != "" && len(id) <= maxID {
			p.Items = append(p.Items, item)
		}
	}
	return p, nil
}

// errRepeatedPage ends the reading of a list for which the platform ignores the offset. Such a list
// would never end.
var errRepeatedPage = errors.New("the platform sent the previous page again")

// mostPages is how many pages of a list are read, and mostWalkPages of the list of encodings, whose items are
// not collected: at sixty calls a minute that takes more than five hours.
const mostPages, mostWalkPages = 1_000, 20_000

// errEndless ends the reading of a list that has more pages than that.
var errEndless = errors.New("the list does not end")

// idsOf returns the set of ids of a page.
func idsOf[T identified](items []T) map[string]bool {
	ids := make(map[string]bool, len(items))
	for _, item := range items {
		_, id := item.requiredField()
		ids[id] = true
	}
	return ids
}

// isRepeated reports whether a page is the previous page again. It compares only the last item,
// because new items may have moved the others.
func isRepeated[T identified](before map[string]bool, items []T) bool {
	if len(items) == 0 {
		return false
	}
	_, last := items[len(items)-1].requiredField()
	return before[last]
}

// listAll reads a list from offset on, one page after the other, as far as the consumer iterates.
// If the platform may have refused the limit of the first page, listAll leaves the limit out.
func listAll[T identified](ctx context.Context, c *Client, cl call, offset, limit int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		var before map[string]bool
		for pages := 0; ; pages++ {
			if pages == mostPages {
				yield(zero, fmt.Errorf("GET %s at offset %d: %w after %d pages", cl.path, offset, errEndless, pages))
				return
			}
			p, err := list[T](ctx, c, cl, offset, limit)
			if before == nil && Unsupported(err) {
				cl.omit = []string{ParamLimit}
				p, err = list[T](ctx, c, cl, offset, limit)
			}
			if err == nil && isRepeated(before, p.Items) {
				err = fmt.Errorf("GET %s at offset %d: %w", cl.path, offset, errRepeatedPage)
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

// collect returns all items of a short list.
func collect[T identified](seq iter.Seq2[T, error]) ([]T, error) {
	var items []T
	for item, err := range seq {
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

package simulator

import (
	"net/url"
	"strconv"
	"strings"
)

const (
	defaultPage = 25
	maxPage     = 100
)

// page is the part of a list that a request selects.
type page struct {
	offset, limit int
	self          url.URL // of the request; links to other pages are made from it
	omitTotal     bool
}

func (c *call) parsePage() (page, error) {
	p := page{limit: defaultPage}
	var err error
	query := c.r.URL.Query()
	if p.offset, err = pageNumber(query, "offset", 0, 0, 1<<31); err != nil {
		return p, err
	}
	if p.limit, err = pageNumber(query, "limit", defaultPage, 1, maxPage); err != nil {
		return p, err
	}
	p.self = *c.r.URL
	p.self.Host, p.self.Scheme = c.r.Host, "http"
	if c.r.TLS != nil {
		p.self.Scheme = "https"
	}
	return p, nil
}

func pageNumber(query url.Values, name string, otherwise, low, high int) (int, error) {
	text := query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		return 0, invalid("%s must be a number from %d to %d, not %q", name, low, high, text)
	}
	return n, nil
}

// list is one page of a list in an answer of the API.
type list struct {
	TotalCount *int   `json:"totalCount,omitempty"`
	Offset     int    `json:"offset"`
	Limit      int    `json:"limit"`
	Previous   string `json:"previous,omitempty"`
	Next       string `json:"next,omitempty"`
	Items      []any  `json:"items"`
}

// paginate renders page p of the list all.
func paginate[T any](p page, all []T, render func(T) any) list {
	l := list{Offset: p.offset, Limit: p.limit, Items: []any{}}
	if !p.omitTotal {
		l.TotalCount = new(len(all))
	}
	from := min(p.offset, len(all))
	to := min(from+p.limit, len(all))
	for _, item := range all[from:to] {
		l.Items = append(l.Items, render(item))
	}
	if to < len(all) {
		l.Next = p.link(to)
	}
	if p.offset > 0 {
		l.Previous = p.link(max(0, p.offset-p.limit))
	}
	return l
}

// link returns the URL of another page, without the API key.
func (p page) link(offset int) string {
	query := p.self.Query()
	query.Del("X-Api-Key")
	query.Set("offset", strconv.Itoa(offset))
	query.Set("limit", strconv.Itoa(p.limit))
	p.self.RawQuery = query.Encode()
	return p.self.String()
}

// boolean reads a flag in the spellings of all SDKs, such as true, True and 1. A missing flag is
// false.
func boolean(query url.Values, name string) (bool, error) {
	text := query.Get(name)
	if text == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return false, invalid("%s must be true or false, not %q", name, text)
	}
	return b, nil
}

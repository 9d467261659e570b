package simulator

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"
)

// listEncodings answers GET /encoding/encodings. Without a sort the newest encoding comes
// first.
func listEncodings(s *Simulator, c *call) (any, error) {
	p, err := c.parsePage()
	if err != nil {
		return nil, err
	}
	query := c.r.URL.Query()
	wantTotal, err := boolean(query, "includeTotalCount")
	if err != nil {
		return nil, err
	}
	p.omitTotal = s.OmitTotalCount && !wantTotal
	f, err := parseFilter(query)
	if err != nil {
		return nil, err
	}
	order, err := parseSort(query.Get("sort"))
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(s.encodings.candidates(f), func(enc *encoding) bool { return !f.matches(enc) })
	if order != nil {
		slices.SortStableFunc(found, order)
	}
	return paginate(p, found, func(enc *encoding) any { return enc.render(s.schedule.moment) }), nil
}

// filter is the selection of a list of encodings.
type filter struct {
	status     Status
	name       string
	typ        string
	region     string
	terms      []term
	timeBounds []timeBound
}

// timeBound selects encodings with a time after at if newer, otherwise before at.
type timeBound struct {
	of    func(*encoding) time.Time
	newer bool
	at    time.Time
}

func parseFilter(query url.Values) (filter, error) {
	f := filter{
		status: Status(query.Get("status")), name: query.Get("name"),
		typ: query.Get("type"), region: query.Get("cloudRegion"),
	}
	if f.status != "" && !f.status.valid() {
		return f, invalid("status %q is unknown", f.status)
	}
	for _, bound := range []struct {
		name string
		of   func(*encoding) time.Time
	}{
		{"createdAt", func(e *encoding) time.Time { return e.createdAt }},
		{"startedAt", func(e *encoding) time.Time { return e.queuedAt }},
		{"finishedAt", func(e *encoding) time.Time { return e.finishedAt }},
	} {
		for _, newer := range []bool{true, false} {
			param := bound.name + "OlderThan"
			if newer {
				param = bound.name + "NewerThan"
			}
			text := query.Get(param)
			if text == "" {
				continue
			}
			at, err := time.Parse(time.RFC3339Nano, text)
			if err != nil {
				return f, invalid("%s must be a UTC time such as 2026-01-02T03:04:05Z, not %q", param, text)
			}
			f.timeBounds = append(f.timeBounds, timeBound{bound.of, newer, at})
		}
	}
	var err error
	if text := query.Get("search"); text != "" {
		f.terms, err = parseSearch(text)
	}
	return f, err
}

// exactTerm returns the first term of the search that is not a prefix, or nil.
func (f filter) exactTerm() *term {
	for i := range f.terms {
		if !f.terms[i].prefix {
			return &f.terms[i]
		}
	}
	return nil
}

func (f filter) matches(enc *encoding) bool {
	switch {
	case enc.deleted,
		f.status != "" && enc.status != f.status,
		f.name != "" && enc.name != f.name,
		f.region != "" && enc.cloudRegion != f.region,
		f.typ == "VOD" && enc.run == 0,
		f.typ == "NONE" && enc.run > 0,
		f.typ == "LIVE":
		return false
	}
	for _, b := range f.timeBounds {
		t := b.of(enc).Truncate(time.Millisecond) // as clients see it
		if t.IsZero() || b.newer && !t.After(b.at) || !b.newer && !t.Before(b.at) {
			return false
		}
	}
	for _, term := range f.terms {
		if !term.matches(enc) {
			return false
		}
	}
	return true
}

// parseSort reads a field name, which may be followed by :asc or :desc, or preceded by - for
// descending. The default is ascending. The platform does not document how it spells
// directions. An empty text gives a nil order.
func parseSort(text string) (func(a, b *encoding) int, error) {
	if text == "" {
		return nil, nil
	}
	field, direction, _ := strings.Cut(text, ":")
	field, minus := strings.CutPrefix(field, "-")
	descending := minus || strings.EqualFold(direction, "desc")
	if direction != "" && !strings.EqualFold(direction, "asc") && !descending {
		return nil, invalid("sort direction %q is unknown", direction)
	}
	orders := map[string]func(a, b *encoding) int{
		"id":             func(a, b *encoding) int { return cmp.Compare(a.id, b.id) },
		"name":           func(a, b *encoding) int { return cmp.Compare(a.name, b.name) },
		"status":         func(a, b *encoding) int { return cmp.Compare(a.status, b.status) },
		"cloudRegion":    func(a, b *encoding) int { return cmp.Compare(a.cloudRegion, b.cloudRegion) },
		"encoderVersion": func(a, b *encoding) int { return cmp.Compare(a.encoderVersion, b.encoderVersion) },
		"type":           func(a, b *encoding) int { return cmp.Compare(min(a.run, 1), min(b.run, 1)) },
		"createdAt":      func(a, b *encoding) int { return cmp.Compare(a.order, b.order) },
		"startedAt":      func(a, b *encoding) int { return a.queuedAt.Compare(b.queuedAt) },
		"modifiedAt":     func(a, b *encoding) int { return a.modifiedAt.Compare(b.modifiedAt) },
		"finishedAt":     func(a, b *encoding) int { return a.finishedAt.Compare(b.finishedAt) },
	}
	order := orders[field]
	if order == nil {
		return nil, invalid("cannot sort by %q", field)
	}
	if descending {
		return func(a, b *encoding) int { return order(b, a) }, nil
	}
	return order, nil
}

package dispatcher

import (
	"maps"
	"slices"
	"time"

	"github.com/stokerd/stoker/bitmovin"
)

// selects reports whether the status, name and creation time of a query select an encoding. An
// encoding without a readable creation time counts as new.
func selects(q bitmovin.EncodingQuery, e bitmovin.Encoding) bool {
	return (q.Status == "" || e.Status == q.Status) && (q.Name == "" || e.Name == q.Name) &&
		(q.CreatedAfter.IsZero() || newerThan(e, q.CreatedAfter))
}

// newerThan compares in whole seconds, since the platform is sent whole seconds.
func newerThan(e bitmovin.Encoding, t time.Time) bool {
	return e.CreatedAt.IsZero() || !e.CreatedAt.Before(t.Truncate(time.Second))
}

// unselectedToBlame is how many encodings that a query does not select a list must have before a
// parameter counts as ignored; they must also be more than half of the list. A single one may
// have changed just now.
const unselectedToBlame = 3

// filterCheck counts the encodings that a list contains although the query does not select them.
type filterCheck struct {
	query      bitmovin.EncodingQuery
	label      string
	listed     int
	unselected map[string]int // by parameter
}

// add counts an encoding.
func (c *filterCheck) add(e bitmovin.Encoding) {
	if c.unselected == nil {
		c.unselected = map[string]int{}
	}
	c.listed++
	q := c.query
	for name, unselected := range map[string]bool{
		bitmovin.ParamSearch:        q.Search != "" && len(e.Labels) > 0 && !slices.Contains(e.Labels, c.label),
		bitmovin.ParamName:          q.Name != "" && e.Name != q.Name,
		bitmovin.ParamStatus:        q.Status != "" && e.Status != q.Status,
		bitmovin.ParamCreatedAfter:  !newerThan(e, q.CreatedAfter),
		bitmovin.ParamFinishedAfter: !q.FinishedAfter.IsZero() && e.FinishedAt.Before(q.FinishedAfter.Truncate(time.Second)),
	} {
		if unselected && !slices.Contains(q.Without, name) {
			c.unselected[name]++
		}
	}
}

// ignoredParameters are the parameters that the platform ignores.
func (c *filterCheck) ignoredParameters() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(c.unselected)) {
		if n := c.unselected[name]; n >= unselectedToBlame && 2*n > c.listed {
			names = append(names, name)
		}
	}
	return names
}

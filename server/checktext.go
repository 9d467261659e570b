package server

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// plain refuses characters that a terminal obeys or that nobody sees, and reports whether
// there are none.
func (c *checks) plain(field, text string) bool {
	at, what := job.FindHidden(text)
	if at > 0 {
		c.add(field, "%s at character %d of %q: leave it out", what, at, text)
	}
	return at == 0
}

// plainJob does so for a field of a job.
func (c *checks) plainJob(i int, name, text string) bool {
	if at, _ := job.FindHidden(text); at > 0 { // the path of the field is made for few
		return c.plain(jobField(i, name), text)
	}
	return true
}

func jobField(i int, name string) string { return fmt.Sprintf("jobs[%d].%s", i, name) }

// plainLabels holds the names and values of labels to the same.
func (c *checks) plainLabels(field string, labels map[string]string) {
	c.plainMap(field, labels, func(name string) string { return fmt.Sprintf("%s[%q]", field, name) })
}

// plainMap does so for any map whose values have the given fields. The names may be as
// many as fit a request: no more of them are looked at than a map may have.
func (c *checks) plainMap(field string, m map[string]string, fieldOf func(name string) string) {
	if len(m) > maxEntries {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if at, what := job.FindHidden(name); at > 0 {
			c.add(field, "name %s: %s at character %d: leave it out", strconv.Quote(clip(name, maxField)), what, at)
			continue
		}
		if at, _ := job.FindHidden(m[name]); at > 0 {
			c.plain(fieldOf(name), m[name])
		}
	}
}

// plainReason is what is wrong with the reason of a request that has one.
func plainReason(req any) []job.Violation {
	r, ok := req.(interface{ GetReason() string })
	if !ok {
		return nil
	}
	var c checks
	c.plain("reason", r.GetReason())
	return c.list
}

// plainRequest checks the texts of a submission that are not those of its jobs.
func (c *checks) plainRequest(req *stokerv1.SubmitBatchRequest) {
	c.plain("request_id", req.GetRequestId())
	c.plain("display_name", req.GetDisplayName())
	c.plainLabels("labels", req.GetLabels())
}

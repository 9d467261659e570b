package simulator

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Groups of endpoints that share a rate limit.
const (
	groupEncodings      = "encodings" // the collection: list and create
	groupStart          = "start"
	groupStatus         = "status"
	groupEncoding       = "encoding" // everything else below one encoding
	groupInputs         = "inputs"
	groupOutputs        = "outputs"
	groupConfigurations = "configurations"
	groupManifests      = "manifests"
	groupTemplates      = "templates"
	groupOther          = "other"
)

// Limit is the number of calls per minute that one API key may make to one
// group of endpoints with one method.
type Limit struct {
	Group  string
	Method string
	Calls  int
}

// DocumentedLimits returns the limits that apply where [Simulator.Limits] says nothing else.
// The platform documents all but two. The limit of templates is assumed to be that of start,
// and the limit of other (webhooks, notifications and error definitions) is a guess. DELETE
// has the limit of POST and is counted apart.
func DocumentedLimits() []Limit {
	budgets := []struct {
		group     string
		post, get int
	}{
		{groupEncodings, 600, 60},
		{groupStart, 600, 600},
		{groupStatus, 6000, 6000},
		{groupEncoding, 20_000, 20_000},
		{groupInputs, 1000, 4000},
		{groupOutputs, 1000, 4000},
		{groupConfigurations, 1000, 4000},
		{groupManifests, 10_000, 10_000},
		{groupTemplates, 600, 600},
		{groupOther, 1000, 1000},
	}
	var limits []Limit
	for _, b := range budgets {
		limits = append(limits,
			Limit{b.group, http.MethodPost, b.post},
			Limit{b.group, http.MethodDelete, b.post},
			Limit{b.group, http.MethodGet, b.get})
	}
	return limits
}

// limiter counts calls by the full minutes of the clock.
type limiter struct {
	now   func() time.Time
	calls map[[2]string]int // by group and method

	mu     sync.Mutex
	minute time.Time         // beginning of the present minute
	used   map[[3]string]int // calls in the present minute, by key, group and method
}

func newLimiter(now func() time.Time, overrides []Limit) *limiter {
	l := &limiter{now: now, calls: make(map[[2]string]int)}
	for _, limit := range append(DocumentedLimits(), overrides...) {
		l.calls[[2]string{limit.Group, limit.Method}] = limit.Calls
	}
	return l
}

// take counts a call and sets the x-ratelimit-* headers. It returns false if the call is over
// the limit; such a call is not counted.
func (l *limiter) take(key, group, method string, header http.Header) bool {
	limit := l.calls[[2]string{group, method}]
	if limit <= 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if minute := now.Truncate(time.Minute); !minute.Equal(l.minute) {
		l.minute, l.used = minute, make(map[[3]string]int)
	}
	id := [3]string{key, group, method}
	ok := l.used[id] < limit
	if ok {
		l.used[id]++
	}
	left := l.minute.Add(time.Minute).Sub(now)
	header.Set("X-Ratelimit-Limit", strconv.Itoa(limit))
	header.Set("X-Ratelimit-Remaining", strconv.Itoa(limit-l.used[id]))
	header.Set("X-Ratelimit-Reset", strconv.Itoa(int((left+time.Second-1)/time.Second)))
	return ok
}

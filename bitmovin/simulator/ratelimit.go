package simulator

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Groups of endpoints that share a budget.
const (
	groupEncodings      = "encodings" // the collection: list and create
	groupStart          = "start"
	groupStatus         = "status"
	groupEncoding       = "encoding" // everything else of one encoding
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

// DocumentedLimits returns the limits in force unless told otherwise. The
// platform publishes those of encodings and start; those of templates (taken
// to be the same) and of other (notifications and general) are assumptions.
// DELETE has the budget of POST, counted apart.
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

// limiter counts calls in windows of one minute of the clock.
type limiter struct {
	now   func() time.Time
	calls map[[2]string]int // by group and method

	mu     sync.Mutex
	window time.Time
	used   map[[3]string]int // by key, group and method, in this window
}

func newLimiter(now func() time.Time, overrides []Limit) *limiter {
	l := &limiter{now: now, calls: make(map[[2]string]int)}
	for _, limit := range append(DocumentedLimits(), overrides...) {
		l.calls[[2]string{limit.Group, limit.Method}] = limit.Calls
	}
	return l
}

// take counts a call and writes the headers that report on the budget. It
// returns false if the call is beyond it.
func (l *limiter) take(key, group, method string, header http.Header) bool {
	limit := l.calls[[2]string{group, method}]
	if limit <= 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if window := now.Truncate(time.Minute); !window.Equal(l.window) {
		l.window, l.used = window, make(map[[3]string]int)
	}
	id := [3]string{key, group, method}
	ok := l.used[id] < limit
	if ok {
		l.used[id]++
	}
	left := l.window.Add(time.Minute).Sub(now)
	header.Set("X-Ratelimit-Limit", strconv.Itoa(limit))
	header.Set("X-Ratelimit-Remaining", strconv.Itoa(limit-l.used[id]))
	header.Set("X-Ratelimit-Reset", strconv.Itoa(int((left+time.Second-1)/time.Second)))
	return ok
}

package server

import (
	"time"

	"golang.org/x/time/rate"
)

// Reconfiguration is what can change of a [Config] while the server runs.
type Reconfiguration struct {
	Catalog Catalog
	// Limits are the limits to change to; 0 stands for the default. Those on sizes, on memory and on the watches of
	// one caller stay what they are.
	Limits Limits
}

// Reconfigure changes to another catalog and other limits. Calls under way go on with what they began with, and
// watches that exist are not ended. Batches keep the recipe or template that they were submitted with.
func Reconfigure(s *Server, r Reconfiguration) {
	s.catalog.Store(&r.Catalog)
	l := r.Limits.withDefaults()
	s.callers.setLimits(l)
	s.hub.setMaxWatches(l.Watches)
	s.waiting.setMost(l.WaitingJobsPerAccount)
}

// setLimits changes the limits of all callers, those included that have calls under way.
func (c *callers) setLimits(l Limits) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limits.CallsPerSecond, c.limits.CallBurst, c.limits.CallsUnderWay = l.CallsPerSecond, l.CallBurst, l.CallsUnderWay
	for _, one := range c.all {
		one.rate.SetLimitAt(now, rate.Limit(l.CallsPerSecond))
		one.rate.SetBurstAt(now, l.CallBurst)
	}
}

// setMaxWatches changes how many watches there may be in all.
func (h *hub) setMaxWatches(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.limits.Watches = n
}

// setMost changes how many jobs of an account may wait.
func (l *waitingLimit) setMost(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.most = n
}

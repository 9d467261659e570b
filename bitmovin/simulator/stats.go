package simulator

import (
	"maps"
	"strconv"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Stats counts what happened so far. Encoder time is summed over all encoders, for the time of
// the Makespan.
type Stats struct {
	// Seed replays the random choices of this simulator.
	Seed     uint64 `json:"seed,string"`
	Encoders int    `json:"encoders"`

	// Makespan is the time from FirstStart, the first accepted start, to LastEnd, the end
	// of the latest run, or to the present while anything is queued or running.
	FirstStart time.Time     `json:"firstStart,omitzero"`
	LastEnd    time.Time     `json:"lastEnd,omitzero"`
	Makespan   time.Duration `json:"makespanNs"`

	// Busy is encoder time in which an encoding ran. IdleEmpty is idle encoder time while
	// the queue was empty. IdleQueued is idle encoder time while encodings were queued,
	// which only StartDelay causes.
	Busy       time.Duration `json:"busyNs"`
	IdleQueued time.Duration `json:"idleQueuedNs"`
	IdleEmpty  time.Duration `json:"idleEmptyNs"`

	// ByStatus counts the encodings that exist now. MaxQueued and MaxRunning are the most
	// encodings that were QUEUED or RUNNING at one time.
	ByStatus   map[Status]int `json:"byStatus"`
	MaxQueued  int            `json:"maxQueued"`
	MaxRunning int            `json:"maxRunning"`

	// Starts counts accepted starts, QueueFull the starts that a full queue refused, and
	// Ends the runs by the status in which they ended.
	Starts    int            `json:"starts"`
	QueueFull int            `json:"queueFull"`
	Ends      map[Status]int `json:"ends"`

	// Calls counts requests. CallsBy counts them by route and HTTP status; a request
	// without a complete answer has status 0. RateLimited counts requests over a rate
	// limit, Faults injected faults.
	Calls       int                    `json:"calls"`
	CallsBy     map[string]map[int]int `json:"callsBy"`
	RateLimited int                    `json:"rateLimited"`
	Faults      int                    `json:"faults"`

	WebhooksDelivered int `json:"webhooksDelivered"`
	WebhooksFailed    int `json:"webhooksFailed"`
}

// counters are the running totals behind Stats.
type counters struct {
	firstStart, lastEnd         time.Time
	busy, idleQueued, idleEmpty time.Duration    // up to the moment of the schedule
	idleAtLastEnd               [2]time.Duration // idleQueued and idleEmpty at lastEnd
	maxQueued, maxRunning       int
	starts, queueFull           int
	ends                        map[Status]int
	total                       int
	calls                       map[string]map[int]int
	rateLimited, faults         int
	delivered, undelivered      int
	inFlight                    int // deliveries that are queued or on their way
}

func (c *counters) started(at time.Time) {
	c.starts++
	if c.firstStart.IsZero() {
		c.firstStart = at
	}
}

func (c *counters) ended(at time.Time, status Status) {
	if c.ends == nil {
		c.ends = make(map[Status]int)
	}
	c.ends[status]++
	c.lastEnd = at
	c.idleAtLastEnd = [2]time.Duration{c.idleQueued, c.idleEmpty}
}

func (c *counters) answered(route string, status int) {
	c.total++
	if c.calls[route] == nil {
		c.calls[route] = make(map[int]int)
	}
	c.calls[route][status]++
}

// ReadStats returns the totals up to now.
func (s *Simulator) ReadStats() Stats {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advanceToNow()
	return s.currentStats()
}

// currentStats returns the totals up to the moment of the schedule. The caller holds s.mu.
func (s *Simulator) currentStats() Stats {
	c := &s.stats
	stats := Stats{
		Seed: s.ids.seed, Encoders: s.encoders(),
		FirstStart: c.firstStart, LastEnd: c.lastEnd,
		Busy: c.busy, IdleQueued: c.idleQueued, IdleEmpty: c.idleEmpty,
		ByStatus:  make(map[Status]int),
		MaxQueued: c.maxQueued, MaxRunning: c.maxRunning,
		Starts: c.starts, QueueFull: c.queueFull, Ends: maps.Clone(c.ends),
		Calls: c.total, CallsBy: make(map[string]map[int]int),
		RateLimited: c.rateLimited, Faults: c.faults,
		WebhooksDelivered: c.delivered, WebhooksFailed: c.undelivered,
	}
	for status, encodings := range s.encodings.byStatus {
		if len(encodings) > 0 {
			stats.ByStatus[status] = len(encodings)
		}
	}
	for route, statuses := range c.calls {
		stats.CallsBy[route] = maps.Clone(statuses)
	}
	switch {
	case c.starts == 0:
	case !s.schedule.idle():
		stats.Makespan = s.schedule.moment.Sub(c.firstStart)
	default:
		stats.Makespan = c.lastEnd.Sub(c.firstStart)
		stats.IdleQueued, stats.IdleEmpty = c.idleAtLastEnd[0], c.idleAtLastEnd[1]
	}
	return stats
}

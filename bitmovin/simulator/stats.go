package simulator

import (
	"maps"
	"strconv"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Stats is what happened so far. Encoder time is counted from the first
// accepted start to the end of the latest run (to the present while anything
// is queued or running), summed over all encoders.
type Stats struct {
	// Seed replays this simulator's random choices.
	Seed     uint64 `json:"seed,string"`
	Encoders int    `json:"encoders"`

	FirstStart time.Time     `json:"firstStart,omitzero"`
	LastEnd    time.Time     `json:"lastEnd,omitzero"`
	Makespan   time.Duration `json:"makespanNs"`

	// Busy is encoder time spent running. IdleQueued is encoder time lost
	// while encodings were queued, which only StartDelay causes; IdleEmpty is
	// encoder time lost while the queue was empty.
	Busy       time.Duration `json:"busyNs"`
	IdleQueued time.Duration `json:"idleQueuedNs"`
	IdleEmpty  time.Duration `json:"idleEmptyNs"`

	// ByStatus counts the encodings that exist now.
	ByStatus   map[Status]int `json:"byStatus"`
	MaxQueued  int            `json:"maxQueued"`
	MaxRunning int            `json:"maxRunning"`

	// Starts counts accepted starts, QueueFull refused ones; Ends counts runs
	// by how they ended.
	Starts    int            `json:"starts"`
	QueueFull int            `json:"queueFull"`
	Ends      map[Status]int `json:"ends"`

	// Calls counts requests; CallsBy counts them by route and answered HTTP
	// status, 0 standing for no or half an answer. RateLimited counts those
	// over a rate limit, Faults the injected faults.
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
	busy, idleQueued, idleEmpty time.Duration // up to the simulation's clock
	atLastEnd                   [2]time.Duration
	maxQueued, maxRunning       int
	starts, queueFull           int
	ends                        map[Status]int
	total                       int
	calls                       map[string]map[int]int
	rateLimited, faults         int
	delivered, undelivered      int
	inFlight                    int // webhook notifications on their way
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
	c.atLastEnd = [2]time.Duration{c.idleQueued, c.idleEmpty}
}

func (c *counters) answered(route string, status int) {
	c.total++
	if c.calls[route] == nil {
		c.calls[route] = make(map[int]int)
	}
	c.calls[route][status]++
}

// account moves the clock to at and adds up encoder time until then.
func (s *Simulator) account(at time.Time) {
	passed := at.Sub(s.moment)
	if passed <= 0 {
		return
	}
	s.moment = at
	if s.stats.firstStart.IsZero() {
		return
	}
	running := len(s.byStatus[Running])
	idle := time.Duration(s.encoders()-running) * passed
	s.stats.busy += time.Duration(running) * passed
	if len(s.byStatus[Queued]) > 0 {
		s.stats.idleQueued += idle
	} else {
		s.stats.idleEmpty += idle
	}
}

// Stats returns the totals up to now.
func (s *Simulator) Stats() Stats {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.present()
	return s.statsLocked()
}

func (s *Simulator) statsLocked() Stats {
	c := &s.stats
	stats := Stats{
		Seed: s.seed, Encoders: s.encoders(),
		FirstStart: c.firstStart, LastEnd: c.lastEnd,
		Busy: c.busy, IdleQueued: c.idleQueued, IdleEmpty: c.idleEmpty,
		ByStatus:  make(map[Status]int),
		MaxQueued: c.maxQueued, MaxRunning: c.maxRunning,
		Starts: c.starts, QueueFull: c.queueFull, Ends: maps.Clone(c.ends),
		Calls: c.total, CallsBy: make(map[string]map[int]int),
		RateLimited: c.rateLimited, Faults: c.faults,
		WebhooksDelivered: c.delivered, WebhooksFailed: c.undelivered,
	}
	for status, encodings := range s.byStatus {
		if len(encodings) > 0 {
			stats.ByStatus[status] = len(encodings)
		}
	}
	for route, statuses := range c.calls {
		stats.CallsBy[route] = maps.Clone(statuses)
	}
	switch {
	case c.starts == 0:
	case s.busyNow():
		stats.Makespan = s.moment.Sub(c.firstStart)
	default:
		stats.Makespan = c.lastEnd.Sub(c.firstStart)
		stats.IdleQueued, stats.IdleEmpty = c.atLastEnd[0], c.atLastEnd[1]
	}
	return stats
}

// present moves the simulation to the present for a look at it.
func (s *Simulator) present() {
	now := s.now()
	s.advance(now)
	s.settle(now)
}

func (s *Simulator) busyNow() bool {
	return len(s.byStatus[Queued])+len(s.byStatus[Running])+s.pendingTemplates > 0
}

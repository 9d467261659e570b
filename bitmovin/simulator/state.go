package simulator

import (
	"context"
	"errors"
	"sync"
	"time"
)

var errClosed = errors.New("simulator closed")

// state is what a Simulator keeps besides its exported fields.
type state struct {
	// Set once by init and never changed.
	ctx        context.Context // ends at Close
	cancel     context.CancelCauseFunc
	background sync.WaitGroup // deliveries of webhooks
	limits     *limiter
	known      *catalog
	routes     *router
	templates  *templateNode
	ids        *identifiers // its seed may be read at any time, the rest under mu

	mu     sync.Mutex // guards everything below
	closed bool
	timer  *time.Timer // for the next event

	schedule   *schedule
	encodings  *encodingTable
	resources  *resourceTable
	parts      partTable
	filters    map[string][]streamFilter // by stream
	webhooks   *webhookTable
	waiters    waiters
	ledger     ledger
	callCounts map[callKey]int
	stats      counters
}

// init prepares the state at its first call. Every exported method that uses the state calls
// it first.
func (s *Simulator) init() {
	s.once.Do(func() {
		s.ctx, s.cancel = context.WithCancelCause(context.Background())
		s.limits = newLimiter(s.now, s.Limits)
		s.known = newCatalog()
		s.routes = newRouter(apiRoutes(s.known))
		s.templates = templateTree(s.known)
		s.ids = newIdentifiers(s.Seed)
		s.encodings = newEncodingTable()
		s.resources = newResourceTable()
		s.parts = make(partTable)
		s.filters = make(map[string][]streamFilter)
		s.webhooks = newWebhookTable()
		s.callCounts = make(map[callKey]int)
		s.stats.calls = make(map[string]map[int]int)
		s.schedule = newSchedule(s)
	})
}

// advanceToNow computes all events that are due by now. The caller holds s.mu.
func (s *Simulator) advanceToNow() {
	now := s.now()
	s.schedule.advance(now)
	s.proceed(now)
}

// proceed computes the events that became due by a call, and sets the timer for the next
// event. With a Clock the simulator has no timer. The caller holds s.mu.
func (s *Simulator) proceed(now time.Time) {
	s.schedule.assign()
	s.schedule.advance(now)
	next, ok := s.schedule.next()
	if s.closed || !ok || s.Clock != nil {
		return
	}
	wait := max(0, next.Sub(now))
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, s.tick)
		return
	}
	s.timer.Reset(wait)
}

// tick runs when the timer fires.
func (s *Simulator) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.advanceToNow()
	}
}

package clock

import (
	"container/heap"
	"context"
	"errors"
	"iter"
	"time"
)

// errEnded is what a routine's sleep returns when its simulation has been closed.
var errEnded = errors.New("the simulation has ended")

// Simulation is a clock whose time passes when somebody says so. What sleeps by it are
// its routines: functions that take turns, one at a time, in the order in which they are
// due. While one runs, no time passes; so the outcome of a simulation depends on
// nothing but what runs in it, and an hour takes as long as the work in it.
//
// A routine must not wait for another by any other means than a gate: it would wait for
// ever. What it calls outside the simulation (a database, say) may take as long
// as it likes.
//
// A Simulation belongs to the goroutine that calls Step.
type Simulation struct {
	now     time.Time
	line    line
	atGates map[*routine]bool
	order   int64 // of those that are due at the same time: who came first
	current *routine
}

// routine is a function on its way through simulated time.
type routine struct {
	due   time.Time
	order int64
	next  func() (struct{}, bool) // lets it run to its next sleep; false if it has ended
	stop  func()
	yield func(struct{}) bool
}

// NewSimulation returns a clock that stands at start.
func NewSimulation(start time.Time) *Simulation {
	return &Simulation{now: start, atGates: map[*routine]bool{}}
}

// Now is the simulated present.
func (s *Simulation) Now() time.Time { return s.now }

// Go makes f a routine that is due now. It runs when its turn comes, in a Step.
func (s *Simulation) Go(f func()) {
	r := &routine{}
	r.next, r.stop = iter.Pull(func(yield func(struct{}) bool) {
		r.yield = yield
		f()
	})
	s.queue(r, 0)
}

// Sleep lets the other routines go on until d has passed. Only a routine may sleep.
// A context that ends meanwhile is noticed when d is over.
func (s *Simulation) Sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.queue(s.current, max(d, 0))
	return s.current.rest(ctx)
}

// rest lets the others go on until r is let run again.
func (r *routine) rest(ctx context.Context) error {
	if !r.yield(struct{}{}) {
		return errEnded
	}
	return context.Cause(ctx)
}

// NewEvent returns a closed gate for one routine. A context that ends while it waits is
// noticed when the gate opens.
func (s *Simulation) NewEvent() Event { return &simulatedEvent{simulation: s} }

type simulatedEvent struct {
	simulation *Simulation
	open       bool
	waiting    *routine
}

func (g *simulatedEvent) Set() {
	g.open = true
	if g.waiting != nil {
		delete(g.simulation.atGates, g.waiting)
		g.simulation.queue(g.waiting, 0)
	}
}

func (g *simulatedEvent) Wait(ctx context.Context) error {
	if g.open || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	g.waiting = g.simulation.current
	g.simulation.atGates[g.waiting] = true
	return g.waiting.rest(ctx)
}

// Step lets the routine that is due next run to its next sleep, and is true. If none is
// due by until, it is false and until has come.
func (s *Simulation) Step(until time.Time) bool {
	if len(s.line) == 0 || s.line[0].due.After(until) {
		if until.After(s.now) {
			s.now = until
		}
		return false
	}
	r, _ := heap.Pop(&s.line).(*routine)
	s.now, s.current = r.due, r
	r.next()
	s.current = nil
	return true
}

// Close ends the routines that sleep or wait: that returns an error.
func (s *Simulation) Close() {
	for r := range s.atGates {
		s.queue(r, 0)
	}
	clear(s.atGates)
	for len(s.line) > 0 {
		r, _ := heap.Pop(&s.line).(*routine)
		s.current = r
		r.stop()
	}
	s.current = nil
}

func (s *Simulation) queue(r *routine, wait time.Duration) {
	s.order++
	r.due, r.order = s.now.Add(wait), s.order
	heap.Push(&s.line, r)
}

// line is who sleeps, a heap by who is due first.
type line []*routine

func (l line) Len() int { return len(l) }

func (l line) Less(i, j int) bool {
	if !l[i].due.Equal(l[j].due) {
		return l[i].due.Before(l[j].due)
	}
	return l[i].order < l[j].order
}

func (l line) Swap(i, j int) { l[i], l[j] = l[j], l[i] }

func (l *line) Push(x any) {
	r, _ := x.(*routine)
	*l = append(*l, r)
}

func (l *line) Pop() any {
	last := len(*l) - 1
	r := (*l)[last]
	(*l)[last] = nil
	*l = (*l)[:last]
	return r
}

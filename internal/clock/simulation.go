package clock

import (
	"container/heap"
	"context"
	"errors"
	"iter"
	"time"
)

// errEnded is returned by Sleep and Wait when the simulation is closed.
var errEnded = errors.New("the simulation has ended")

// Simulation is a clock whose time passes only in [Simulation.Step]. The code that uses it runs
// in routines: functions that run one at a time, in the order in which they are due. No time
// passes while a routine runs. So the outcome of a simulation depends only on its routines,
// and a simulated hour takes as long as the work in it.
//
// A routine must wait for another routine only by an [Event]; by any other means it would wait
// for ever. It may call code outside the simulation, such as a database, and block in it.
//
// A Simulation may be used only by its routines and by the goroutine that calls Step.
type Simulation struct {
	now     time.Time
	queue   routineQueue
	waiting map[*routine]bool // routines that wait for an event
	order   int64             // of the routine that was queued last
	current *routine          // the routine that runs; nil outside Step and Close
}

// routine is a function that runs in simulated time.
type routine struct {
	due   time.Time
	order int64                   // among routines that are due at the same time
	next  func() (struct{}, bool) // runs the routine to its next Sleep or Wait, or to its end
	stop  func()                  // makes yield return false, and runs the routine to its end
	yield func(struct{}) bool     // lets next return; false if the simulation is closed
}

// NewSimulation returns a simulation whose time is start.
func NewSimulation(start time.Time) *Simulation {
	return &Simulation{now: start, waiting: map[*routine]bool{}}
}

// Now returns the simulated present.
func (s *Simulation) Now() time.Time { return s.now }

// Go adds a routine that is due now. It runs in a later [Simulation.Step].
func (s *Simulation) Go(f func()) {
	r := &routine{}
	r.next, r.stop = iter.Pull(func(yield func(struct{}) bool) {
		r.yield = yield
		f()
	})
	s.enqueue(r, 0)
}

// Sleep lets other routines run until d has passed. Only a routine may call it. If ctx ends
// meanwhile, Sleep still returns only when d has passed.
func (s *Simulation) Sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.enqueue(s.current, max(d, 0))
	return s.current.suspend(ctx)
}

// suspend lets other routines run until r is run again. It returns the cause of ctx if ctx has
// ended by then, or errEnded if the simulation is closed.
func (r *routine) suspend(ctx context.Context) error {
	if !r.yield(struct{}{}) {
		return errEnded
	}
	return context.Cause(ctx)
}

// NewEvent returns an event for which one routine may wait. If the ctx of Wait ends meanwhile,
// Wait still returns only when the event has happened.
func (s *Simulation) NewEvent() Event { return &simulatedEvent{simulation: s} }

type simulatedEvent struct {
	simulation *Simulation
	happened   bool
	waiting    *routine
}

func (e *simulatedEvent) Set() {
	e.happened = true
	if e.waiting != nil {
		delete(e.simulation.waiting, e.waiting)
		e.simulation.enqueue(e.waiting, 0)
	}
}

func (e *simulatedEvent) Wait(ctx context.Context) error {
	if e.happened || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	e.waiting = e.simulation.current
	e.simulation.waiting[e.waiting] = true
	return e.waiting.suspend(ctx)
}

// Step runs the routine that is due next up to its next Sleep or Wait, and returns true. If
// none is due by until, it moves the time to until and returns false.
func (s *Simulation) Step(until time.Time) bool {
	if len(s.queue) == 0 || s.queue[0].due.After(until) {
		if until.After(s.now) {
			s.now = until
		}
		return false
	}
	r, _ := heap.Pop(&s.queue).(*routine)
	s.now, s.current = r.due, r
	r.next()
	s.current = nil
	return true
}

// Close ends all routines: their Sleep or Wait returns an error. Close returns when all
// routines have returned.
func (s *Simulation) Close() {
	for r := range s.waiting {
		s.enqueue(r, 0)
	}
	clear(s.waiting)
	for len(s.queue) > 0 {
		r, _ := heap.Pop(&s.queue).(*routine)
		s.current = r
		r.stop()
	}
	s.current = nil
}

// enqueue makes a routine due after wait.
func (s *Simulation) enqueue(r *routine, wait time.Duration) {
	s.order++
	r.due, r.order = s.now.Add(wait), s.order
	heap.Push(&s.queue, r)
}

// routineQueue is a heap of the sleeping routines by the time at which they are due.
type routineQueue []*routine

func (q routineQueue) Len() int { return len(q) }

func (q routineQueue) Less(i, j int) bool {
	if !q[i].due.Equal(q[j].due) {
		return q[i].due.Before(q[j].due)
	}
	return q[i].order < q[j].order
}

func (q routineQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

func (q *routineQueue) Push(x any) {
	r, _ := x.(*routine)
	*q = append(*q, r)
}

func (q *routineQueue) Pop() any {
	last := len(*q) - 1
	r := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return r
}

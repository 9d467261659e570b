package e2e

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// death is a moment at which a service has to end: at one of its calls to the
// platform, counted from when the death was armed.
type death struct {
	calls int  // how many calls of the kind go well before
	start bool // only starts count

	// The call has its effect, or does not, and its answer never arrives. If neither is
	// set, the call succeeds, and the service dies shortly after.
	after, before bool
}

// deaths draws n moments at random. Half of them are at starts of encodings, which cost money.
func deaths(random *rand.Rand, n int) []death {
	all := make([]death, n)
	for i := range all {
		d := &all[i]
		d.start = random.IntN(2) == 0
		d.calls = random.IntN(60)
		if d.start {
			d.calls = random.IntN(6)
		}
		switch random.IntN(3) {
		case 0:
			d.after = true
		case 1:
			d.before = true
		}
	}
	return all
}

// callKiller tells a test when to end a service: at a call that the service makes to a simulator.
type callKiller struct {
	mu    sync.Mutex
	armed bool
	next  death
	due   chan struct{} // the moment has come
}

func newKiller() *callKiller { return &callKiller{due: make(chan struct{}, 1)} }

// arm sets the call at which the next death is due.
func (s *callKiller) arm(d death) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed, s.next = true, d
}

// disarm cancels the next death. It reports whether that death was not due yet.
func (s *callKiller) disarm() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	armed := s.armed
	s.armed = false
	return armed
}

// fault is the simulator's hook Fault. At the armed call it reports that the death is due, and holds the
// call or its answer back if the death asks for that.
func (s *callKiller) fault(c simulator.Call) simulator.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.armed || s.next.start && c.Route != startRoute {
		return simulator.Fault{}
	}
	if s.next.calls--; s.next.calls >= 0 {
		return simulator.Fault{}
	}
	s.armed = false
	s.due <- struct{}{}
	if s.next.before || s.next.after {
		return simulator.Fault{Kind: simulator.HangFault, After: s.next.after}
	}
	return simulator.Fault{}
}

// killRepeatedly calls end with the process of the service at each of the moments, and starts the service
// again on the same job table. It returns when no moments are left or the batch has ended: how often the
// service was ended, and its last process.
func (s *service) killRepeatedly(life *process, killer *callKiller, moments []death, h *history, end func(*process)) (times int, _ *process) {
	s.t.Helper()
	for _, moment := range moments {
		killer.arm(moment)
		select {
		case <-killer.due:
		case b := <-h.done:
			h.done <- b
			if killer.disarm() {
				return times, life
			}
			<-killer.due
		case <-time.After(2 * processTimeout):
			s.t.Fatalf("the service makes no more calls; death %+v", moment)
		}
		end(life)
		times++
		life = s.run()
	}
	return times, life
}

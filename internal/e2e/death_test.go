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

	// The call has its effect, or has not; its answer never arrives. Without
	// either the call goes well, and the death comes at some moment right after.
	after, before bool
}

// deaths draws moments: half of them at starts, where money is spent.
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

// scythe lets a service die at calls that it makes to a simulator.
type scythe struct {
	mu    sync.Mutex
	armed bool
	next  death
	due   chan struct{} // the moment has come
}

func newScythe() *scythe { return &scythe{due: make(chan struct{}, 1)} }

// arm prepares the next death.
func (s *scythe) arm(d death) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed, s.next = true, d
}

// disarm calls the next death off, and reports whether it had not come.
func (s *scythe) disarm() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	armed := s.armed
	s.armed = false
	return armed
}

// fault is the simulator's hook.
func (s *scythe) fault(c simulator.Call) simulator.Fault {
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

// reap lets a service die again and again, each time by what end does to the process,
// and starts it anew on the same job table, until there are no deaths left or
// the batch has ended. It returns how often it died, and the last life.
func (s *service) reap(life *process, scythe *scythe, moments []death, h *history, end func(*process)) (times int, _ *process) {
	s.t.Helper()
	for _, moment := range moments {
		scythe.arm(moment)
		select {
		case <-scythe.due:
		case b := <-h.done:
			h.done <- b
			if scythe.disarm() {
				return times, life
			}
			<-scythe.due
		case <-time.After(2 * patience):
			s.t.Fatalf("the service makes no more calls; death %+v", moment)
		}
		end(life)
		times++
		life = s.run()
	}
	return times, life
}

package dispatcher

import (
	"math"
	"time"
)

const (
	// refill is how long it takes to see a free place and fill it, calls aside.
	refill = 2 * time.Second
	// spare is how many times what drains meanwhile should be queued: encodings do
	// not end evenly.
	spare = 3
	// maxSetup is the longest set-up of a template that is not taken for a mishap.
	maxSetup = 30 * time.Second
	// relax is how often an automatic target that is larger than it need be shrinks.
	relax = 10 * time.Second
)

// autopilot chooses a queue target by how fast the queue drains: as small as it can be
// without encoders waiting for us. It doubles while encoders are hungry, and shrinks
// slowly to what the drain asks for.
type autopilot struct {
	target  int
	changed time.Time
}

// choose returns the target for now, between low and high.
func (a *autopilot) choose(p pace, running, low, high int, now time.Time) int {
	want := min(max(p.wants(running), low), high)
	switch {
	case a.target < want:
		a.target, a.changed = want, now
	case now.Sub(p.hungry) < hungryWait && now.Sub(a.changed) >= soon:
		a.target, a.changed = min(2*a.target, high), now
	case a.target > want && now.Sub(a.changed) >= relax:
		a.target, a.changed = max(want, a.target*3/4), now
	}
	return a.target
}

// wants is how many encodings should be queued for the present drain; 0 if that is
// not known.
func (p *pace) wants(running int) int {
	if p.runtime <= 0 {
		return 0
	}
	drain := float64(running) / p.runtime.Seconds()
	return int(math.Ceil(spare * drain * (refill + p.call + p.setup).Seconds()))
}

// setUp takes note of how long a template took to be queued.
func (p *pace) setUp(took time.Duration) {
	took = min(took, maxSetup)
	if p.setup == 0 {
		p.setup = took
	}
	p.setup += (took - p.setup) / 8
}

// called takes note of how long a start took.
func (p *pace) called(took time.Duration) {
	if p.call == 0 {
		p.call = took
	}
	p.call += (took - p.call) / 8
}

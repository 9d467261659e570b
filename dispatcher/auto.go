package dispatcher

import (
	"math"
	"time"
)

const (
	// refillTime is how long it takes to see a free place and fill it, calls aside.
	refillTime = 2 * time.Second
	// headroomFactor is how many times what drains meanwhile should be queued: encodings do
	// not end evenly.
	headroomFactor = 3
	// maxSetupTime is the longest set-up of a template that is not taken for a mishap.
	maxSetupTime = 30 * time.Second
	// shrinkInterval is how often an automatic target that is larger than it need be shrinks.
	shrinkInterval = 10 * time.Second
)

// autoTarget chooses a queue target by how fast the queue drains: as small as it can be
// without encoders waiting for us. It doubles while encoders are hungry, and shrinks
// slowly to what the drain asks for.
type autoTarget struct {
	target     int
	changeTime time.Time
}

// chooseTarget returns the target for now, between low and high.
func (a *autoTarget) chooseTarget(p drainRate, running, low, high int, now time.Time) int {
	want := min(max(p.queueNeeded(running), low), high)
	switch {
	case a.target < want:
		a.target, a.changeTime = want, now
	case now.Sub(p.starvingTime) < starvingWait && now.Sub(a.changeTime) >= changePoll:
		a.target, a.changeTime = min(2*a.target, high), now
	case a.target > want && now.Sub(a.changeTime) >= shrinkInterval:
		a.target, a.changeTime = max(want, a.target*3/4), now
	}
	return a.target
}

// queueNeeded is how many encodings should be queued for the present drain; 0 if that is
// not known.
func (p *drainRate) queueNeeded(running int) int {
	if p.runtime <= 0 {
		return 0
	}
	drain := float64(running) / p.runtime.Seconds()
	return int(math.Ceil(headroomFactor * drain * (refillTime + p.startTime + p.setupTime).Seconds()))
}

// noteSetup takes note of how long a template took to be queued.
func (p *drainRate) noteSetup(took time.Duration) {
	took = min(took, maxSetupTime)
	if p.setupTime == 0 {
		p.setupTime = took
	}
	p.setupTime += (took - p.setupTime) / 8
}

// noteStartCall takes note of how long a start took.
func (p *drainRate) noteStartCall(took time.Duration) {
	if p.startTime == 0 {
		p.startTime = took
	}
	p.startTime += (took - p.startTime) / 8
}

package dispatcher

import "time"

// shrinkInterval is how often an automatic queue target shrinks while it is too large.
const shrinkInterval = 10 * time.Second

// autoTarget chooses a queue target by how fast the queue drains: the smallest at which no
// encoder waits for a start. The target doubles while encoders are starving, and shrinks slowly
// to what the drain rate needs.
type autoTarget struct {
	target     int
	changeTime time.Time
}

// chooseTarget returns the target for now, between low and high, for so many encodings that run side by
// side. applied says that it is the account's target; only then starving encoders show that it is too small.
func (a *autoTarget) chooseTarget(d drainRate, running, low, high int, applied bool, now time.Time) int {
	want := min(max(d.queueNeeded(running), low), high)
	switch {
	case a.target < want:
		a.target, a.changeTime = want, now
	case applied && now.Sub(d.starvingTime) < starvingWait && now.Sub(a.changeTime) >= changePoll:
		a.target, a.changeTime = min(2*a.target, high), now
	case a.target > want && now.Sub(a.changeTime) >= shrinkInterval:
		a.target, a.changeTime = max(want, a.target*3/4), now
	}
	return a.target
}

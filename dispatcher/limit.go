package dispatcher

import "time"

const (
	// growInterval is how long the platform must not have refused a start before the
	// effective target grows by one.
	growInterval = time.Minute
	// refusalsToShrink is how many refusals in a row it takes to believe in a limit. One
	// alone can be a race with other people's starts.
	refusalsToShrink = 3
)

// queueLimit learns how many queued encodings the platform accepts. It starts at
// the wanted target, shrinks to what was accepted when the platform says again and
// again that its queue is full (8004), and grows back slowly.
type queueLimit struct {
	wanted     int
	effective  int
	fullUntil  time.Time // no start before
	refusals   int       // times in a row
	changeTime time.Time
	grown      bool // it has grown since the last accepted start: one refusal is enough
}

// setTarget sets the wanted target.
func (l *queueLimit) setTarget(target int) {
	if l.effective == 0 || l.effective == l.wanted || l.effective > target {
		l.effective = target
	}
	l.wanted = target
}

// noteRefused takes note of a start refused because the queue is full, while accepted
// encodings of ours and of others were known to be queued.
func (l *queueLimit) noteRefused(accepted int, now time.Time) {
	l.refusals++
	if l.refusals >= refusalsToShrink || l.grown {
		l.effective = max(1, min(accepted, l.effective))
		l.changeTime, l.grown = now, false
	}
	l.fullUntil = now.Add(min(250*time.Millisecond<<min(l.refusals, 6), 10*time.Second))
}

// noteAccepted takes note of an accepted start.
func (l *queueLimit) noteAccepted() { l.refusals, l.grown = 0, false }

// grow takes note of how much time has passed since the target shrank.
func (l *queueLimit) grow(now time.Time) {
	for l.effective < l.wanted && now.Sub(l.changeTime) >= growInterval {
		l.effective++
		l.changeTime = l.changeTime.Add(growInterval)
		l.grown = true
	}
}

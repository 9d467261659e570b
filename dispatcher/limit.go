package dispatcher

import "time"

const (
	// growInterval is how long the platform must not have refused a start before the
	// effective target grows by one.
	growInterval = time.Minute
	// refusalsToShrink is how many refusals in a row shrink the target. A single one can be a
	// race with other people's starts.
	refusalsToShrink = 3
	// A start that was refused because the queue is full is repeated after a pause that doubles
	// with each refusal between these bounds.
	firstFullPause = 500 * time.Millisecond
	maxFullPause   = 10 * time.Second
)

// queueLimit learns how many queued encodings the platform accepts. The effective target starts
// at the wanted one. It shrinks to the number that was queued when the platform says again and
// again that its queue is full (error 8004), and grows back slowly.
type queueLimit struct {
	wanted     int
	effective  int
	fullUntil  time.Time // no start before
	refusals   int       // in a row
	refuseTime time.Time // of the latest of them
	acceptTime time.Time // when the latest accepted start began
	changeTime time.Time
	grown      bool // effective has grown since the last accepted start: one refusal shrinks it again
}

// setTarget sets the wanted target.
func (l *queueLimit) setTarget(target int) {
	if l.effective == 0 || l.effective == l.wanted || l.effective > target {
		l.effective = target
	}
	l.wanted = target
}

// noteRefused records that a start was refused because the queue is full, while so many
// encodings of everybody's were known to be queued. Starts that were under way side by side
// count as one, and as none if one of them was accepted: the queue had room for that.
func (l *queueLimit) noteRefused(queued int, began, now time.Time) {
	if l.refusals > 0 && began.Before(l.refuseTime) {
		return
	}
	if !l.grown && !began.After(l.acceptTime) {
		l.fullUntil = now.Add(firstFullPause)
		return
	}
	l.refusals++
	l.refuseTime = now
	if l.refusals >= refusalsToShrink || l.grown {
		l.effective = max(1, min(queued, l.effective))
		l.changeTime, l.grown = now, false
	}
	l.fullUntil = now.Add(growingPause(firstFullPause, l.refusals, maxFullPause))
}

// noteAccepted records that a start was accepted.
func (l *queueLimit) noteAccepted(began time.Time) {
	l.refusals, l.grown, l.acceptTime = 0, false, later(l.acceptTime, began)
}

// grow raises the effective target by one for each growInterval since it changed.
func (l *queueLimit) grow(now time.Time) {
	for l.effective < l.wanted && now.Sub(l.changeTime) >= growInterval {
		l.effective++
		l.changeTime = l.changeTime.Add(growInterval)
		l.grown = true
	}
}

package dispatcher

import "time"

// growth is how long the platform must not have refused a start before the
// effective target grows by one.
const growth = time.Minute

// limit learns how many queued encodings the platform accepts. It starts at
// the wanted target, shrinks to what was accepted when the platform says its
// queue is full (8004), and grows back slowly.
type limit struct {
	wanted    int
	effective int
	fullUntil time.Time // no start before
	refused   int       // times in a row
	changed   time.Time
}

// aim sets the wanted target.
func (l *limit) aim(target int) {
	if l.effective == 0 || l.effective == l.wanted || l.effective > target {
		l.effective = target
	}
	l.wanted = target
}

// full takes note of a start refused because the queue is full, while accepted
// encodings of ours and of others were known to be queued.
func (l *limit) full(accepted int, now time.Time) {
	l.effective = max(1, min(accepted, l.effective))
	l.refused++
	wait := min(time.Second<<min(l.refused-1, 4), 10*time.Second)
	l.fullUntil, l.changed = now.Add(wait), now
}

// accepted takes note of an accepted start.
func (l *limit) accepted() { l.refused = 0 }

// target is how many queued encodings to aim for now.
func (l *limit) target(now time.Time) int {
	for l.effective < l.wanted && now.Sub(l.changed) >= growth {
		l.effective++
		l.changed = l.changed.Add(growth)
	}
	return l.effective
}

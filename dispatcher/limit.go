package dispatcher

import "time"

const (
	// growth is how long the platform must not have refused a start before the
	// effective target grows by one.
	growth = time.Minute
	// convincing is how many refusals in a row it takes to believe in a limit. One
	// alone can be a race with other people's starts.
	convincing = 3
)

// limit learns how many queued encodings the platform accepts. It starts at
// the wanted target, shrinks to what was accepted when the platform says again and
// again that its queue is full (8004), and grows back slowly.
type limit struct {
	wanted    int
	effective int
	fullUntil time.Time // no start before
	refused   int       // times in a row
	changed   time.Time
	trying    bool // it has grown since the last accepted start: one refusal is enough
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
	l.refused++
	if l.refused >= convincing || l.trying {
		l.effective = max(1, min(accepted, l.effective))
		l.changed, l.trying = now, false
	}
	l.fullUntil = now.Add(min(250*time.Millisecond<<min(l.refused, 6), 10*time.Second))
}

// accepted takes note of an accepted start.
func (l *limit) accepted() { l.refused, l.trying = 0, false }

// grow takes note of how much time has passed since the target shrank.
func (l *limit) grow(now time.Time) {
	for l.effective < l.wanted && now.Sub(l.changed) >= growth {
		l.effective++
		l.changed = l.changed.Add(growth)
		l.trying = true
	}
}

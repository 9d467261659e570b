package simulator

import (
	"time"
)

// schedule decides what happens to encodings and when. It is a discrete-event simulation: every
// call, and one timer for the next event, advance it to the present. Events take place at
// their own time, not when a call or the timer advances the simulation. So the outcome does
// not depend on how often clients call.
type schedule struct {
	config    *Simulator // only its exported fields are read
	ids       *identifiers
	encodings *encodingTable
	stats     *counters
	changed   func()          // called after each transition
	runEnded  func(*encoding) // called when a run has ended, before changed

	moment           time.Time // of the latest event or call
	events           priorityQueue[event]
	queue            priorityQueue[queueEntry] // encodings that wait for an encoder
	pendingTemplates int                       // templates whose encodings are still being set up
}

// event is something that happens to an encoding without a call.
type event struct {
	at    time.Time
	order int64
	enc   *encoding
	epoch int
	do    func(*encoding)
}

// queueEntry is the place of an encoding in the queue.
type queueEntry struct {
	priority int
	order    int64
	enc      *encoding
	epoch    int
}

func newSchedule(s *Simulator) *schedule {
	c := &schedule{
		config: s, ids: s.ids, encodings: s.encodings, stats: &s.stats,
		changed: s.wake, runEnded: s.runEnded, moment: s.now(),
	}
	c.events.before = func(a, b event) bool {
		if !a.at.Equal(b.at) {
			return a.at.Before(b.at)
		}
		return a.order < b.order
	}
	c.queue.before = func(a, b queueEntry) bool {
		if a.priority != b.priority {
			return a.priority > b.priority
		}
		return a.order < b.order
	}
	return c
}

// after schedules do for enc in d. do does not run if the epoch of enc has changed by then.
func (c *schedule) after(d time.Duration, enc *encoding, do func(*encoding)) {
	c.events.push(event{c.moment.Add(d), c.ids.nextOrder(), enc, enc.epoch, do})
}

// next returns the time of the next event, and false if there is none.
func (c *schedule) next() (time.Time, bool) {
	if len(c.events.items) == 0 {
		return time.Time{}, false
	}
	return c.events.items[0].at, true
}

// advance moves the simulation to now.
func (c *schedule) advance(now time.Time) {
	for at, ok := c.next(); ok && !at.After(now); at, ok = c.next() {
		e := c.events.pop()
		c.addEncoderTime(e.at)
		if e.epoch == e.enc.epoch {
			e.do(e.enc)
			c.assign()
		}
	}
	c.addEncoderTime(now)
}

// assign gives free encoders to the first encodings of the queue.
func (c *schedule) assign() {
	for c.encodings.count(Running) < c.config.encoders() && len(c.queue.items) > 0 {
		if entry := c.queue.pop(); entry.epoch == entry.enc.epoch {
			c.run(entry.enc)
		}
	}
}

// addEncoderTime moves the moment to at, and adds the busy and idle encoder time since the
// moment before.
func (c *schedule) addEncoderTime(at time.Time) {
	passed := at.Sub(c.moment)
	if passed <= 0 {
		return
	}
	c.moment = at
	if c.stats.firstStart.IsZero() {
		return
	}
	running := c.encodings.count(Running)
	idle := time.Duration(c.config.encoders()-running) * passed
	c.stats.busy += time.Duration(running) * passed
	if c.encodings.count(Queued) > 0 {
		c.stats.idleQueued += idle
	} else {
		c.stats.idleEmpty += idle
	}
}

// queued counts encodings that are QUEUED or about to be: starts from templates hold their
// places while they are being set up.
func (c *schedule) queued() int { return c.encodings.count(Queued) + c.pendingTemplates }

// idle reports whether nothing is queued, running or being set up.
func (c *schedule) idle() bool { return c.queued()+c.encodings.count(Running) == 0 }

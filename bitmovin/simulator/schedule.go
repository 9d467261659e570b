package simulator

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// The simulator is a discrete-event simulation that is moved forward lazily:
// every call, and one timer for the next event, advance it to the present.
// Events take place at their own time, not at the time they are noticed, so
// the outcome does not depend on how often anybody looks.

// event is something that happens to an encoding by itself.
type event struct {
	at    time.Time
	order int64
	enc   *encoding
	epoch int
	do    func(*Simulator, *encoding)
}

// turn is an encoding's place in the line for an encoder.
type turn struct {
	priority int
	order    int64
	enc      *encoding
	epoch    int
}

// after schedules do for enc unless the encoding changes before.
func (s *Simulator) after(d time.Duration, enc *encoding, do func(*Simulator, *encoding)) {
	s.events.push(event{s.moment.Add(d), s.nextOrder(), enc, enc.epoch, do})
}

// advance moves the simulation to now.
func (s *Simulator) advance(now time.Time) {
	for len(s.events.items) > 0 && !s.events.items[0].at.After(now) {
		e := s.events.pop()
		s.account(e.at)
		if e.epoch == e.enc.epoch {
			e.do(s, e.enc)
			s.assign()
		}
	}
	s.account(now)
}

// settle assigns encoders after a call's effect, lets everything happen that
// is due at once, and sets the timer for the next event; a clock of its own has
// none. The caller unlocks.
func (s *Simulator) settle(now time.Time) {
	s.assign()
	s.advance(now)
	if s.closed || len(s.events.items) == 0 || s.Clock != nil {
		return
	}
	wait := max(0, s.events.items[0].at.Sub(now))
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, s.tick)
		return
	}
	s.timer.Reset(wait)
}

func (s *Simulator) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	now := s.now()
	s.advance(now)
	s.settle(now)
}

// assign gives free encoders to whoever is first in line.
func (s *Simulator) assign() {
	for len(s.byStatus[Running]) < s.encoders() && len(s.ready.items) > 0 {
		t := s.ready.pop()
		if t.epoch == t.enc.epoch {
			s.runEncoding(t.enc)
		}
	}
}

// queue makes a start that has passed all checks take effect.
func (s *Simulator) queue(enc *encoding) {
	enc.run++
	enc.queuedAt, enc.runningAt, enc.finishedAt = s.moment, time.Time{}, time.Time{}
	enc.messages, enc.stopAt = nil, time.Time{}
	enc.outcome, enc.duration = s.plan(enc)
	enc.turnOrder = s.nextOrder()
	s.starts[enc.id] = append(s.starts[enc.id], s.moment)
	s.stats.started(s.moment)
	s.setStatus(enc, Queued)
	s.wake()
	s.lineUp(enc)
}

// lineUp makes a queued encoding wait for an encoder under its present epoch.
func (s *Simulator) lineUp(enc *encoding) {
	s.scheduleStop(enc)
	if enc.outcome.InQueue {
		left := enc.queuedAt.Add(enc.outcome.After).Sub(s.moment)
		s.after(max(0, left), enc, (*Simulator).endRun)
	}
	left := enc.queuedAt.Add(s.StartDelay).Sub(s.moment)
	if left > 0 {
		s.after(left, enc, (*Simulator).takeTurn)
		return
	}
	s.takeTurn(enc)
}

func (s *Simulator) takeTurn(enc *encoding) {
	s.ready.push(turn{enc.priority, enc.turnOrder, enc, enc.epoch})
}

func (s *Simulator) runEncoding(enc *encoding) {
	enc.runningAt = s.moment
	s.setStatus(enc, Running)
	s.wake()
	end := enc.duration
	if !enc.outcome.InQueue && enc.outcome.After > 0 {
		end = enc.outcome.After
	}
	s.after(end, enc, (*Simulator).endRun)
	s.scheduleStop(enc)
}

// scheduleStop repeats the event of an accepted stop in a new epoch.
func (s *Simulator) scheduleStop(enc *encoding) {
	if !enc.stopAt.IsZero() {
		s.after(max(0, enc.stopAt.Sub(s.moment)), enc, (*Simulator).cancelRun)
	}
}

func (s *Simulator) endRun(enc *encoding) {
	if enc.outcome.InQueue && enc.status == Running { // the encoder came first
		enc.outcome = Outcome{Status: Finished}
	}
	s.finish(enc, cmp.Or(enc.outcome.Status, Finished), enc.outcome.Messages)
}

func (s *Simulator) cancelRun(enc *encoding) {
	enc.outcome = Outcome{Status: Canceled}
	s.finish(enc, Canceled, nil)
}

// finish ends a run.
func (s *Simulator) finish(enc *encoding, status Status, messages []Message) {
	enc.finishedAt, enc.stopAt = s.moment, time.Time{}
	for i, m := range messages {
		m.ID = cmp.Or(m.ID, derivedID(enc.id, "message", s.moment.String(), m.Text, string(rune('0'+i))))
		m.Type = cmp.Or(m.Type, "ERROR")
		if m.Date.IsZero() {
			m.Date = s.moment
		}
		enc.messages = append(enc.messages, m)
	}
	for _, id := range enc.manifests {
		if m := s.resources[id]; m != nil {
			m.status = status
		}
	}
	s.setStatus(enc, status)
	s.stats.ended(s.moment, status)
	s.notify(enc)
	s.wake()
}

// setStatus is the only place where a status changes. The caller wakes waiters
// when all that belongs to the change is done.
func (s *Simulator) setStatus(enc *encoding, status Status) {
	delete(s.byStatus[enc.status], enc)
	enc.status = status
	enc.modifiedAt = s.moment
	enc.epoch++
	s.byStatus[status][enc] = struct{}{}
	s.stats.maxQueued = max(s.stats.maxQueued, len(s.byStatus[Queued]))
	s.stats.maxRunning = max(s.stats.maxRunning, len(s.byStatus[Running]))
}

// plan decides how and when a run will end.
func (s *Simulator) plan(enc *encoding) (Outcome, time.Duration) {
	duration := cmp.Or(s.Duration, defaultDuration)
	var snapshot Encoding
	if s.EncodingDuration != nil || s.Outcome != nil {
		snapshot = s.snapshot(enc)
	}
	if s.EncodingDuration != nil {
		if d := s.EncodingDuration(snapshot); d > 0 {
			duration = d
		}
	}
	if s.Outcome != nil {
		return s.Outcome(snapshot, enc.run), duration
	}
	if s.FailRate <= 0 || s.chance("fail", enc.name, itoa(enc.ordinal), itoa(enc.run)) >= s.FailRate {
		return Outcome{}, duration
	}
	failure := simulatedFailure()
	return Outcome{
		Status:   Error,
		Error:    &failure,
		Messages: []Message{{Text: failure.Text}},
		After:    max(1, duration/2),
	}, duration
}

// sorted returns the encodings in a status, the newest first.
func (s *Simulator) sorted(status Status) []*encoding {
	return slices.SortedFunc(maps.Keys(s.byStatus[status]), func(a, b *encoding) int {
		return cmp.Compare(b.order, a.order)
	})
}

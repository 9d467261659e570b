package simulator

import (
	"cmp"
	"time"
)

// create adds an encoding, which must have an id, in status CREATED.
func (c *schedule) create(enc *encoding) {
	enc.createdAt, enc.order = c.moment, c.ids.nextOrder()
	c.encodings.insert(enc)
	c.setStatus(enc, Created)
}

// start queues an encoding whose start has passed all checks.
func (c *schedule) start(enc *encoding) {
	enc.run++
	enc.queuedAt, enc.runningAt, enc.finishedAt = c.moment, time.Time{}, time.Time{}
	enc.messages, enc.stopAt = nil, time.Time{}
	enc.outcome, enc.duration = c.chooseOutcome(enc)
	enc.queueOrder = c.ids.nextOrder()
	enc.starts = append(enc.starts, c.moment)
	c.stats.started(c.moment)
	c.setStatus(enc, Queued)
	c.changed()
	c.waitForEncoder(enc)
}

// reprioritize gives a queued encoding another priority. Encodings of the same priority stay in
// the order of their starts.
func (c *schedule) reprioritize(enc *encoding, priority int) {
	enc.priority = priority
	enc.modifiedAt = c.moment
	enc.epoch++ // the queue entry and the events so far are void
	c.waitForEncoder(enc)
}

// waitForEncoder schedules, under the present epoch, what can happen to a queued encoding: an
// accepted stop, the end in the queue, and its turn for an encoder.
func (c *schedule) waitForEncoder(enc *encoding) {
	c.scheduleStop(enc)
	if enc.outcome.InQueue {
		left := enc.queuedAt.Add(enc.outcome.After).Sub(c.moment)
		c.after(max(0, left), enc, c.endRun)
	}
	left := enc.queuedAt.Add(c.config.StartDelay).Sub(c.moment)
	if left > 0 {
		c.after(left, enc, c.enqueue)
		return
	}
	c.enqueue(enc)
}

func (c *schedule) enqueue(enc *encoding) {
	c.queue.push(queueEntry{enc.priority, enc.queueOrder, enc, enc.epoch})
}

// run gives an encoder to a queued encoding.
func (c *schedule) run(enc *encoding) {
	enc.runningAt = c.moment
	c.setStatus(enc, Running)
	c.changed()
	end := enc.duration
	if !enc.outcome.InQueue && enc.outcome.After > 0 {
		end = enc.outcome.After
	}
	c.after(end, enc, c.endRun)
	c.scheduleStop(enc)
}

// stop cancels a queued or running encoding, now or after StopDelay. A second stop changes
// nothing.
func (c *schedule) stop(enc *encoding) {
	if enc.stopAt.IsZero() {
		enc.stopAt = c.moment.Add(max(0, c.config.StopDelay))
		c.scheduleStop(enc)
	}
	if c.config.StopDelay <= 0 {
		c.cancelRun(enc)
	}
}

// scheduleStop schedules an accepted stop, if there is one, under the present epoch.
func (c *schedule) scheduleStop(enc *encoding) {
	if !enc.stopAt.IsZero() {
		c.after(max(0, enc.stopAt.Sub(c.moment)), enc, c.cancelRun)
	}
}

func (c *schedule) cancelRun(enc *encoding) {
	enc.outcome = Outcome{Status: Canceled}
	c.finish(enc, Canceled, nil)
}

func (c *schedule) endRun(enc *encoding) {
	if enc.outcome.InQueue && enc.status == Running { // an encoder was free before Outcome.After had passed
		enc.outcome = Outcome{Status: Finished}
	}
	c.finish(enc, cmp.Or(enc.outcome.Status, Finished), enc.outcome.Messages)
}

// finish ends a run.
func (c *schedule) finish(enc *encoding, status Status, messages []Message) {
	enc.finishedAt, enc.stopAt = c.moment, time.Time{}
	for i, m := range messages {
		m.ID = cmp.Or(m.ID, derivedID(enc.id, "message", c.moment.String(), m.Text, string(rune('0'+i))))
		m.Type = cmp.Or(m.Type, "ERROR")
		if m.Date.IsZero() {
			m.Date = c.moment
		}
		enc.messages = append(enc.messages, m)
	}
	c.setStatus(enc, status)
	c.stats.ended(c.moment, status)
	c.runEnded(enc)
	c.changed()
}

// setStatus changes a status; nothing else does. The caller calls changed once the rest of the
// encoding has changed too.
func (c *schedule) setStatus(enc *encoding, status Status) {
	c.encodings.setStatus(enc, status)
	enc.modifiedAt = c.moment
	c.stats.maxQueued = max(c.stats.maxQueued, c.encodings.count(Queued))
	c.stats.maxRunning = max(c.stats.maxRunning, c.encodings.count(Running))
}

// chooseOutcome decides how a run will end, and how long it takes.
func (c *schedule) chooseOutcome(enc *encoding) (Outcome, time.Duration) {
	s := c.config
	duration := cmp.Or(s.Duration, defaultDuration)
	var snapshot Encoding
	if s.EncodingDuration != nil || s.Outcome != nil {
		snapshot = enc.snapshot(c.moment)
	}
	if s.EncodingDuration != nil {
		if d := s.EncodingDuration(snapshot); d > 0 {
			duration = d
		}
	}
	if s.Outcome != nil {
		return s.Outcome(snapshot, enc.run), duration
	}
	if s.FailRate <= 0 || c.ids.chance("fail", enc.name, itoa(enc.ordinal), itoa(enc.run)) >= s.FailRate {
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

// runEnded gives the manifests of an encoding the status in which its run ended, and queues the
// webhook deliveries about the end.
func (s *Simulator) runEnded(enc *encoding) {
	for _, id := range enc.manifests {
		if m := s.resources.byID[id]; m != nil {
			m.status = enc.status
		}
	}
	s.notify(enc)
}

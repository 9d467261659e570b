package simulator

import (
	"encoding/json"
	"slices"
)

// Restore adds encodings as [Simulator.Encodings] of another simulator showed them: with their ids, statuses and
// accepted starts. So a test continues where an earlier process has ended. Those that are RUNNING begin anew, those
// that are QUEUED are queued in the order of the slice. The ledger does not have their calls, and manifests,
// templates and parts other than streams and muxings are not restored.
func (s *Simulator) Restore(encodings []Encoding) {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advanceToNow()
	for _, e := range encodings {
		enc := &encoding{
			id: e.ID, name: e.Name, description: e.Description, labels: slices.Clone(e.Labels), cloudRegion: e.CloudRegion,
			encoderVersion: "STABLE", key: e.Key, fromTemplate: e.Template, priority: e.Priority,
			createdAt: e.CreatedAt, queuedAt: e.QueuedAt, runningAt: e.RunningAt, finishedAt: e.FinishedAt,
			starts: slices.Clone(e.Starts), run: len(e.Starts), startBody: slices.Clone(e.StartRequest),
		}
		for _, stream := range e.Streams {
			enc.streams = append(enc.streams, &resource{id: stream.ID, kind: s.known.stream, created: e.CreatedAt, fields: storedFields(stream)})
		}
		for _, m := range e.Muxings {
			at := slices.IndexFunc(s.known.muxings, func(k *kind) bool { return k.typ == m.Type })
			if at < 0 {
				continue // unknown: nobody asks for it
			}
			enc.muxings = append(enc.muxings, &resource{id: m.ID, kind: s.known.muxings[at], created: e.CreatedAt, fields: storedFields(m)})
		}
		s.schedule.restore(enc, e.Status)
	}
	s.proceed(s.now())
}

// storedFields is the stored object of a stream or muxing.
func storedFields(part any) json.RawMessage {
	fields, err := json.Marshal(part)
	if err != nil {
		panic(err) // both are plain values
	}
	return fields
}

// restore adds an encoding in the status in which it was.
func (c *schedule) restore(enc *encoding, status Status) {
	enc.order = c.ids.nextOrder()
	c.encodings.insert(enc)
	if status != Queued && status != Running {
		c.setStatus(enc, status)
		return
	}
	enc.outcome, enc.duration = c.chooseOutcome(enc)
	enc.queueOrder = c.ids.nextOrder()
	c.setStatus(enc, Queued)
	if status == Running {
		c.run(enc)
		return
	}
	c.waitForEncoder(enc)
}

package simulator

import (
	"encoding/json"
	"slices"
	"time"
)

// Encodings returns a snapshot of every encoding that has not been deleted, in order of
// creation.
func (s *Simulator) Encodings() []Encoding {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advanceToNow()
	all := make([]Encoding, 0, len(s.encodings.created)-s.encodings.deleted)
	for _, enc := range s.encodings.created {
		if !enc.deleted {
			all = append(all, s.snapshot(enc))
		}
	}
	return all
}

// FindEncoding returns a snapshot of one encoding, also after its deletion.
func (s *Simulator) FindEncoding(id string) (Encoding, bool) {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advanceToNow()
	enc := s.encodings.byID[id]
	if enc == nil {
		return Encoding{}, false
	}
	return s.snapshot(enc), true
}

// Starts returns the times of all accepted starts of an encoding in order, also after its
// deletion.
func (s *Simulator) Starts(encodingID string) []time.Time {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advanceToNow()
	if enc := s.encodings.byID[encodingID]; enc != nil {
		return slices.Clone(enc.starts)
	}
	return nil
}

// Resources returns a snapshot of all inputs, outputs, codec configurations and manifests, in
// order of creation.
func (s *Simulator) Resources() []Resource {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advanceToNow()
	all := make([]Resource, 0, len(s.resources.byID))
	for _, r := range s.resources.all() {
		all = append(all, r.snapshot())
	}
	return all
}

// FindResource returns a snapshot of one input, output, codec configuration or manifest.
func (s *Simulator) FindResource(id string) (Resource, bool) {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.resources.byID[id]
	if r == nil {
		return Resource{}, false
	}
	return r.snapshot(), true
}

func (r *resource) snapshot() Resource {
	return Resource{ID: r.id, Type: r.kind.typ, Kind: r.kind.path, Fields: r.render()}
}

// snapshot is an encoding as it is at the moment, with its parts.
func (s *Simulator) snapshot(enc *encoding) Encoding {
	snap := enc.snapshot(s.schedule.moment)
	for _, p := range s.parts[enc.id] {
		snap.Parts = append(snap.Parts, p.snapshot())
	}
	return snap
}

func (enc *encoding) snapshot(moment time.Time) Encoding {
	snap := Encoding{
		ID: enc.id, Name: enc.name, Description: enc.description,
		Labels: slices.Clone(enc.labels), CloudRegion: enc.cloudRegion,
		Status: enc.status, Deleted: enc.deleted, Priority: enc.priority,
		Progress: enc.progress(moment), Key: enc.key, Template: enc.fromTemplate,
		CreatedAt: enc.createdAt, QueuedAt: enc.queuedAt,
		RunningAt: enc.runningAt, FinishedAt: enc.finishedAt,
		Starts:       slices.Clone(enc.starts),
		StartRequest: slices.Clone(enc.startBody),
		Manifests:    slices.Clone(enc.manifests),
	}
	for _, r := range enc.streams {
		stream := Stream{ID: r.id}
		decodeStored(r.fields, &stream)
		snap.Streams = append(snap.Streams, stream)
	}
	for _, r := range enc.muxings {
		muxing := Muxing{ID: r.id, Type: r.kind.typ}
		decodeStored(r.fields, &muxing)
		snap.Muxings = append(snap.Muxings, muxing)
	}
	return snap
}

// decodeStored decodes a stored object. The fields that a checker knows have the right types.
// But encoding/json also matches fields in another case, such as NAME, whose types nobody has
// checked. A field of a wrong type is skipped.
func decodeStored(stored json.RawMessage, into any) {
	_ = json.Unmarshal(stored, into)
}

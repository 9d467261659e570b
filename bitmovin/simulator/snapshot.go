package simulator

import (
	"encoding/json"
	"slices"
	"time"
)

// Encodings returns a snapshot of every encoding that was created, in order of
// creation, deleted ones left out.
func (s *Simulator) Encodings() []Encoding {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.present()
	all := make([]Encoding, 0, len(s.created)-s.deleted)
	for _, enc := range s.created {
		if !enc.deleted {
			all = append(all, s.snapshot(enc))
		}
	}
	return all
}

// Encoding returns a snapshot of one encoding, also after its deletion.
func (s *Simulator) Encoding(id string) (Encoding, bool) {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.present()
	enc := s.encodings[id]
	if enc == nil {
		return Encoding{}, false
	}
	return s.snapshot(enc), true
}

// Starts returns the times of all accepted starts of an encoding, those from
// before its deletion included, the first one first.
func (s *Simulator) Starts(encodingID string) []time.Time {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.present()
	return slices.Clone(s.starts[encodingID])
}

// Resources returns all inputs, outputs, codec configurations and manifests in
// order of creation.
func (s *Simulator) Resources() []Resource {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.present()
	sorted := make([]*resource, 0, len(s.resources))
	for _, r := range s.resources {
		sorted = append(sorted, r)
	}
	slices.SortFunc(sorted, byCreation)
	all := make([]Resource, len(sorted))
	for i, r := range sorted {
		all[i] = r.snapshot()
	}
	return all
}

// Resource returns one input, output, codec configuration or manifest.
func (s *Simulator) Resource(id string) (Resource, bool) {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.resources[id]
	if r == nil {
		return Resource{}, false
	}
	return r.snapshot(), true
}

func (r *resource) snapshot() Resource {
	return Resource{ID: r.id, Type: r.kind.typ, Kind: r.kind.path, Fields: r.render()}
}

func (s *Simulator) snapshot(enc *encoding) Encoding {
	snap := Encoding{
		ID: enc.id, Name: enc.name, Description: enc.description,
		Labels: slices.Clone(enc.labels), CloudRegion: enc.cloudRegion,
		Status: enc.status, Deleted: enc.deleted, Priority: enc.priority,
		Progress: s.progress(enc), Key: enc.key, Template: enc.fromTemplate,
		CreatedAt: enc.createdAt, QueuedAt: enc.queuedAt,
		RunningAt: enc.runningAt, FinishedAt: enc.finishedAt,
		Starts:       slices.Clone(s.starts[enc.id]),
		StartRequest: slices.Clone(enc.startBody),
		Manifests:    slices.Clone(enc.manifests),
	}
	for _, r := range enc.streams {
		stream := Stream{ID: r.id}
		peek(r.fields, &stream)
		snap.Streams = append(snap.Streams, stream)
	}
	for _, r := range enc.muxings {
		muxing := Muxing{ID: r.id, Type: r.kind.typ}
		peek(r.fields, &muxing)
		snap.Muxings = append(snap.Muxings, muxing)
	}
	return snap
}

// peek reads what it can of a stored object. Validation has seen to the fields
// it knows; encoding/json also takes fields in another case for them ("NAME"),
// whose types nobody has checked and which are skipped here.
func peek(stored json.RawMessage, into any) {
	_ = json.Unmarshal(stored, into)
}

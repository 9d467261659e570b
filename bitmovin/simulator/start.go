package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

const defaultPriority = 50

// startRequest is the part of a start's body that the simulator understands.
type startRequest struct {
	Scheduling struct {
		Priority *int `json:"priority"`
	} `json:"scheduling"`
	EncodingMode      string        `json:"encodingMode"`
	ManifestGenerator string        `json:"manifestGenerator"`
	DASH              []manifestRef `json:"vodDashManifests"`
	HLS               []manifestRef `json:"vodHlsManifests"`
	PreviewDASH       []manifestRef `json:"previewDashManifests"`
	PreviewHLS        []manifestRef `json:"previewHlsManifests"`
}

type manifestRef struct {
	ManifestID string `json:"manifestId"`
}

// startEncoding queues an encoding. That is possible in CREATED and, as all
// official batch programs rely on, in ERROR.
func startEncoding(s *Simulator, c *call) (any, error) {
	return onEncoding(func(s *Simulator, c *call, enc *encoding) (any, error) {
		if enc.template != nil || enc.status != Created && enc.status != Error {
			if s.TakeAnyStart {
				s.starts[enc.id] = append(s.starts[enc.id], s.moment)
				return idOnly(enc.id), nil
			}
			return nil, wrongState(enc, "started")
		}
		if len(enc.streams) == 0 || len(enc.muxings) == 0 {
			return nil, &apiError{
				status: http.StatusBadRequest, code: CodeInvalid,
				message: fmt.Sprintf("encoding %s needs at least one stream and one muxing", enc.id),
			}
		}
		var request startRequest
		if err := c.optional(&request); err != nil {
			return nil, err
		}
		if err := s.checkStart(request); err != nil {
			return nil, err
		}
		if s.queueIsFull() {
			return nil, s.queueFull()
		}
		s.applyStart(enc, request, c.body)
		return idOnly(enc.id), nil
	})(s, c)
}

// checkStart reports what is wrong with a start's body.
func (s *Simulator) checkStart(request startRequest) error {
	check := &checker{s: s}
	if p := request.Scheduling.Priority; p != nil && (*p < 0 || *p > 100) {
		check.complain("scheduling.priority", "must be between 0 and 100")
	}
	modes := []string{"", "STANDARD", "SINGLE_PASS", "TWO_PASS", "THREE_PASS", "SMART_PASS"}
	if !slices.Contains(modes, request.EncodingMode) {
		check.complain("encodingMode", "must be one of %v", modes[1:])
	}
	if g := request.ManifestGenerator; g != "" && g != "LEGACY" && g != "V2" {
		check.complain("manifestGenerator", "must be LEGACY or V2")
	}
	for _, list := range []struct {
		field, typ string
		refs       []manifestRef
	}{
		{"vodDashManifests", "DASH", request.DASH},
		{"vodHlsManifests", "HLS", request.HLS},
		{"previewDashManifests", "DASH", request.PreviewDASH},
		{"previewHlsManifests", "HLS", request.PreviewHLS},
	} {
		for i, ref := range list.refs {
			field := fmt.Sprintf("%s[%d].manifestId", list.field, i)
			r := check.resource(s.known.manifests, field, ref.ManifestID)
			if r != nil && r.kind.typ != list.typ {
				check.complain(field, "names a %s manifest", r.kind.typ)
			}
		}
	}
	return check.err()
}

// applyStart queues an encoding whose start has passed all checks.
func (s *Simulator) applyStart(enc *encoding, request startRequest, body []byte) {
	enc.startBody = nil
	if b := bytes.TrimSpace(body); len(b) > 0 && !bytes.Equal(b, []byte("null")) {
		enc.startBody = json.RawMessage(b)
	}
	enc.priority = defaultPriority
	if request.Scheduling.Priority != nil {
		enc.priority = *request.Scheduling.Priority
	}
	enc.manifests = nil
	for _, ref := range slices.Concat(request.DASH, request.HLS) {
		enc.manifests = append(enc.manifests, ref.ManifestID)
		s.resources[ref.ManifestID].status = Queued
	}
	s.queue(enc)
}

// stopEncoding cancels a queued or running encoding, now or after StopDelay.
// A second stop while the first is on its way is fine.
func stopEncoding(s *Simulator, c *call) (any, error) {
	return onEncoding(func(s *Simulator, _ *call, enc *encoding) (any, error) {
		if enc.status != Queued && enc.status != Running {
			return nil, wrongState(enc, "stopped")
		}
		if enc.stopAt.IsZero() {
			enc.stopAt = s.moment.Add(max(0, s.StopDelay))
			s.scheduleStop(enc)
		}
		if s.StopDelay <= 0 {
			s.cancelRun(enc)
		}
		return idOnly(enc.id), nil
	})(s, c)
}

// reprioritizeEncoding moves a queued encoding in the line; among equals it
// keeps the place of its start.
func reprioritizeEncoding(s *Simulator, c *call) (any, error) {
	return onEncoding(func(s *Simulator, c *call, enc *encoding) (any, error) {
		var body struct {
			Priority *int `json:"priority"`
		}
		if err := c.optional(&body); err != nil {
			return nil, err
		}
		if body.Priority == nil || *body.Priority < 0 || *body.Priority > 100 {
			return nil, invalid("priority is required and must be between 0 and 100")
		}
		if enc.status != Queued {
			return nil, wrongState(enc, "reprioritized")
		}
		enc.priority = *body.Priority
		enc.modifiedAt = s.moment
		enc.epoch++ // its turn and events so far are void
		s.lineUp(enc)
		return idOnly(enc.id), nil
	})(s, c)
}

// elapsed returns how much of a run has passed, from 0 to 1.
func (s *Simulator) elapsed(enc *encoding) float64 {
	if enc.runningAt.IsZero() {
		return 0
	}
	end := s.moment
	if !enc.finishedAt.IsZero() {
		end = enc.finishedAt
	}
	return min(1, float64(end.Sub(enc.runningAt))/float64(max(1, enc.duration)))
}

// progress is in percent; 100 only when the run has finished.
func (s *Simulator) progress(enc *encoding) int {
	switch enc.status {
	case Finished, TransferError:
		return 100
	case Running:
		return min(99, int(100*s.elapsed(enc)))
	case Error, Canceled:
		return int(100 * s.elapsed(enc))
	}
	return 0
}

// eta is the time a running encoding still needs.
func (s *Simulator) eta(enc *encoding) time.Duration {
	return max(0, enc.runningAt.Add(enc.duration).Sub(s.moment))
}

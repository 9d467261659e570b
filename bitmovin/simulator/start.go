package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

const defaultPriority = 50

// startRequest holds the fields of a start that the simulator understands.
type startRequest struct {
	Scheduling struct {
		Priority *int `json:"priority"`
	} `json:"scheduling"`
	EncodingMode      string        `json:"encodingMode"`
	ManifestGenerator string        `json:"manifestGenerator"`
	DASH              []manifestRef `json:"vodDashManifests"`
	HLS               []manifestRef `json:"vodHlsManifests"`
	Smooth            []manifestRef `json:"vodSmoothManifests"`
	PreviewDASH       []manifestRef `json:"previewDashManifests"`
	PreviewHLS        []manifestRef `json:"previewHlsManifests"`

	PerTitle map[string]json.RawMessage `json:"perTitle"`
}

type manifestRef struct {
	ManifestID string `json:"manifestId"`
}

// startEncoding queues an encoding in status CREATED or ERROR. All official batch programs
// start an encoding in ERROR again.
func startEncoding(s *Simulator, c *call) (any, error) {
	return onEncoding(func(s *Simulator, c *call, enc *encoding) (any, error) {
		if enc.template != nil || enc.status != Created && enc.status != Error {
			if s.TakeAnyStart {
				enc.starts = append(enc.starts, s.schedule.moment)
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
		if err := checkStart(s, request); err != nil {
			return nil, err
		}
		if err := checkPackaging(s, enc.streams, enc.muxings, request); err != nil {
			return nil, err
		}
		if s.queueIsFull() {
			return nil, s.refuseFullQueue()
		}
		applyStart(s, enc, request, c.body)
		return idOnly(enc.id), nil
	})(s, c)
}

// checkStart returns everything that is wrong with the body of a start as one error, or nil.
func checkStart(s *Simulator, request startRequest) error {
	check := &checker{s: s}
	if p := request.Scheduling.Priority; p != nil && (*p < 0 || *p > 100) {
		check.addError("scheduling.priority", "must be between 0 and 100")
	}
	if mode := request.EncodingMode; mode != "" && !slices.Contains(encodingModes, mode) {
		check.addError("encodingMode", "must be one of %v", encodingModes)
	}
	if g := request.ManifestGenerator; g != "" && g != "LEGACY" && g != "V2" {
		check.addError("manifestGenerator", "must be LEGACY or V2")
	}
	for _, list := range []struct {
		field, typ string
		refs       []manifestRef
	}{
		{"vodDashManifests", "DASH", request.DASH},
		{"vodHlsManifests", "HLS", request.HLS},
		{"vodSmoothManifests", "SMOOTH_STREAMING", request.Smooth},
		{"previewDashManifests", "DASH", request.PreviewDASH},
		{"previewHlsManifests", "HLS", request.PreviewHLS},
	} {
		for i, ref := range list.refs {
			field := fmt.Sprintf("%s[%d].manifestId", list.field, i)
			r := check.findResource(s.known.manifests, field, ref.ManifestID)
			if r != nil && r.kind.typ != list.typ {
				check.addError(field, "names a %s manifest", r.kind.typ)
			}
		}
	}
	return check.err()
}

// applyStart queues an encoding whose start has passed all checks.
func applyStart(s *Simulator, enc *encoding, request startRequest, body []byte) {
	enc.startBody = nil
	if b := bytes.TrimSpace(body); len(b) > 0 && !bytes.Equal(b, []byte("null")) {
		enc.startBody = json.RawMessage(b)
	}
	enc.priority = defaultPriority
	if request.Scheduling.Priority != nil {
		enc.priority = *request.Scheduling.Priority
	}
	enc.manifests = nil
	for _, ref := range slices.Concat(request.DASH, request.HLS, request.Smooth) {
		enc.manifests = append(enc.manifests, ref.ManifestID)
		s.resources.byID[ref.ManifestID].status = Queued
	}
	s.schedule.start(enc)
}

// stopEncoding cancels a queued or running encoding, now or after StopDelay. A second stop
// before the first has taken effect succeeds.
func stopEncoding(s *Simulator, c *call) (any, error) {
	return onEncoding(func(s *Simulator, _ *call, enc *encoding) (any, error) {
		if enc.status != Queued && enc.status != Running {
			return nil, wrongState(enc, "stopped")
		}
		s.schedule.stop(enc)
		return idOnly(enc.id), nil
	})(s, c)
}

// reprioritizeEncoding moves a queued encoding in the queue.
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
		s.schedule.reprioritize(enc, *body.Priority)
		return idOnly(enc.id), nil
	})(s, c)
}

package simulator

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// encodingBody is what a client may say about a new encoding.
type encodingBody struct {
	Name                 string                     `json:"name"`
	Description          string                     `json:"description"`
	Labels               []string                   `json:"labels"`
	CloudRegion          string                     `json:"cloudRegion"`
	FallbackCloudRegions []string                   `json:"fallbackCloudRegions"`
	EncoderVersion       string                     `json:"encoderVersion"`
	Infrastructure       json.RawMessage            `json:"infrastructure"`
	CustomData           map[string]json.RawMessage `json:"customData"`
}

// encodingView is an encoding as the API shows it.
type encodingView struct {
	ID             string          `json:"id"`
	Name           string          `json:"name"`
	Description    string          `json:"description,omitempty"`
	Type           string          `json:"type"`
	Status         Status          `json:"status"`
	Progress       int             `json:"progress"`
	Labels         []string        `json:"labels"`
	CreatedAt      string          `json:"createdAt"`
	ModifiedAt     string          `json:"modifiedAt"`
	StartedAt      string          `json:"startedAt,omitempty"`
	QueuedAt       string          `json:"queuedAt,omitempty"`
	RunningAt      string          `json:"runningAt,omitempty"`
	FinishedAt     string          `json:"finishedAt,omitempty"`
	ErrorAt        string          `json:"errorAt,omitempty"`
	CloudRegion    string          `json:"cloudRegion"`
	Fallbacks      []string        `json:"fallbackCloudRegions,omitempty"`
	EncoderVersion string          `json:"encoderVersion"`
	Infrastructure json.RawMessage `json:"infrastructure,omitempty"`

	SelectedRegion  string `json:"selectedCloudRegion,omitempty"`
	SelectedVersion string `json:"selectedEncoderVersion,omitempty"`
	SelectedMode    string `json:"selectedEncodingMode,omitempty"`
}

func encodingRoutes() []route {
	const base, one = "/encoding/encodings", "/encoding/encodings/{id}"
	start := post(one+"/start", groupStart, startEncoding)
	stop := post(one+"/stop", groupEncoding, stopEncoding)
	reprioritize := post(one+"/reprioritize", groupEncoding, reprioritizeEncoding)
	start.status, stop.status, reprioritize.status = http.StatusOK, http.StatusOK, http.StatusOK
	return []route{
		post(base, groupEncodings, createEncoding),
		get(base, groupEncodings, listEncodings),
		get(one, groupEncoding, onEncoding(func(s *Simulator, _ *call, enc *encoding) (any, error) {
			return s.view(enc), nil
		})),
		remove(one, groupEncoding, onEncoding(deleteEncoding)),
		start,
		get(one+"/start", groupStart, onEncoding(func(_ *Simulator, _ *call, enc *encoding) (any, error) {
			if enc.startBody == nil {
				return struct{}{}, nil
			}
			return enc.startBody, nil
		})),
		stop,
		reprioritize,
		get(one+"/status", groupStatus, onEncoding(func(s *Simulator, _ *call, enc *encoding) (any, error) {
			return s.task(enc), nil
		})),
		get(one+"/customData", groupEncoding, onEncoding(func(_ *Simulator, _ *call, enc *encoding) (any, error) {
			return customData(enc.custom, enc.createdAt), nil
		})),
	}
}

// onEncoding looks up the encoding that the path names.
func onEncoding(do func(*Simulator, *call, *encoding) (any, error)) handler {
	return func(s *Simulator, c *call) (any, error) {
		enc := s.encodings[c.params["id"]]
		if enc == nil || enc.deleted {
			return nil, notFound("encoding", c.params["id"])
		}
		return do(s, c, enc)
	}
}

func createEncoding(s *Simulator, c *call) (any, error) {
	fields, err := c.object()
	if err != nil {
		return nil, err
	}
	enc, err := s.makeEncoding(fields, true)
	if err != nil {
		return nil, err
	}
	enc.id, enc.key = s.newID(), shortKey(c.key)
	s.storeEncoding(enc)
	c.encodingID = enc.id
	return s.view(enc), nil
}

// makeEncoding checks a new encoding and returns it, not yet stored.
func (s *Simulator) makeEncoding(fields map[string]json.RawMessage, named bool) (*encoding, error) {
	check := &checker{s: s, kind: new(kind), fields: fields}
	if named {
		check.require("name")
	}
	var body encodingBody
	check.read("name", &body.Name)
	check.read("description", &body.Description)
	check.read("labels", &body.Labels)
	check.read("cloudRegion", &body.CloudRegion)
	check.read("fallbackCloudRegions", &body.FallbackCloudRegions)
	check.read("encoderVersion", &body.EncoderVersion)
	check.read("infrastructure", &body.Infrastructure)
	check.read("customData", &body.CustomData)
	if len(body.FallbackCloudRegions) > 3 {
		check.complain("fallbackCloudRegions", "are at most three")
	}
	if err := check.err(); err != nil {
		return nil, err
	}
	return &encoding{
		name: body.Name, description: body.Description, labels: body.Labels,
		cloudRegion:     cmp.Or(body.CloudRegion, "AUTO"),
		fallbackRegions: body.FallbackCloudRegions,
		encoderVersion:  cmp.Or(body.EncoderVersion, "STABLE"),
		infrastructure:  body.Infrastructure,
		custom:          fields["customData"],
		priority:        defaultPriority,
	}, nil
}

// storeEncoding adds an encoding that has its id.
func (s *Simulator) storeEncoding(enc *encoding) {
	enc.createdAt, enc.order = s.moment, s.nextOrder()
	name := strings.ToLower(enc.name)
	s.byName[name] = append(s.byName[name], enc)
	enc.ordinal = len(s.byName[name])
	for _, label := range enc.labels {
		label = strings.ToLower(label)
		s.byLabel[label] = append(s.byLabel[label], enc)
	}
	s.encodings[enc.id] = enc
	s.created = append(s.created, enc)
	s.setStatus(enc, Created)
}

func deleteEncoding(s *Simulator, _ *call, enc *encoding) (any, error) {
	if enc.status == Queued || enc.status == Running || enc.template != nil {
		return nil, wrongState(enc, "deleted")
	}
	enc.deleted = true
	enc.epoch++
	delete(s.byStatus[enc.status], enc)
	if s.deleted++; s.deleted > 1000 && s.deleted > len(s.created)/2 {
		s.created = slices.DeleteFunc(s.created, func(e *encoding) bool { return e.deleted })
		s.deleted = 0
	}
	enc.streams, enc.muxings = nil, nil
	return idOnly(enc.id), nil
}

func (s *Simulator) view(enc *encoding) encodingView {
	v := encodingView{
		ID: enc.id, Name: enc.name, Description: enc.description,
		Type: "NONE", Status: enc.status, Progress: s.progress(enc), Labels: enc.labels,
		CreatedAt: timestamp(enc.createdAt), ModifiedAt: timestamp(enc.modifiedAt),
		StartedAt: timestamp(enc.queuedAt), QueuedAt: timestamp(enc.queuedAt),
		RunningAt: timestamp(enc.runningAt), FinishedAt: timestamp(enc.finishedAt),
		CloudRegion: enc.cloudRegion, Fallbacks: enc.fallbackRegions,
		EncoderVersion: enc.encoderVersion, Infrastructure: enc.infrastructure,
	}
	if v.Labels == nil {
		v.Labels = []string{}
	}
	if enc.status == Error {
		v.ErrorAt = v.FinishedAt
	}
	if enc.run > 0 {
		v.Type = "VOD"
		v.SelectedRegion, v.SelectedVersion, v.SelectedMode = enc.cloudRegion, enc.encoderVersion, "TWO_PASS"
		if v.SelectedRegion == "AUTO" {
			v.SelectedRegion = "AWS_EU_WEST_1"
		}
		if v.SelectedVersion == "STABLE" {
			v.SelectedVersion = "2.231.0"
		}
	}
	return v
}

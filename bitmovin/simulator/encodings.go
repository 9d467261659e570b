package simulator

import (
	"cmp"
	"encoding/json"
	"net/http"
	"time"
)

// encodingBody holds the fields that a client sets in a new encoding.
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

// encodingView is an encoding in an answer of the API.
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
	start := postRoute(one+"/start", groupStart, startEncoding)
	stop := postRoute(one+"/stop", groupEncoding, stopEncoding)
	reprioritize := postRoute(one+"/reprioritize", groupEncoding, reprioritizeEncoding)
	start.status, stop.status, reprioritize.status = http.StatusOK, http.StatusOK, http.StatusOK
	return []route{
		postRoute(base, groupEncodings, createEncoding),
		getRoute(base, groupEncodings, listEncodings),
		getRoute(one, groupEncoding, onEncoding(func(s *Simulator, _ *call, enc *encoding) (any, error) {
			return enc.render(s.schedule.moment), nil
		})),
		deleteRoute(one, groupEncoding, onEncoding(deleteEncoding)),
		start,
		getRoute(one+"/start", groupStart, onEncoding(func(_ *Simulator, _ *call, enc *encoding) (any, error) {
			if enc.startBody == nil {
				return struct{}{}, nil
			}
			return enc.startBody, nil
		})),
		stop,
		reprioritize,
		getRoute(one+"/status", groupStatus, onEncoding(func(s *Simulator, _ *call, enc *encoding) (any, error) {
			return enc.renderTask(s.schedule.moment), nil
		})),
		getRoute(one+"/customData", groupEncoding, onEncoding(func(_ *Simulator, _ *call, enc *encoding) (any, error) {
			return renderCustomData(enc.custom, enc.createdAt), nil
		})),
	}
}

// onEncoding returns a handler that looks up the encoding of the path.
func onEncoding(do func(*Simulator, *call, *encoding) (any, error)) handler {
	return func(s *Simulator, c *call) (any, error) {
		enc := s.encodings.find(c.params["id"])
		if enc == nil {
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
	enc, err := newEncoding(s, fields, true)
	if err != nil {
		return nil, err
	}
	enc.id, enc.key = s.ids.newID(), shortKey(c.key)
	s.schedule.create(enc)
	c.encodingID = enc.id
	return enc.render(s.schedule.moment), nil
}

// newEncoding checks the fields of a new encoding and returns the encoding without storing it.
// If named, the encoding must have a name.
func newEncoding(s *Simulator, fields map[string]json.RawMessage, named bool) (*encoding, error) {
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
		check.addError("fallbackCloudRegions", "are at most three")
	}
	check.checkRegions()
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

func deleteEncoding(s *Simulator, _ *call, enc *encoding) (any, error) {
	if enc.status == Queued || enc.status == Running || enc.template != nil {
		return nil, wrongState(enc, "deleted")
	}
	for _, stream := range enc.streams {
		delete(s.filters, stream.id)
	}
	delete(s.parts, enc.id)
	s.encodings.remove(enc)
	return idOnly(enc.id), nil
}

// render renders an encoding as it is at a moment.
func (enc *encoding) render(moment time.Time) encodingView {
	v := encodingView{
		ID: enc.id, Name: enc.name, Description: enc.description,
		Type: "NONE", Status: enc.status, Progress: enc.progress(moment), Labels: enc.labels,
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

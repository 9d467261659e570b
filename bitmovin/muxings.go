package bitmovin

import (
	"context"
	"fmt"
	"net/http"
)

// MuxingType is a container format.
type MuxingType string

// The container formats that this package can create.
const (
	MuxingFMP4 MuxingType = "FMP4"
	MuxingCMAF MuxingType = "CMAF"
	MuxingTS   MuxingType = "TS"
	MuxingMP4  MuxingType = "MP4"
)

// segment returns the type as it appears in a path, or "" for an unknown type.
func (t MuxingType) segment() string {
	switch t {
	case MuxingFMP4:
		return "fmp4"
	case MuxingCMAF:
		return "cmaf"
	case MuxingTS:
		return "ts"
	case MuxingMP4:
		return "mp4"
	}
	return ""
}

// Permission says who may read an output file.
type Permission string

// The permissions.
const (
	PublicRead Permission = "PUBLIC_READ"
	Private    Permission = "PRIVATE"
)

// ACLEntry is one permission of an output.
type ACLEntry struct {
	Permission Permission `json:"permission"`
}

// EncodingOutput is the folder of an output to which a muxing or manifest is written.
type EncodingOutput struct {
	OutputID   OutputID   `json:"outputId"`
	OutputPath string     `json:"outputPath"`
	ACL        []ACLEntry `json:"acl,omitempty"` // empty means PUBLIC_READ
}

// MuxingStream refers to a stream of the same encoding.
type MuxingStream struct {
	StreamID StreamID `json:"streamId"`
}

// Muxing writes streams into files of one container format.
type Muxing struct {
	ID            MuxingID         `json:"id,omitempty"` // set by the platform
	Type          MuxingType       `json:"type"`
	Streams       []MuxingStream   `json:"streams"` // exactly one for FMP4
	Outputs       []EncodingOutput `json:"outputs,omitempty"`
	SegmentLength float64          `json:"segmentLength,omitempty"` // seconds; required for FMP4 and CMAF
	Filename      string           `json:"filename,omitempty"`      // MP4

	FragmentDuration int `json:"fragmentDuration,omitempty"` // milliseconds; MP4; 0: not fragmented
	// StreamConditionsMode says what happens if the conditions of a stream do not hold: DROP_MUXING
	// or DROP_STREAM. Empty: the platform's default.
	StreamConditionsMode string `json:"streamConditionsMode,omitempty"`
}

// The values of StreamConditionsMode.
const (
	DropMuxing = "DROP_MUXING"
	DropStream = "DROP_STREAM"
)

func (m Muxing) requiredField() (field, value string) { return "id", string(m.ID) }

// CreateMuxing adds a muxing to an encoding that has not been started.
func (c *Client) CreateMuxing(ctx context.Context, id EncodingID, m Muxing) (Muxing, error) {
	segment := m.Type.segment()
	if segment == "" {
		return Muxing{}, fmt.Errorf("create muxing: unknown type %q", m.Type)
	}
	m.ID = ""
	var created Muxing
	err := c.do(ctx, call{method: http.MethodPost, path: encodingPath(id, "muxings", segment), class: ClassSubresource, body: m}, &created)
	return created, err
}

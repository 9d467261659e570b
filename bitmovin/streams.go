package bitmovin

import (
	"context"
	"net/http"
)

// SelectionMode says how a stream is picked from an input file.
type SelectionMode string

// SelectAuto leaves the choice to the platform.
const SelectAuto SelectionMode = "AUTO"

// Stream connects inputs with a codec configuration: one rendition of an encoding. All
// video streams of an encoding need the same inputs.
type Stream struct {
	ID            StreamID      `json:"id,omitempty"` // set by the platform
	InputStreams  []InputStream `json:"inputStreams"`
	CodecConfigID ConfigID      `json:"codecConfigId"`
}

func (s Stream) required() (field, value string) { return "id", string(s.ID) }

// InputStream names a stream in a file of an input.
type InputStream struct {
	InputID       InputID       `json:"inputId"`
	InputPath     string        `json:"inputPath"`
	SelectionMode SelectionMode `json:"selectionMode,omitempty"`
}

// CreateStream adds a stream to an encoding that has not been started.
func (c *Client) CreateStream(ctx context.Context, id EncodingID, s Stream) (Stream, error) {
	s.ID = ""
	var created Stream
	err := c.do(ctx, call{method: http.MethodPost, path: encodingPath(id, "streams"), class: ClassSubresource, body: s}, &created)
	return created, err
}

package bitmovin

import (
	"context"
	"net/http"
)

// SelectionMode says how a stream of an input file is selected.
type SelectionMode string

// SelectAuto lets the platform select.
const SelectAuto SelectionMode = "AUTO"

// Stream is one rendition of an encoding: it connects inputs with a codec configuration. All video
// streams of an encoding must have the same inputs.
type Stream struct {
	ID            StreamID      `json:"id,omitempty"` // set by the platform
	InputStreams  []InputStream `json:"inputStreams"`
	CodecConfigID ConfigID      `json:"codecConfigId"`
}

func (s Stream) requiredField() (field, value string) { return "id", string(s.ID) }

// InputStream is a stream of a file of an input.
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

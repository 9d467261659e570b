package bitmovin

import (
	"context"
	"net/http"
)

// SelectionMode says how a stream is picked from an input file.
type SelectionMode string

// The selection modes. All but Auto need a position.
const (
	SelectAuto             SelectionMode = "AUTO"
	SelectPositionAbsolute SelectionMode = "POSITION_ABSOLUTE"
	SelectVideoRelative    SelectionMode = "VIDEO_RELATIVE"
	SelectAudioRelative    SelectionMode = "AUDIO_RELATIVE"
	SelectSubtitleRelative SelectionMode = "SUBTITLE_RELATIVE"
)

// Stream connects inputs with a codec configuration: one rendition of an encoding. All
// video streams of an encoding need the same inputs.
type Stream struct {
	ID            StreamID      `json:"id,omitempty"` // set by the platform
	Name          string        `json:"name,omitempty"`
	InputStreams  []InputStream `json:"inputStreams"`
	CodecConfigID ConfigID      `json:"codecConfigId"`
	Mode          string        `json:"mode,omitempty"` // default STANDARD
}

func (s Stream) required() (field, value string) { return "id", string(s.ID) }

// InputStream names a stream in a file of an input.
type InputStream struct {
	InputID       InputID       `json:"inputId"`
	InputPath     string        `json:"inputPath"`
	SelectionMode SelectionMode `json:"selectionMode,omitempty"`
	Position      *int          `json:"position,omitempty"` // from 0; not with Auto
}

// CreateStream adds a stream to an encoding that has not been started.
func (c *Client) CreateStream(ctx context.Context, id EncodingID, s Stream) (Stream, error) {
	s.ID = ""
	var created Stream
	err := c.do(ctx, call{method: http.MethodPost, path: encodingPath(id, "streams"), class: ClassSubresource, body: s}, &created)
	return created, err
}

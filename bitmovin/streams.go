package bitmovin

import (
	"context"
	"net/http"
)

// SelectionMode says how a stream of an input file is selected.
type SelectionMode string

// SelectAuto lets the platform select. The other modes count streams from 0: SelectAbsolute all
// streams of the file, SelectAudio its audio streams.
const (
	SelectAuto     SelectionMode = "AUTO"
	SelectAbsolute SelectionMode = "POSITION_ABSOLUTE"
	SelectAudio    SelectionMode = "AUDIO_RELATIVE"
)

// Stream is one rendition of an encoding: it connects inputs with a codec configuration. All video
// streams of an encoding must have the same inputs.
type Stream struct {
	ID            StreamID      `json:"id,omitempty"` // set by the platform
	InputStreams  []InputStream `json:"inputStreams"`
	CodecConfigID ConfigID      `json:"codecConfigId"`

	Mode       string          `json:"mode,omitempty"`       // such as PER_TITLE_TEMPLATE; default STANDARD
	Metadata   *StreamMetadata `json:"metadata,omitempty"`   // nil: none
	Conditions *Condition      `json:"conditions,omitempty"` // if it does not hold, the stream is left out; nil: none
}

// StreamMetadata is what manifests and files tell of a stream.
type StreamMetadata struct {
	Language string `json:"language,omitempty"`
}

// Condition compares an attribute of a stream's input.
type Condition struct {
	Type      string `json:"type"`      // CONDITION
	Attribute string `json:"attribute"` // such as INPUTSTREAM
	Operator  string `json:"operator"`  // such as ==
	Value     string `json:"value"`
}

// InputStreamExists holds if the input has the stream that was selected.
func InputStreamExists() *Condition {
	return &Condition{Type: "CONDITION", Attribute: "INPUTSTREAM", Operator: "==", Value: "TRUE"}
}

func (s Stream) requiredField() (field, value string) { return "id", string(s.ID) }

// InputStream is a stream of a file of an input.
type InputStream struct {
	InputID       InputID       `json:"inputId"`
	InputPath     string        `json:"inputPath"`
	SelectionMode SelectionMode `json:"selectionMode,omitempty"`
	Position      *int          `json:"position,omitempty"` // not with AUTO; counted from 0
}

// CreateStream adds a stream to an encoding that has not been started.
func (c *Client) CreateStream(ctx context.Context, id EncodingID, s Stream) (Stream, error) {
	s.ID = ""
	var created Stream
	err := c.do(ctx, call{method: http.MethodPost, path: encodingPath(id, "streams"), class: ClassSubresource, body: s}, &created)
	return created, err
}

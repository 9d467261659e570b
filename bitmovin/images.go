package bitmovin

import (
	"context"
	"net/http"
)

// Thumbnail is a series of single pictures of a stream.
type Thumbnail struct {
	Height     int              `json:"height,omitempty"` // pixels; at least one of Height and Width
	Width      int              `json:"width,omitempty"`
	Pattern    string           `json:"pattern"`             // file names, such as thumbnail-%number%.png
	Interval   float64          `json:"interval,omitempty"`  // seconds, at least 1; excludes Positions
	Positions  []float64        `json:"positions,omitempty"` // in Unit
	Unit       string           `json:"unit,omitempty"`      // SECONDS or PERCENTS
	AspectMode string           `json:"aspectMode,omitempty"`
	Outputs    []EncodingOutput `json:"outputs"`
}

// Sprite is a picture of many small ones of a stream, with a WebVTT file that says where they are.
type Sprite struct {
	Height       int              `json:"height,omitempty"` // pixels of a small picture; at least one of Height and Width
	Width        int              `json:"width,omitempty"`
	Unit         string           `json:"unit,omitempty"`     // SECONDS or PERCENTS
	Distance     float64          `json:"distance,omitempty"` // between two pictures, in Unit
	SpriteName   string           `json:"spriteName"`         // ends in .jpg, .jpeg or .png
	VTTName      string           `json:"vttName,omitempty"`  // ends in .vtt
	HTiles       int              `json:"hTiles,omitempty"`   // together with VTiles
	VTiles       int              `json:"vTiles,omitempty"`
	CreationMode string           `json:"creationMode,omitempty"`
	AspectMode   string           `json:"aspectMode,omitempty"`
	Outputs      []EncodingOutput `json:"outputs,omitempty"`
}

// image is the answer to the creation of thumbnails or of a sprite.
type image struct {
	ID string `json:"id"`
}

func (i image) requiredField() (field, value string) { return "id", i.ID }

// CreateThumbnail adds thumbnails to a stream of an encoding that has not been started.
func (c *Client) CreateThumbnail(ctx context.Context, id EncodingID, stream StreamID, t Thumbnail) error {
	return c.do(ctx, imageCall(id, stream, "thumbnails", t), &image{})
}

// CreateSprite adds a sprite to a stream of an encoding that has not been started.
func (c *Client) CreateSprite(ctx context.Context, id EncodingID, stream StreamID, s Sprite) error {
	return c.do(ctx, imageCall(id, stream, "sprites", s), &image{})
}

// imageCall is the call that adds images of a kind to a stream.
func imageCall(id EncodingID, stream StreamID, kind string, body any) call {
	return call{
		method: http.MethodPost, path: encodingPath(id, "streams", escape(stream), kind), class: ClassSubresource, body: body,
	}
}

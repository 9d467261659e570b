package bitmovin

import (
	"context"
	"net/http"
)

// startedTemplate is what a template start answers with.
type startedTemplate struct {
	EncodingID EncodingID `json:"encodingId"`
}

func (s startedTemplate) required() (field, value string) { return "encodingId", string(s.EncodingID) }

// StartTemplate creates and starts what an encoding template (YAML or JSON text) describes.
// The answer comes at once; for some seconds the encoding has type NONE and no
// streams. Create and start being one call, look for the encoding's name before
// repeating it after an [Ambiguous] error. The permit is asked just before the call leaves.
//
// The template travels as one JSON string. As a JSON object its order would matter,
// since the platform creates the resources in the order of the fields.
func (c *Client) StartTemplate(ctx context.Context, template string, permit Permit) (EncodingID, error) {
	var started startedTemplate
	err := c.do(ctx, call{
		method: http.MethodPost, path: "/encoding/templates/start", class: ClassEncodingCreate, urgency: UrgencyStart, body: template, permit: permit,
	}, &started)
	return started.EncodingID, err
}

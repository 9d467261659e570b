package bitmovin

import (
	"context"
	"net/http"
)

// startedTemplate is the result of starting a template.
type startedTemplate struct {
	EncodingID EncodingID `json:"encodingId"`
}

func (s startedTemplate) requiredField() (field, value string) {
	return "encodingId", string(s.EncodingID)
}

// StartTemplate creates and starts the encoding that a template (YAML or JSON text) describes. The
// platform answers at once; for some seconds after that the encoding has type NONE and no
// streams. After an [Ambiguous] error look for the name of the encoding before repeating the
// call, because the call both creates and starts. The permit is checked just before the call
// leaves.
//
// The secrets are those in the template, which must not appear in an error.
//
// The template is sent as one JSON string. In a JSON object the order of the fields would
// matter, because the platform creates the resources in that order.
func (c *Client) StartTemplate(ctx context.Context, template string, permit Permit, secrets ...Secret) (EncodingID, error) {
	var started startedTemplate
	err := c.do(ctx, call{
		method: http.MethodPost, path: "/encoding/templates/start", class: ClassEncodingCreate, urgency: urgencyStart, body: template, permit: permit, secrets: secrets,
	}, &started)
	return started.EncodingID, err
}

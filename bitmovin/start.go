package bitmovin

import (
	"context"
	"net/http"
)

// StartRequest says how to run an encoding. With the zero value the platform decides everything.
type StartRequest struct {
	Scheduling        *Scheduling        `json:"scheduling,omitempty"`
	EncodingMode      string             `json:"encodingMode,omitempty"`      // such as STANDARD (two passes); not together with an encoding mode of a configuration
	ManifestGenerator string             `json:"manifestGenerator,omitempty"` // LEGACY or V2
	VODDashManifests  []ManifestResource `json:"vodDashManifests,omitempty"`
	VODHLSManifests   []ManifestResource `json:"vodHlsManifests,omitempty"`
}

// Scheduling says where an encoding stands in the queue of the platform.
type Scheduling struct {
	Priority                *int     `json:"priority,omitempty"` // 0 to 100, the highest first; default 50
	PrewarmedEncoderPoolIDs []string `json:"prewarmedEncoderPoolIds,omitempty"`
}

// ManifestResource refers to a manifest that the platform writes in the same run.
type ManifestResource struct {
	ManifestID ManifestID `json:"manifestId"`
}

// StartEncoding puts an encoding into the queue of the platform. Its status must be CREATED, or
// ERROR for another run with the same settings. A start costs money and has no idempotency key:
// after an [Ambiguous] error read [Client.ReadStatus] before starting again. After [QueueFull]
// nothing was started. The permit is checked just before the call leaves. With a nil req the
// platform decides everything.
func (c *Client) StartEncoding(ctx context.Context, id EncodingID, req *StartRequest, permit Permit) error {
	cl := call{method: http.MethodPost, path: encodingPath(id, "start"), class: ClassStart, urgency: urgencyStart, permit: permit}
	if req != nil {
		cl.body = req
	}
	return c.do(ctx, cl, nil)
}

// StopEncoding asks the platform to cancel a QUEUED or RUNNING encoding. The status becomes
// CANCELED some time later, unless the run ends first.
func (c *Client) StopEncoding(ctx context.Context, id EncodingID) error {
	return c.do(ctx, call{method: http.MethodPost, path: encodingPath(id, "stop"), class: ClassSubresource, urgency: urgencyCancel}, nil)
}

// Reprioritize changes the priority, 0 to 100, of a QUEUED encoding. In another status the
// platform changes nothing or refuses.
func (c *Client) Reprioritize(ctx context.Context, id EncodingID, priority int) error {
	body := struct {
		Priority int `json:"priority"`
	}{priority}
	return c.do(ctx, call{
		method: http.MethodPost, path: encodingPath(id, "reprioritize"), class: ClassSubresource, urgency: urgencyStart, body: body,
	}, nil)
}

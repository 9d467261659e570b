package bitmovin

import (
	"context"
	"net/http"
)

// StartRequest says how to run an encoding. The zero value and nil leave everything to the
// platform.
type StartRequest struct {
	Scheduling        *Scheduling        `json:"scheduling,omitempty"`
	EncodingMode      string             `json:"encodingMode,omitempty"`      // STANDARD (two passes) and others; not together with one on a configuration
	ManifestGenerator string             `json:"manifestGenerator,omitempty"` // LEGACY or V2
	VODDashManifests  []ManifestResource `json:"vodDashManifests,omitempty"`
	VODHLSManifests   []ManifestResource `json:"vodHlsManifests,omitempty"`
}

// Scheduling places an encoding in the platform's queue.
type Scheduling struct {
	Priority                *int     `json:"priority,omitempty"` // 0 to 100, higher first; default 50
	PrewarmedEncoderPoolIDs []string `json:"prewarmedEncoderPoolIds,omitempty"`
}

// ManifestResource refers to a manifest that a start generates with the encoding.
type ManifestResource struct {
	ManifestID ManifestID `json:"manifestId"`
}

// StartEncoding puts an encoding on the platform's queue, from CREATED or, for another
// run with the same settings, from ERROR. A start costs money and has no idempotency
// key: after an [Ambiguous] error read [Client.Status] before starting again.
// A full queue is [QueueFull]; then nothing was started. The permit is asked just before
// the call leaves.
func (c *Client) StartEncoding(ctx context.Context, id EncodingID, req *StartRequest, permit Permit) error {
	cl := call{method: http.MethodPost, path: encodingPath(id, "start"), class: ClassStart, urgency: UrgencyStart, permit: permit}
	if req != nil {
		cl.body = req
	}
	return c.do(ctx, cl, nil)
}

// StopEncoding asks the platform to cancel a QUEUED or RUNNING encoding. It may take a
// while until the status is CANCELED, and an encoding may still finish first.
func (c *Client) StopEncoding(ctx context.Context, id EncodingID) error {
	return c.do(ctx, call{method: http.MethodPost, path: encodingPath(id, "stop"), class: ClassSubresource, urgency: UrgencyCancel}, nil)
}

// Reprioritize changes the priority, 0 to 100, of an encoding that is QUEUED; in other
// states the platform changes nothing or refuses.
func (c *Client) Reprioritize(ctx context.Context, id EncodingID, priority int) error {
	body := struct {
		Priority int `json:"priority"`
	}{priority}
	return c.do(ctx, call{
		method: http.MethodPost, path: encodingPath(id, "reprioritize"), class: ClassSubresource, urgency: UrgencyStart, body: body,
	}, nil)
}

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
	PerTitle          *PerTitle          `json:"perTitle,omitempty"` // required with a per-title stream
}

// PerTitle holds the per-title configuration of each codec that has per-title streams.
type PerTitle struct {
	H264 *PerTitleConfiguration `json:"h264Configuration,omitempty"`
	H265 *PerTitleConfiguration `json:"h265Configuration,omitempty"`
	VP9  *PerTitleConfiguration `json:"vp9Configuration,omitempty"`
	AV1  *PerTitleConfiguration `json:"av1Configuration,omitempty"`
}

// PerTitleConfiguration bounds what the platform chooses. Zero fields leave its defaults.
type PerTitleConfiguration struct {
	MinBitrate         int64   `json:"minBitrate,omitempty"`         // bit/s
	MaxBitrate         int64   `json:"maxBitrate,omitempty"`         // bit/s
	MinBitrateStepSize float64 `json:"minBitrateStepSize,omitempty"` // ratio between neighbouring renditions
	MaxBitrateStepSize float64 `json:"maxBitrateStepSize,omitempty"`
	TargetQualityCRF   float64 `json:"targetQualityCrf,omitempty"` // not AV1
	// AutoRepresentations lets the platform add renditions to those of the templates. Nil: it adds
	// none.
	AutoRepresentations *AutoRepresentations `json:"autoRepresentations,omitempty"`
}

// AutoRepresentations says how the platform adds renditions.
type AutoRepresentations struct{}

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

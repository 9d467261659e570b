package bitmovin

import (
	"context"
	"net/http"
)

// ManifestRequest describes a default manifest, which the platform derives from the muxings of an
// encoding. Create the manifest before the start and name it in the [StartRequest].
type ManifestRequest struct {
	EncodingID   EncodingID       `json:"encodingId"`
	Outputs      []EncodingOutput `json:"outputs,omitempty"`
	Name         string           `json:"name,omitempty"`
	ManifestName string           `json:"manifestName,omitempty"` // name of the file, such as "stream.mpd"
	Profile      string           `json:"profile,omitempty"`      // of DASH: LIVE or ON_DEMAND; empty: the platform's default
}

// OnDemand is the profile of a DASH manifest that refers to one file for each rendition.
const OnDemand = "ON_DEMAND"

// manifest is the answer to the creation of a manifest.
type manifest struct {
	ID ManifestID `json:"id"`
}

func (m manifest) requiredField() (field, value string) { return "id", string(m.ID) }

// CreateDashManifest creates a default DASH manifest.
func (c *Client) CreateDashManifest(ctx context.Context, r ManifestRequest) (ManifestID, error) {
	return c.createManifest(ctx, "/encoding/manifests/dash/default", r)
}

// CreateHLSManifest creates a default HLS manifest.
func (c *Client) CreateHLSManifest(ctx context.Context, r ManifestRequest) (ManifestID, error) {
	return c.createManifest(ctx, "/encoding/manifests/hls/default", r)
}

func (c *Client) createManifest(ctx context.Context, path string, r ManifestRequest) (ManifestID, error) {
	var created manifest
	err := c.do(ctx, call{method: http.MethodPost, path: path, class: ClassManifest, body: r}, &created)
	return created.ID, err
}

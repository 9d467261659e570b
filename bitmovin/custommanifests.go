package bitmovin

import (
	"context"
	"net/http"
)

// CustomManifest describes a manifest whose content the client adds, before the start of the encoding.
// It is named in the [StartRequest] like a default manifest.
type CustomManifest struct {
	Name         string           `json:"name,omitempty"`
	ManifestName string           `json:"manifestName,omitempty"` // name of the file
	Outputs      []EncodingOutput `json:"outputs"`
	Profile      string           `json:"profile,omitempty"` // of DASH: LIVE or ON_DEMAND
}

// AudioMedia is an audio rendition of an HLS manifest.
type AudioMedia struct {
	Name        string     `json:"name"` // that players show
	GroupID     string     `json:"groupId"`
	Language    string     `json:"language,omitempty"`
	IsDefault   bool       `json:"isDefault"`
	Autoselect  bool       `json:"autoselect"`
	SegmentPath string     `json:"segmentPath"` // of the segments, relative to the manifest
	URI         string     `json:"uri"`         // of the media playlist, relative to the manifest
	EncodingID  EncodingID `json:"encodingId"`
	StreamID    StreamID   `json:"streamId"`
	MuxingID    MuxingID   `json:"muxingId"`
}

// VariantStream is a video rendition of an HLS manifest, with a group of audio renditions.
type VariantStream struct {
	Audio          string     `json:"audio,omitempty"` // the group; empty: none
	ClosedCaptions string     `json:"closedCaptions"`  // a group, or NONE
	SegmentPath    string     `json:"segmentPath"`
	URI            string     `json:"uri"`
	EncodingID     EncodingID `json:"encodingId"`
	StreamID       StreamID   `json:"streamId"`
	MuxingID       MuxingID   `json:"muxingId"`
}

// NoCaptions is the closed captions of a [VariantStream] without any.
const NoCaptions = "NONE"

// AdaptationSet is a set of renditions of a DASH manifest between which players switch. A set of videos
// has neither language nor labels.
type AdaptationSet struct {
	Language string  `json:"lang,omitempty"`
	Labels   []Label `json:"labels,omitempty"`
}

// Label is the name of an adaptation set that players show.
type Label struct {
	Value string `json:"value"`
}

// Representation is a rendition of a DASH manifest.
type Representation struct {
	Type        string     `json:"type"`        // TEMPLATE or TIMELINE
	SegmentPath string     `json:"segmentPath"` // relative to the manifest
	EncodingID  EncodingID `json:"encodingId"`
	MuxingID    MuxingID   `json:"muxingId"`
}

// SegmentTemplate is the type of a [Representation] whose segments have numbers.
const SegmentTemplate = "TEMPLATE"

// CreateCustomHLS creates an HLS manifest without content.
func (c *Client) CreateCustomHLS(ctx context.Context, m CustomManifest) (ManifestID, error) {
	id, err := c.addToManifest(ctx, "/encoding/manifests/hls", m)
	return ManifestID(id), err
}

// CreateCustomDash creates a DASH manifest without content.
func (c *Client) CreateCustomDash(ctx context.Context, m CustomManifest) (ManifestID, error) {
	id, err := c.addToManifest(ctx, "/encoding/manifests/dash", m)
	return ManifestID(id), err
}

// AddAudioMedia adds an audio rendition to an HLS manifest.
func (c *Client) AddAudioMedia(ctx context.Context, id ManifestID, a AudioMedia) error {
	_, err := c.addToManifest(ctx, "/encoding/manifests/hls/"+escape(id)+"/media/audio", a)
	return err
}

// AddVariantStream adds a video rendition to an HLS manifest.
func (c *Client) AddVariantStream(ctx context.Context, id ManifestID, v VariantStream) error {
	_, err := c.addToManifest(ctx, "/encoding/manifests/hls/"+escape(id)+"/streams", v)
	return err
}

// AddPeriod adds the period of a DASH manifest that has the adaptation sets.
func (c *Client) AddPeriod(ctx context.Context, id ManifestID) (PeriodID, error) {
	period, err := c.addToManifest(ctx, "/encoding/manifests/dash/"+escape(id)+"/periods", struct{}{})
	return PeriodID(period), err
}

// AddVideoSet adds a set of video renditions to a period.
func (c *Client) AddVideoSet(ctx context.Context, id ManifestID, period PeriodID) (AdaptationSetID, error) {
	set, err := c.addToManifest(ctx, periodPath(id, period)+"/adaptationsets/video", AdaptationSet{})
	return AdaptationSetID(set), err
}

// AddAudioSet adds a set of audio renditions of one language to a period.
func (c *Client) AddAudioSet(ctx context.Context, id ManifestID, period PeriodID, a AdaptationSet) (AdaptationSetID, error) {
	set, err := c.addToManifest(ctx, periodPath(id, period)+"/adaptationsets/audio", a)
	return AdaptationSetID(set), err
}

// AddRepresentation adds a rendition, of muxing type FMP4 or CMAF, to an adaptation set.
func (c *Client) AddRepresentation(ctx context.Context, id ManifestID, period PeriodID, set AdaptationSetID, of MuxingType, r Representation) error {
	_, err := c.addToManifest(ctx, periodPath(id, period)+"/adaptationsets/"+escape(set)+"/representations/"+of.segment(), r)
	return err
}

func periodPath(id ManifestID, period PeriodID) string {
	return "/encoding/manifests/dash/" + escape(id) + "/periods/" + escape(period)
}

func (c *Client) addToManifest(ctx context.Context, path string, body any) (string, error) {
	var created manifest
	err := c.do(ctx, call{method: http.MethodPost, path: path, class: ClassManifest, body: body}, &created)
	return string(created.ID), err
}

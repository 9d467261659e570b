package bitmovin

import (
	"context"
	"fmt"
	"net/http"
)

// Codec is the type of a codec configuration.
type Codec string

// The codecs that this package can configure.
const (
	H264    Codec = "H264"
	H265    Codec = "H265"
	VP9     Codec = "VP9"
	AV1     Codec = "AV1"
	AAC     Codec = "AAC"
	HEAACv1 Codec = "HE_AAC_V1"
	HEAACv2 Codec = "HE_AAC_V2"
	Opus    Codec = "OPUS"
)

// segment returns the codec as it appears in a path, or "" for an unknown codec.
func (c Codec) segment() string {
	switch c {
	case H264:
		return "video/h264"
	case H265:
		return "video/h265"
	case VP9:
		return "video/vp9"
	case AV1:
		return "video/av1"
	case AAC:
		return "audio/aac"
	case HEAACv1:
		return "audio/he-aac-v1"
	case HEAACv2:
		return "audio/he-aac-v2"
	case Opus:
		return "audio/opus"
	}
	return ""
}

const configurationsPath = "/encoding/configurations"

// Configuration is a codec configuration: how to encode one rendition. The platform chooses the
// values of zero fields.
type Configuration struct {
	ID      ConfigID `json:"id,omitempty"` // set by the platform
	Type    Codec    `json:"type"`
	Name    string   `json:"name,omitempty"`    // required, says the documentation
	Bitrate int64    `json:"bitrate,omitempty"` // bits per second; required for audio
	Rate    float64  `json:"rate,omitempty"`    // frames per second, or samples per second for audio

	// Video only. Set either Bitrate or CRF, or neither for a per-title stream. If only one of Width and Height is set, the
	// platform derives the other.
	Width               int      `json:"width,omitempty"`
	Height              int      `json:"height,omitempty"`
	CRF                 *float64 `json:"crf,omitempty"`
	PresetConfiguration string   `json:"presetConfiguration,omitempty"` // such as VOD_STANDARD
	Profile             string   `json:"profile,omitempty"`
	Level               string   `json:"level,omitempty"`              // such as 4.1; H264 and H265
	DynamicRangeFormat  string   `json:"dynamicRangeFormat,omitempty"` // such as HDR10; not AV1
	PixelFormat         string   `json:"pixelFormat,omitempty"`        // such as YUV420P10LE
	// The distance between keyframes, in frames or in seconds; not AV1.
	MinGOP              int     `json:"minGop,omitempty"`
	MaxGOP              int     `json:"maxGop,omitempty"`
	MinKeyframeInterval float64 `json:"minKeyframeInterval,omitempty"`
	MaxKeyframeInterval float64 `json:"maxKeyframeInterval,omitempty"`

	// Audio only.
	ChannelLayout string `json:"channelLayout,omitempty"`
}

func (c Configuration) requiredField() (field, value string) { return "id", string(c.ID) }

// CreateConfiguration creates a codec configuration. Any number of encodings can share it.
func (c *Client) CreateConfiguration(ctx context.Context, conf Configuration) (ConfigID, error) {
	segment := conf.Type.segment()
	if segment == "" {
		return "", fmt.Errorf("create configuration: unknown codec %q", conf.Type)
	}
	conf.ID = ""
	var created Configuration
	err := c.do(ctx, call{
		method: http.MethodPost, path: configurationsPath + "/" + segment, class: ClassResourceWrite, body: conf,
	}, &created)
	return created.ID, err
}

// ConfigurationExists reports whether a configuration exists.
func (c *Client) ConfigurationExists(ctx context.Context, id ConfigID) (bool, error) {
	var found Configuration
	err := c.do(ctx, call{
		method: http.MethodGet, path: configurationsPath + "/" + escape(id), class: ClassResourceRead,
	}, &found)
	return existsResult(id, found.ID, err)
}

// FindConfiguration returns the id of the first configuration of a codec whose name is
// exactly name. It reads several pages if there are so many.
func (c *Client) FindConfiguration(ctx context.Context, codec Codec, name string) (id ConfigID, found bool, err error) {
	segment := codec.segment()
	if segment == "" {
		return "", false, fmt.Errorf("find configuration: unknown codec %q", codec)
	}
	list := call{path: configurationsPath + "/" + segment, class: ClassResourceRead}
	confs, err := listNamed(ctx, c, list, name, func(conf Configuration) string { return conf.Name })
	if err != nil || len(confs) == 0 {
		return "", false, err
	}
	return confs[0].ID, true, nil
}

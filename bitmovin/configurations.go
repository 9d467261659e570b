package bitmovin

import (
	"context"
	"fmt"
	"net/http"
)

// Codec is the type of a codec configuration.
type Codec string

// The codecs this package configures.
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

// segment returns the codec's place in a path, or "" for an unknown codec.
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

// Video reports whether c is a video codec.
func (c Codec) Video() bool {
	switch c {
	case H264, H265, VP9, AV1:
		return true
	}
	return false
}

const configurationsPath = "/encoding/configurations"

// Configuration says how to encode one rendition. Zero fields are left to the platform.
type Configuration struct {
	ID          ConfigID `json:"id,omitempty"` // set by the platform
	Type        Codec    `json:"type"`
	Name        string   `json:"name,omitempty"` // required by the platform's documentation
	Description string   `json:"description,omitempty"`
	Bitrate     int64    `json:"bitrate,omitempty"` // bits per second; required for audio
	Rate        float64  `json:"rate,omitempty"`    // frames per second, or samples per second for audio

	// Video only. Either Bitrate or CRF; one of Width and Height follows from the other.
	Width               int      `json:"width,omitempty"`
	Height              int      `json:"height,omitempty"`
	CRF                 *float64 `json:"crf,omitempty"`
	PresetConfiguration string   `json:"presetConfiguration,omitempty"` // such as VOD_STANDARD
	Profile             string   `json:"profile,omitempty"`
	Level               string   `json:"level,omitempty"`
	PixelFormat         string   `json:"pixelFormat,omitempty"`
	EncodingMode        string   `json:"encodingMode,omitempty"`        // not together with one at the start
	MinKeyframeInterval float64  `json:"minKeyframeInterval,omitempty"` // seconds
	MaxKeyframeInterval float64  `json:"maxKeyframeInterval,omitempty"` // seconds
	MinGOP              int      `json:"minGop,omitempty"`              // frames; not together with the intervals
	MaxGOP              int      `json:"maxGop,omitempty"`              // frames

	// Audio only.
	ChannelLayout   string `json:"channelLayout,omitempty"`
	CutoffFrequency int    `json:"cutoffFrequency,omitempty"` // Hz
}

func (c Configuration) required() (field, value string) { return "id", string(c.ID) }

// CreateConfiguration creates a codec configuration. Configurations can be shared by any
// number of encodings.
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

// Configuration returns a configuration of any codec; [NotFound] if there is none.
func (c *Client) Configuration(ctx context.Context, id ConfigID) (Configuration, error) {
	var conf Configuration
	err := c.do(ctx, call{
		method: http.MethodGet, path: configurationsPath + "/" + escape(id), class: ClassResourceRead,
	}, &conf)
	return conf, err
}

// ConfigurationExists reports whether the platform still has a configuration.
func (c *Client) ConfigurationExists(ctx context.Context, id ConfigID) (bool, error) {
	found, err := c.Configuration(ctx, id)
	return exists(id, found.ID, err)
}

// FindConfigurations returns the configurations of a codec whose name is exactly name, with
// all settings the platform reports, so that the caller can check that they are the
// ones it wants.
func (c *Client) FindConfigurations(ctx context.Context, codec Codec, name string) ([]Configuration, error) {
	segment := codec.segment()
	if segment == "" {
		return nil, fmt.Errorf("find configuration: unknown codec %q", codec)
	}
	list := call{path: configurationsPath + "/" + segment, class: ClassResourceRead}
	return collectNamed(ctx, c, list, name, func(conf Configuration) string { return conf.Name })
}

// FindConfiguration returns the id of the first of [Client.FindConfigurations].
func (c *Client) FindConfiguration(ctx context.Context, codec Codec, name string) (id ConfigID, found bool, err error) {
	confs, err := c.FindConfigurations(ctx, codec, name)
	if err != nil || len(confs) == 0 {
		return "", false, err
	}
	return confs[0].ID, true, nil
}

// DeleteConfiguration deletes a configuration of the given codec.
func (c *Client) DeleteConfiguration(ctx context.Context, codec Codec, id ConfigID) error {
	segment := codec.segment()
	if segment == "" {
		return fmt.Errorf("delete configuration: unknown codec %q", codec)
	}
	return c.do(ctx, call{
		method: http.MethodDelete, path: configurationsPath + "/" + segment + "/" + escape(id), class: ClassResourceWrite,
	}, nil)
}

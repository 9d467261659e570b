package job

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Video is one video rendition.
type Video struct {
	Name      string  `json:"name,omitzero" yaml:"name"`             // names the output directory; default: the height, else the bitrate in kbit/s and a k
	Codec     Codec   `json:"codec" yaml:"codec"`                    // H264, H265, VP9 or AV1
	Height    int     `json:"height,omitzero" yaml:"height"`         // pixels; 0 with Width: follows the aspect ratio; both 0: as the source
	Width     int     `json:"width,omitzero" yaml:"width"`           // pixels; 0: follows the aspect ratio
	Bitrate   int64   `json:"bitrate,omitzero" yaml:"bitrate"`       // bit/s; exactly one of Bitrate and CRF, unless Mode is per title
	CRF       float64 `json:"crf,omitzero" yaml:"crf"`               // constant rate factor, up to 63, for H264 and H265 up to 51; not for AV1
	FrameRate float64 `json:"frame_rate,omitzero" yaml:"frame_rate"` // frames per second; 0: as the source
	Preset    string  `json:"preset,omitzero" yaml:"preset"`         // for example VOD_STANDARD; empty: the platform's default
	Profile   string  `json:"profile,omitzero" yaml:"profile"`       // codec profile, for example HIGH; empty: the platform's default
	Level     string  `json:"level,omitzero" yaml:"level"`           // codec level, for example 4.1; empty: the platform's default; H264 and H265 only

	// Mode is the stream mode. Empty: STANDARD. With a per-title mode the platform chooses what the
	// rendition leaves open, and may make several renditions of one.
	Mode string `json:"mode,omitzero" yaml:"mode"`

	DynamicRangeFormat string `json:"dynamic_range_format,omitzero" yaml:"dynamic_range_format"` // for example HDR10; empty: the platform's default; not for AV1
	PixelFormat        string `json:"pixel_format,omitzero" yaml:"pixel_format"`                 // for example YUV420P10LE; empty: the platform's default

	// The distance between keyframes, in frames or in seconds; not for AV1. 0: the platform's default.
	MinGOP              int     `json:"min_gop,omitzero" yaml:"min_gop"`                             // frames
	MaxGOP              int     `json:"max_gop,omitzero" yaml:"max_gop"`                             // frames
	MinKeyframeInterval float64 `json:"min_keyframe_interval,omitzero" yaml:"min_keyframe_interval"` // seconds
	MaxKeyframeInterval float64 `json:"max_keyframe_interval,omitzero" yaml:"max_keyframe_interval"` // seconds
}

// Audio is one audio rendition.
type Audio struct {
	Name          string `json:"name,omitzero" yaml:"name"`                     // names the output directory; default: language and bitrate in kbit/s
	Codec         Codec  `json:"codec" yaml:"codec"`                            // AAC, HE_AAC_V1, HE_AAC_V2 or OPUS
	Bitrate       int64  `json:"bitrate" yaml:"bitrate"`                        // bit/s
	SampleRate    int    `json:"sample_rate,omitzero" yaml:"sample_rate"`       // Hz; 0: as the source
	ChannelLayout string `json:"channel_layout,omitzero" yaml:"channel_layout"` // for example STEREO; empty: as the source

	Language string `json:"language,omitzero" yaml:"language"` // tag such as de or pt-BR, for manifests and players; empty: none

	// Label is the name of the audio track that players show. It needs a manifest, and a Language.
	Label string `json:"label,omitzero" yaml:"label"`

	// SelectionMode and Position select the source's stream: AUDIO_RELATIVE counts its audio streams,
	// POSITION_ABSOLUTE all its streams, from 0. Empty: AUTO, the platform selects.
	SelectionMode string `json:"selection_mode,omitzero" yaml:"selection_mode"`
	Position      int    `json:"position,omitzero" yaml:"position"`
	// Optional leaves the rendition out of an asset that has no such stream. Otherwise the encoding
	// of such an asset fails.
	Optional bool `json:"optional,omitzero" yaml:"optional"`
}

// Directory is the directory of the video rendition, relative to the job's output path. That of a
// per-title rendition has placeholders, for which the platform puts the values that it has chosen.
func (video Video) Directory() string {
	directory := "video/"
	switch {
	case video.Name != "":
		directory += video.Name
	case video.Height != 0:
		directory += strconv.Itoa(video.Height)
	case video.IsPerTitle() && video.Bitrate == 0:
		directory += strings.ToLower(string(video.Codec))
	default:
		directory += strconv.FormatInt(video.Bitrate/1000, 10) + "k"
	}
	if video.IsPerTitle() {
		directory += "/" + perTitleDirectory
	}
	return directory
}

// IsPerTitle reports whether the platform chooses a part of the rendition for each title.
func (video Video) IsPerTitle() bool { return strings.HasPrefix(video.Mode, PerTitleTemplate) }

// Directory is the directory of the audio rendition, relative to the job's output path. Without a
// name it is the bitrate in kbit/s, below the language if the rendition has one.
func (audio Audio) Directory() string {
	switch {
	case audio.Name != "":
		return "audio/" + audio.Name
	case audio.Language != "":
		return "audio/" + audio.Language + "/" + strconv.FormatInt(audio.Bitrate/1000, 10)
	}
	return "audio/" + strconv.FormatInt(audio.Bitrate/1000, 10)
}

// Title is what manifests call the rendition: its label or, without one, its language.
func (audio Audio) Title() string {
	return cmp.Or(audio.Label, audio.Language, path.Base(audio.Directory()))
}

// Group is the HLS group of the rendition: players switch between those of one group.
func (audio Audio) Group() string {
	return strings.ToLower(string(audio.Codec)) + "_" + strconv.FormatInt(audio.Bitrate/1000, 10)
}

// HasLabels reports whether any audio rendition has a label, so that the manifests have to be made to
// show it.
func (r Recipe) HasLabels() bool {
	return slices.ContainsFunc(r.Audios, func(a Audio) bool { return a.Label != "" })
}

// AudioGroups are the HLS groups of all audio renditions, each once, in the order of the recipe.
func (r Recipe) AudioGroups() (groups []string) {
	for _, a := range r.Audios {
		if !slices.Contains(groups, a.Group()) {
			groups = append(groups, a.Group())
		}
	}
	return groups
}

package job

import "strings"

// The per-title modes of a video. A template without height and bitrate leaves everything open, one
// with a fixed resolution the bitrate.
const (
	PerTitleTemplate                          = "PER_TITLE_TEMPLATE"
	PerTitleTemplateFixedResolution           = "PER_TITLE_TEMPLATE_FIXED_RESOLUTION"
	PerTitleTemplateFixedResolutionAndBitrate = "PER_TITLE_TEMPLATE_FIXED_RESOLUTION_AND_BITRATE"
)

// PerTitle bounds what the platform chooses for the videos with a per-title mode. Zero fields leave
// the platform's defaults.
type PerTitle struct {
	MinBitrate int64 `json:"min_bitrate,omitzero" yaml:"min_bitrate"` // bit/s
	MaxBitrate int64 `json:"max_bitrate,omitzero" yaml:"max_bitrate"` // bit/s

	// The least and the largest ratio between the bitrates of neighbouring renditions.
	MinBitrateStepSize float64 `json:"min_bitrate_step_size,omitzero" yaml:"min_bitrate_step_size"`
	MaxBitrateStepSize float64 `json:"max_bitrate_step_size,omitzero" yaml:"max_bitrate_step_size"`

	// TargetQualityCRF is the quality of the best rendition, as a constant rate factor.
	TargetQualityCRF float64 `json:"target_quality_crf,omitzero" yaml:"target_quality_crf"`
}

// perTitleDirectory tells the renditions of one per-title video apart. The platform fills it in.
const perTitleDirectory = "{width}_{bitrate}_{uuid}"

// widestPerTitle replaces placeholders by values as long as the platform's longest.
var widestPerTitle = strings.NewReplacer("{width}", "15360", "{bitrate}", "500000000", "{uuid}", "00000000-0000-0000-0000-000000000000")

package provision

import (
	"fmt"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// VideoConfiguration is the codec configuration of a video rendition.
func VideoConfiguration(v job.Video) bitmovin.Configuration {
	c := bitmovin.Configuration{
		Type: bitmovin.Codec(v.Codec), Name: codecName(v.Codec),
		Height: v.Height, Width: v.Width, Bitrate: v.Bitrate, Rate: v.FrameRate,
		PresetConfiguration: v.Preset, Profile: v.Profile, Level: v.Level,
		DynamicRangeFormat: v.DynamicRangeFormat, PixelFormat: v.PixelFormat,
		MinGOP: v.MinGOP, MaxGOP: v.MaxGOP,
		MinKeyframeInterval: v.MinKeyframeInterval, MaxKeyframeInterval: v.MaxKeyframeInterval,
	}
	if v.CRF != 0 {
		c.CRF = new(v.CRF)
	}
	if v.Height != 0 {
		c.Name += fmt.Sprintf(" %d", v.Height)
	}
	return c
}

// AudioConfiguration is the codec configuration of an audio rendition.
func AudioConfiguration(a job.Audio) bitmovin.Configuration {
	return bitmovin.Configuration{
		Type: bitmovin.Codec(a.Codec), Name: fmt.Sprintf("%s %d kbit/s", codecName(a.Codec), a.Bitrate/1000),
		Bitrate: a.Bitrate, Rate: float64(a.SampleRate), ChannelLayout: a.ChannelLayout,
	}
}

// codecName is the codec's name as people write it, for the name of a configuration.
func codecName(c job.Codec) string {
	switch c {
	case job.H264:
		return "H.264"
	case job.H265:
		return "H.265"
	case job.HEAACv1:
		return "HE-AAC v1"
	case job.HEAACv2:
		return "HE-AAC v2"
	case job.Opus:
		return "Opus"
	}
	return string(c)
}

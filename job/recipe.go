package job

import "strconv"

// Codec is a video or audio codec in the platform's spelling.
type Codec string

// The codecs that Stoker can configure.
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

// Container is a muxing format, in the platform's spelling.
type Container string

// The muxing formats that Stoker can configure.
const (
	FMP4 Container = "FMP4"
	CMAF Container = "CMAF"
	TS   Container = "TS"
	MP4  Container = "MP4"
)

// ManifestFormat is a kind of manifest.
type ManifestFormat string

// The manifests that Stoker can configure.
const (
	DASH ManifestFormat = "DASH"
	HLS  ManifestFormat = "HLS"
)

// Recipe says how to encode an asset, in Stoker's own terms. The batch stores its recipe: a later
// change of a profile does not change batches that were submitted before.
type Recipe struct {
	Videos    []Video    `json:"videos,omitempty" yaml:"videos"`
	Audios    []Audio    `json:"audios,omitempty" yaml:"audios"`
	Muxings   []Muxing   `json:"muxings,omitempty" yaml:"muxings"`
	Manifests []Manifest `json:"manifests,omitempty" yaml:"manifests"`

	// Private withholds the permission to read the output files from the public, which has it by
	// default.
	Private bool `json:"private,omitzero" yaml:"private"`

	Region          string   `json:"region,omitzero" yaml:"region"`                      // cloud region; empty: AUTO, the platform chooses
	FallbackRegions []string `json:"fallback_regions,omitempty" yaml:"fallback_regions"` // at most 3, used in order for RETRY_IN_DIFFERENT_REGION
	EncoderVersion  string   `json:"encoder_version,omitzero" yaml:"encoder_version"`    // empty: the platform's default
	EncodingMode    string   `json:"encoding_mode,omitzero" yaml:"encoding_mode"`        // STANDARD, SINGLE_PASS, TWO_PASS, THREE_PASS or SMART_PASS; empty: the platform's default

	PrewarmedPools []string `json:"prewarmed_encoder_pool_ids,omitempty" yaml:"prewarmed_encoder_pool_ids"`
}

// Video is one video rendition.
type Video struct {
	Name      string  `json:"name,omitzero" yaml:"name"`             // names the output directory; default: the height, else the bitrate in kbit/s and a k
	Codec     Codec   `json:"codec" yaml:"codec"`                    // H264, H265, VP9 or AV1
	Height    int     `json:"height,omitzero" yaml:"height"`         // pixels; 0 with Width: follows the aspect ratio; both 0: as the source
	Width     int     `json:"width,omitzero" yaml:"width"`           // pixels; 0: follows the aspect ratio
	Bitrate   int64   `json:"bitrate,omitzero" yaml:"bitrate"`       // bit/s; exactly one of Bitrate and CRF
	CRF       float64 `json:"crf,omitzero" yaml:"crf"`               // constant rate factor, up to 63, for H264 and H265 up to 51; not for AV1
	FrameRate float64 `json:"frame_rate,omitzero" yaml:"frame_rate"` // frames per second; 0: as the source
	Preset    string  `json:"preset,omitzero" yaml:"preset"`         // for example VOD_STANDARD; empty: the platform's default
	Profile   string  `json:"profile,omitzero" yaml:"profile"`       // codec profile, for example HIGH; empty: the platform's default
}

// Audio is one audio rendition.
type Audio struct {
	Name          string `json:"name,omitzero" yaml:"name"`                     // names the output directory; default: the bitrate in kbit/s
	Codec         Codec  `json:"codec" yaml:"codec"`                            // AAC, HE_AAC_V1, HE_AAC_V2 or OPUS
	Bitrate       int64  `json:"bitrate" yaml:"bitrate"`                        // bit/s
	SampleRate    int    `json:"sample_rate,omitzero" yaml:"sample_rate"`       // Hz; 0: as the source
	ChannelLayout string `json:"channel_layout,omitzero" yaml:"channel_layout"` // for example STEREO; empty: as the source
}

// Muxing is one packaging of the renditions. FMP4, CMAF and TS package every rendition by itself, in
// segments. MP4 writes one file for each video rendition, with all audio renditions in it; without a
// video, one for each audio rendition.
type Muxing struct {
	Container     Container `json:"container" yaml:"container"`
	SegmentLength float64   `json:"segment_length,omitzero" yaml:"segment_length"` // seconds; default 4; not for MP4
	// Directory is a directory below the job's output path. It separates the files of this muxing
	// from those of others. It may be empty for one muxing.
	Directory string `json:"directory,omitzero" yaml:"directory"`
}

// DefaultSegmentLength is the default of [Muxing.SegmentLength], in seconds.
const DefaultSegmentLength = 4.0

// Manifest is one manifest over all renditions. The platform writes it at the end of the encoding.
type Manifest struct {
	Format ManifestFormat `json:"format" yaml:"format"`
	Name   string         `json:"name,omitzero" yaml:"name"` // file name; default stream.mpd or master.m3u8
}

// DefaultRecipe is the recipe of Bitmovin's BatchEncoding example.
func DefaultRecipe() Recipe {
	video := func(height int, bitrate int64) Video {
		return Video{Codec: H264, Height: height, Bitrate: bitrate, Preset: "VOD_STANDARD"}
	}
	return Recipe{
		Videos:  []Video{video(480, 800_000), video(720, 1_200_000), video(1080, 2_000_000)},
		Audios:  []Audio{{Codec: AAC, Bitrate: 128_000}},
		Muxings: []Muxing{{Container: FMP4, SegmentLength: DefaultSegmentLength}},
	}
}

// Directory is the directory of the video rendition, relative to the job's output path.
func (video Video) Directory() string {
	switch {
	case video.Name != "":
		return "video/" + video.Name
	case video.Height != 0:
		return "video/" + strconv.Itoa(video.Height)
	}
	return "video/" + strconv.FormatInt(video.Bitrate/1000, 10) + "k"
}

// Directory is the directory of the audio rendition, relative to the job's output path.
func (audio Audio) Directory() string {
	if audio.Name != "" {
		return "audio/" + audio.Name
	}
	return "audio/" + strconv.FormatInt(audio.Bitrate/1000, 10)
}

// FileName is the manifest's file name.
func (m Manifest) FileName() string {
	switch {
	case m.Name != "":
		return m.Name
	case m.Format == HLS:
		return "master.m3u8"
	}
	return "stream.mpd"
}

// RegionOf is the cloud region of a job that has moved to the next fallback region moves times; empty
// for AUTO.
func (r Recipe) RegionOf(moves int) string { return regionOf(r.Region, r.FallbackRegions, moves) }

func regionOf(first string, fallback []string, moves int) string {
	if moves == 0 || len(fallback) == 0 {
		return first
	}
	return fallback[min(moves, len(fallback))-1]
}

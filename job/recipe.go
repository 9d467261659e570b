package job

import "slices"

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

// ACL is the access control list that is sent with every output of an encoding.
type ACL string

// The access control lists.
const (
	PublicRead ACL = "PUBLIC_READ" // everybody may read the files
	Private    ACL = "PRIVATE"     // the owner of the storage decides
	NoACL      ACL = "NONE"        // no list is sent; the platform then takes PUBLIC_READ
)

// Recipe says how to encode an asset, in Stoker's own terms. The batch stores its recipe: a later
// change of a profile does not change batches that were submitted before.
type Recipe struct {
	Videos    []Video    `json:"videos,omitempty" yaml:"videos"`
	Audios    []Audio    `json:"audios,omitempty" yaml:"audios"`
	Muxings   []Muxing   `json:"muxings,omitempty" yaml:"muxings"`
	Manifests []Manifest `json:"manifests,omitempty" yaml:"manifests"`

	// PerTitle holds bounds for the videos with a per-title mode. Nil: the platform's defaults.
	PerTitle *PerTitle `json:"per_title,omitempty" yaml:"per_title"`
	// Deinterlace is the filter before every video. Nil: none.
	Deinterlace *Deinterlace `json:"deinterlace,omitempty" yaml:"deinterlace"`
	// Thumbnails and Sprites are pictures of the first video.
	Thumbnails []Thumbnail `json:"thumbnails,omitempty" yaml:"thumbnails"`
	Sprites    []Sprite    `json:"sprites,omitempty" yaml:"sprites"`

	// ACL says who may read the output files. Empty: [PublicRead].
	ACL ACL `json:"acl,omitzero" yaml:"acl"`
	// AllowUnknown lets values pass that the platform's SDKs did not have when this version was
	// made. They are checked by the platform alone.
	AllowUnknown bool `json:"allow_unknown,omitzero" yaml:"allow_unknown"`

	Region          string   `json:"region,omitzero" yaml:"region"`                      // cloud region; empty: AUTO, the platform chooses
	FallbackRegions []string `json:"fallback_regions,omitempty" yaml:"fallback_regions"` // at most 3, used in order for RETRY_IN_DIFFERENT_REGION
	EncoderVersion  string   `json:"encoder_version,omitzero" yaml:"encoder_version"`    // empty: the platform's default
	EncodingMode    string   `json:"encoding_mode,omitzero" yaml:"encoding_mode"`        // STANDARD, SINGLE_PASS, TWO_PASS, THREE_PASS or SMART_PASS; empty: the platform's default

	PrewarmedPools []string `json:"prewarmed_encoder_pool_ids,omitempty" yaml:"prewarmed_encoder_pool_ids"`
}

// Muxing is one packaging of the renditions. FMP4, CMAF and TS package every rendition by itself, in
// segments. MP4 writes one file for each video rendition, with all audio renditions in it; without a
// video, one for each audio rendition. MP4 with a FragmentDuration writes one file for each rendition.
type Muxing struct {
	Container     Container `json:"container" yaml:"container"`
	SegmentLength float64   `json:"segment_length,omitzero" yaml:"segment_length"` // seconds; default 4; not for MP4
	// FragmentDuration makes a fragmented MP4, which a manifest can refer to; in milliseconds. 0: not
	// fragmented.
	FragmentDuration int `json:"fragment_duration,omitzero" yaml:"fragment_duration"`
	// Directory is a directory below the job's output path. It separates the files of this muxing
	// from those of others. It may be empty for one muxing.
	Directory string `json:"directory,omitzero" yaml:"directory"`
}

// IsFragmented reports whether the muxing is a fragmented MP4.
func (m Muxing) IsFragmented() bool { return m.Container == MP4 && m.FragmentDuration > 0 }

// IsSegmented reports whether the muxing writes segments.
func (m Muxing) IsSegmented() bool { return m.Container != MP4 }

// Segments reports whether the muxing writes segments to which a manifest of a format can refer.
func (m Muxing) Segments(format ManifestFormat) bool {
	return m.Container == FMP4 || m.Container == CMAF || m.Container == TS && format == HLS
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

// Codecs lists the codecs of all renditions, each once.
func (r Recipe) Codecs() []Codec {
	var all []Codec
	for _, v := range r.Videos {
		all = append(all, v.Codec)
	}
	for _, a := range r.Audios {
		all = append(all, a.Codec)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

package job

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Validate lists what is wrong with r in itself; nil if nothing is. Package capability checks whether
// the platform can do it. Fields are named as in the API and in the configuration, below the given
// path.
func (r Recipe) Validate(path string) []Violation {
	v := violationList{path: path}
	if len(r.Videos)+len(r.Audios) == 0 {
		v.add("videos", "name at least one video or audio rendition")
	}
	if len(r.Muxings) == 0 {
		v.add("muxings", "name at least one muxing, for example container FMP4")
	}
	directories := map[string]string{}
	for i, video := range r.Videos {
		field := fmt.Sprintf("videos[%d]", i)
		video.validate(&v, field)
		v.claimDirectory(directories, video.Directory(), field)
	}
	for i, audio := range r.Audios {
		field := fmt.Sprintf("audios[%d]", i)
		audio.validate(&v, field)
		v.claimDirectory(directories, audio.Directory(), field)
	}
	r.validateMuxings(&v)
	r.validateManifests(&v)
	r.validateLabels(&v)
	r.validatePerTitle(&v)
	r.validateImages(&v, directories)
	v.fallbackRegions(r.FallbackRegions)
	return v.list
}

func (r Recipe) validateMuxings(v *violationList) {
	directories := map[string]string{}
	for i, m := range r.Muxings {
		field := fmt.Sprintf("muxings[%d]", i)
		switch m.Container {
		case FMP4, CMAF, TS:
			if m.SegmentLength < 0 || m.SegmentLength > 60 {
				v.addf(field+".segment_length", "%g s: want more than 0 and at most 60 seconds", m.SegmentLength)
			}
			if m.FragmentDuration != 0 {
				v.addf(field+".fragment_duration", "is for MP4; the segments of %s have a segment_length", m.Container)
			}
		case MP4:
			if m.SegmentLength != 0 {
				v.add(field+".segment_length", "an MP4 muxing has no segments; leave it out")
			}
			if m.FragmentDuration < 0 || m.FragmentDuration > 60_000 {
				v.addf(field+".fragment_duration", "%d: want 1 to 60000 milliseconds, or 0 for a file without fragments", m.FragmentDuration)
			}
		default:
			v.addf(field+".container", "%q is not one of FMP4, CMAF, TS, MP4", m.Container)
		}
		v.checkDirectory(field+".directory", m.Directory)
		v.claimDirectory(directories, m.Directory, field)
	}
}

func (r Recipe) validateManifests(v *violationList) {
	names := map[string]string{}
	for i, m := range r.Manifests {
		field := fmt.Sprintf("manifests[%d]", i)
		if m.Format != DASH && m.Format != HLS {
			v.addf(field+".format", "%q is not one of DASH, HLS", m.Format)
		}
		if strings.ContainsAny(m.Name, "/\\") {
			v.addf(field+".name", "%q: want a file name without directories", m.Name)
		}
		v.checkText(field+".name", m.Name)
		if other, taken := names[m.FileName()]; taken {
			v.addf(field+".name", "%s has the same file name %q", other, m.FileName())
		}
		names[m.FileName()] = field
	}
}

func (video Video) validate(v *violationList, field string) {
	if !slices.Contains([]Codec{H264, H265, VP9, AV1}, video.Codec) {
		v.addf(field+".codec", "%q is not one of H264, H265, VP9, AV1", video.Codec)
	}
	if video.Height < 0 || video.Height > 8640 {
		v.addf(field+".height", "%d: want 1 to 8640 pixels, or 0 to follow the source", video.Height)
	}
	if video.Width < 0 || video.Width > 15360 {
		v.addf(field+".width", "%d: want 1 to 15360 pixels, or 0 to follow the aspect ratio", video.Width)
	}
	switch {
	case video.IsPerTitle() && video.CRF != 0:
		v.add(field+".crf", "the platform chooses the quality of a per-title rendition; leave it out")
	case video.Bitrate == 0 && video.CRF == 0 && video.IsPerTitle(): // the platform chooses
	case video.Bitrate == 0 && video.CRF == 0:
		v.add(field+".bitrate", "give a bitrate in bit/s, or a crf")
	case video.CRF != 0 && video.Codec == AV1:
		v.add(field+".crf", "the platform has no crf for AV1; give a bitrate in bit/s")
	case video.Bitrate != 0 && video.CRF != 0:
		v.add(field+".crf", "bitrate and crf exclude each other")
	case video.CRF == 0 && (video.Bitrate < 10_000 || video.Bitrate > 500_000_000):
		v.addf(field+".bitrate", "%d: want 10000 to 500000000 bit/s", video.Bitrate)
	case video.CRF < 0 || video.CRF > 63:
		v.addf(field+".crf", "%g: want 0 to 63 (51 for H264 and H265)", video.CRF)
	case video.CRF > 51 && (video.Codec == H264 || video.Codec == H265):
		v.addf(field+".crf", "%g: want 0 to 51 for %s", video.CRF, video.Codec)
	case video.Codec == VP9 && video.CRF != math.Trunc(video.CRF):
		v.addf(field+".crf", "%g: want a whole number for VP9", video.CRF)
	}
	if video.FrameRate < 0 || video.FrameRate > 300 {
		v.addf(field+".frame_rate", "%g: want at most 300 frames per second, or 0 to follow the source", video.FrameRate)
	}
	video.validateGOP(v, field)
	v.checkName(field, video.Name)
}

// validateGOP checks the distances between keyframes.
func (video Video) validateGOP(v *violationList, field string) {
	if video.MinGOP < 0 || video.MaxGOP < 0 || video.MaxGOP > 0 && video.MinGOP > video.MaxGOP {
		v.addf(field+".max_gop", "want 0 or more frames, and min_gop (%d) not above max_gop (%d)", video.MinGOP, video.MaxGOP)
	}
	least, most := video.MinKeyframeInterval, video.MaxKeyframeInterval
	if least < 0 || most < 0 || most > 0 && least > most {
		v.addf(field+".max_keyframe_interval", "want 0 or more seconds, and min_keyframe_interval (%g) not above max_keyframe_interval (%g)", least, most)
	}
	if video.MinGOP+video.MaxGOP > 0 && least+most > 0 {
		v.add(field+".max_keyframe_interval", "give the distance between keyframes in frames (min_gop, max_gop) or in seconds, not in both")
	}
}

func (audio Audio) validate(v *violationList, field string) {
	if !slices.Contains([]Codec{AAC, HEAACv1, HEAACv2, Opus}, audio.Codec) {
		v.addf(field+".codec", "%q is not one of AAC, HE_AAC_V1, HE_AAC_V2, OPUS", audio.Codec)
	}
	if audio.Bitrate < 6_000 || audio.Bitrate > 2_000_000 {
		v.addf(field+".bitrate", "%d: want 6000 to 2000000 bit/s", audio.Bitrate)
	}
	if audio.SampleRate < 0 || audio.SampleRate > 192_000 {
		v.addf(field+".sample_rate", "%d: want 1 to 192000 Hz, or 0 to follow the source", audio.SampleRate)
	}
	if audio.Position != 0 && (audio.SelectionMode == "" || audio.SelectionMode == "AUTO") {
		v.add(field+".position", "say what it counts: selection_mode AUDIO_RELATIVE or POSITION_ABSOLUTE")
	}
	if audio.Position < 0 || audio.Position > 255 {
		v.addf(field+".position", "%d: want 0 to 255; 0 is the first stream", audio.Position)
	}
	if !isLanguage(audio.Language) {
		v.addf(field+".language", "%q: want a language tag such as de or pt-BR", audio.Language)
	}
	v.checkName(field, audio.Name)
}

// isLanguage reports whether a text is empty or looks like a language tag: letters and digits, in
// parts of at most eight with - between them.
func isLanguage(tag string) bool {
	if tag == "" {
		return true
	}
	for i, part := range strings.Split(tag, "-") {
		if len(part) == 0 || len(part) > 8 || i == 0 && len(part) < 2 {
			return false
		}
		for _, c := range []byte(part) {
			if letter := c|0x20 >= 'a' && c|0x20 <= 'z'; !letter && (i == 0 || c < '0' || c > '9') {
				return false
			}
		}
	}
	return true
}

// violationList collects violations of fields below one path.
type violationList struct {
	path string
	list []Violation
}

func (v *violationList) add(field, message string) {
	if v.path != "" {
		field = v.path + "." + field
	}
	v.list = append(v.list, Violation{Field: field, Message: message})
}

func (v *violationList) addf(field, format string, args ...any) {
	v.add(field, fmt.Sprintf(format, args...))
}

// claimDirectory notes that field writes to directory, or adds a violation if another field does.
func (v *violationList) claimDirectory(taken map[string]string, directory, field string) {
	if other, ok := taken[directory]; ok {
		v.addf(field, "writes to the same directory %q as %s; give it a name or directory of its own", directory, other)
		return
	}
	taken[directory] = field
}

// checkName adds a violation if a name is a path or has hidden characters.
func (v *violationList) checkName(field, name string) {
	if strings.ContainsAny(name, "/\\") || name == "." || name == ".." {
		v.addf(field+".name", "%q: want a name without slashes that is not . or ..", name)
	}
	v.checkText(field+".name", name)
}

// checkDirectory adds a violation if a directory is not below the job's output path.
func (v *violationList) checkDirectory(field, directory string) {
	if !staysBelow(directory) {
		v.addf(field, "%q: want a relative directory without . and ..", directory)
	}
	v.checkText(field, directory)
}

// checkText adds a violation if a text has hidden characters.
func (v *violationList) checkText(field, text string) {
	if at, what := FindHidden(text); at > 0 {
		v.addf(field, "%s at character %d of %q: leave it out", what, at, text)
	}
}

// staysBelow reports whether a path is empty, or relative and without empty elements, "." and "..".
func staysBelow(path string) bool {
	if path == "" {
		return true
	}
	for element := range strings.SplitSeq(path, "/") {
		if element == "" || element == "." || element == ".." {
			return false
		}
	}
	return true
}

// fallbackRegions checks how many fallback regions a recipe or template has. Package capability
// checks whether they exist.
func (v *violationList) fallbackRegions(regions []string) {
	if len(regions) > MaxFallbackRegions {
		v.addf("fallback_regions", "want at most %d regions", MaxFallbackRegions)
	}
	for i, region := range regions {
		if region == "" {
			v.addf(fmt.Sprintf("fallback_regions[%d]", i), "is empty; regions are spelled like AWS_EU_WEST_1")
		}
	}
}

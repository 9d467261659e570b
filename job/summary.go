package job

import (
	"fmt"
	"slices"
	"strings"
)

// Summary is what a recipe or template encodes to, as far as people want to know it in a list.
type Summary struct {
	Videos     []VideoSummary
	Audios     []string // names of the codecs
	Containers []string // of the muxings, as people spell them
	Manifests  []string // DASH, HLS
	Pictures   []string // thumbnails, sprites
}

// VideoSummary is a video rendition.
type VideoSummary struct {
	Codec    string // as people spell it, for example H.264
	Height   int    // 0 if it follows the source
	PerTitle bool   // the platform chooses a part of it for each title
}

// String returns the summary in short words, for example "H.264 480p, 720p; AAC; fMP4; DASH, HLS". It is
// empty for the zero Summary.
func (s Summary) String() string {
	var parts []string
	var codecs []string
	for _, v := range s.Videos {
		if !slices.Contains(codecs, v.Codec) {
			codecs = append(codecs, v.Codec)
			parts = append(parts, s.video(v.Codec))
		}
	}
	for _, list := range [][]string{s.Audios, s.Containers, s.Manifests, s.Pictures} {
		if len(list) > 0 {
			parts = append(parts, strings.Join(distinctNames(list), ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// video is the part about the videos of one codec.
func (s Summary) video(codec string) string {
	var heights []int
	perTitle := false
	for _, v := range s.Videos {
		if v.Codec == codec {
			perTitle = perTitle || v.PerTitle
			if v.Height > 0 {
				heights = append(heights, v.Height)
			}
		}
	}
	slices.Sort(heights)
	heights = slices.Compact(heights)
	switch {
	case perTitle && len(heights) > 0:
		return fmt.Sprintf("%s per title to %dp", codec, heights[len(heights)-1])
	case perTitle:
		return codec + " per title"
	case len(heights) == 0:
		return codec
	}
	names := make([]string, len(heights))
	for i, h := range heights {
		names[i] = fmt.Sprintf("%dp", h)
	}
	return codec + " " + strings.Join(names, ", ")
}

// distinctNames returns the names, each once, in the order in which they come first.
func distinctNames(list []string) []string {
	var names []string
	for _, name := range list {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Summarize returns what the recipe encodes to.
func (r Recipe) Summarize() Summary {
	var s Summary
	for _, v := range r.Videos {
		s.Videos = append(s.Videos, VideoSummary{Codec: codecTitle(v.Codec), Height: v.Height, PerTitle: v.IsPerTitle()})
	}
	for _, a := range r.Audios {
		s.Audios = append(s.Audios, codecTitle(a.Codec))
	}
	for _, m := range r.Muxings {
		switch {
		case m.Container == FMP4:
			s.Containers = append(s.Containers, "fMP4")
		case m.IsFragmented():
			s.Containers = append(s.Containers, "fragmented MP4")
		default:
			s.Containers = append(s.Containers, string(m.Container))
		}
	}
	for _, m := range r.Manifests {
		s.Manifests = append(s.Manifests, string(m.Format))
	}
	if len(r.Thumbnails) > 0 {
		s.Pictures = append(s.Pictures, "thumbnails")
	}
	if len(r.Sprites) > 0 {
		s.Pictures = append(s.Pictures, "sprites")
	}
	return s
}

// codecTitle is a codec as people spell it.
func codecTitle(c Codec) string {
	switch c {
	case H264:
		return "H.264"
	case H265:
		return "H.265"
	case HEAACv1, HEAACv2:
		return "HE-AAC"
	case Opus:
		return "Opus"
	}
	return string(c)
}

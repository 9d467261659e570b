package capability

import (
	"fmt"
	"slices"

	"github.com/stokerd/stoker/job"
)

// containers has the codecs that each container can hold.
var containers = map[job.Container][]job.Codec{
	job.FMP4: {job.H264, job.H265, job.VP9, job.AV1, job.AAC, job.HEAACv1, job.HEAACv2, job.Opus},
	job.CMAF: {job.H264, job.H265, job.VP9, job.AV1, job.AAC, job.HEAACv1, job.HEAACv2, job.Opus},
	job.MP4:  {job.H264, job.H265, job.VP9, job.AV1, job.AAC, job.HEAACv1, job.HEAACv2, job.Opus},
	job.TS:   {job.H264, job.H265, job.AAC, job.HEAACv1, job.HEAACv2},
}

// checkPackaging checks that each rendition fits into each muxing, and that each manifest has a
// muxing to refer to.
func (c *checker) checkPackaging(r job.Recipe) {
	for i, m := range r.Muxings {
		codecs, known := containers[m.Container]
		if !known {
			continue
		}
		for _, codec := range r.Codecs() {
			if !slices.Contains(codecs, codec) && fitsSomewhere(codec) {
				c.add(fmt.Sprintf("muxings[%d].container", i), "%s cannot hold %s; take FMP4 or CMAF, or give %s a profile of its own",
					m.Container, codec, codec)
			}
		}
	}
	for i, m := range r.Manifests {
		c.checkManifest(fmt.Sprintf("manifests[%d].format", i), m.Format, r.Muxings)
	}
}

// fitsSomewhere reports whether any container holds a codec: an unknown codec is refused elsewhere.
func fitsSomewhere(codec job.Codec) bool { return slices.Contains(containers[job.FMP4], codec) }

// checkManifest checks that a manifest of a format can refer to one of the muxings.
func (c *checker) checkManifest(field string, format job.ManifestFormat, muxings []job.Muxing) {
	if len(muxings) == 0 {
		return
	}
	plain := false // there is an MP4 muxing without fragments
	for _, m := range muxings {
		switch {
		case m.Container == job.MP4 && !m.IsFragmented():
			plain = true
		case m.Container == job.TS && format == job.DASH:
		default:
			return
		}
	}
	if plain {
		c.add(field, "a %s manifest cannot refer to MP4 files without fragments; give the MP4 muxing a fragment_duration (milliseconds), or add a muxing FMP4 or CMAF", format)
		return
	}
	c.add(field, "a DASH manifest cannot refer to TS segments; add a muxing FMP4 or CMAF, or leave the manifest out")
}

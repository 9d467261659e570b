package job

import (
	"fmt"
	"slices"
)

// validateLabels checks the labels of audio renditions, and that the recipe has what labels need.
func (r Recipe) validateLabels(v *violationList) {
	if !r.HasLabels() {
		return
	}
	type track struct{ group, title string }
	tracks := map[track]string{}
	for i, a := range r.Audios {
		field := fmt.Sprintf("audios[%d]", i)
		switch {
		case a.Label != "" && len(r.Manifests) == 0:
			v.add(field+".label", "players read labels in manifests; the recipe has none")
		case a.Label != "" && a.Language == "":
			v.add(field+".language", "a label needs a language")
		}
		v.checkText(field+".label", a.Label)
		key := track{a.Group(), a.Title()}
		if other, taken := tracks[key]; taken {
			v.addf(field+".label", "%s is called %q as well, at the same bitrate; give it a label of its own", other, a.Title())
		}
		tracks[key] = field
	}
	if len(r.Videos) == 0 {
		v.add("videos", "labels need a video, from which the audio track is chosen")
	}
	for i, video := range r.Videos {
		if video.IsPerTitle() {
			v.addf(fmt.Sprintf("videos[%d].mode", i), "a manifest with labels names each rendition, and those of %s are not known before; leave the labels or the mode out", video.Mode)
		}
	}
	for i, m := range r.Manifests {
		if !slices.ContainsFunc(r.Muxings, func(muxing Muxing) bool { return muxing.Segments(m.Format) }) {
			v.add(fmt.Sprintf("manifests[%d].format", i), "labels need segments; add a muxing FMP4 or CMAF")
		}
	}
}

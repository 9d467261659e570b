package job_test

import (
	"testing"

	"github.com/stokerd/stoker/job"
)

func TestRecipeSummary(t *testing.T) {
	for want, r := range map[string]job.Recipe{
		"":                                      {},
		"H.264 480p, 720p, 1080p; AAC; fMP4":    job.DefaultRecipe(),
		"H.265 per title to 2160p; Opus; CMAF":  {Videos: []job.Video{{Codec: job.H265, Height: 720, Mode: job.PerTitleTemplate}, {Codec: job.H265, Height: 2160}}, Audios: []job.Audio{{Codec: job.Opus}, {Codec: job.Opus}}, Muxings: []job.Muxing{{Container: job.CMAF}}},
		"H.264 per title; fragmented MP4; DASH": {Videos: []job.Video{{Codec: job.H264, Mode: job.PerTitleTemplate}}, Muxings: []job.Muxing{{Container: job.MP4, FragmentDuration: 4000}}, Manifests: []job.Manifest{{Format: job.DASH}}},
		"H.264 360p, 1080p; AV1; MP4, TS; HLS; thumbnails, sprites": {
			Videos:    []job.Video{{Codec: job.H264, Height: 1080}, {Codec: job.AV1, Width: 1920}, {Codec: job.H264, Height: 360}, {Codec: job.H264, Height: 1080}},
			Muxings:   []job.Muxing{{Container: job.MP4}, {Container: job.TS}},
			Manifests: []job.Manifest{{Format: job.HLS}}, Thumbnails: make([]job.Thumbnail, 2), Sprites: make([]job.Sprite, 1),
		},
		"AAC, HE-AAC; MP4": {Audios: []job.Audio{{Codec: job.AAC}, {Codec: job.HEAACv1}, {Codec: job.HEAACv2}}, Muxings: []job.Muxing{{Container: job.MP4}}},
	} {
		if got := r.Summarize().String(); got != want {
			t.Errorf("the summary is %q, want %q", got, want)
		}
	}
}

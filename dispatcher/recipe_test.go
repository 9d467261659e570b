package dispatcher

import (
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// A recipe with everything that a recipe can have is encoded. What the jobs of a batch share is
// created once.
func TestWholeRecipe(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		const jobs = 3
		b := w.submit(jobs, func(b *job.Batch) {
			b.Recipe = &job.Recipe{
				Videos: []job.Video{
					{
						Codec: job.H265, Height: 2160, Bitrate: 12_000_000, Profile: "main10", Level: "5.1", DynamicRangeFormat: "HDR10",
						PixelFormat: "YUV420P10LE", MinKeyframeInterval: 2, MaxKeyframeInterval: 2,
					},
					{Codec: job.H264, Mode: job.PerTitleTemplate, MaxGOP: 50},
				},
				Audios: []job.Audio{
					{Codec: job.AAC, Bitrate: 128_000, Language: "en", SelectionMode: "AUDIO_RELATIVE"},
					{Codec: job.AAC, Bitrate: 128_000, Language: "de", SelectionMode: "AUDIO_RELATIVE", Position: 1, Optional: true},
				},
				Muxings:     []job.Muxing{{Container: job.FMP4}, {Container: job.MP4, Directory: "mp4", FragmentDuration: 4000}},
				Manifests:   []job.Manifest{{Format: job.DASH}, {Format: job.HLS}},
				PerTitle:    &job.PerTitle{MinBitrate: 400_000, MaxBitrate: 8_000_000},
				Deinterlace: &job.Deinterlace{Mode: "FRAME", AutoEnable: "META_DATA_BASED"},
				Thumbnails:  []job.Thumbnail{{Height: 320, Interval: 10}},
				Sprites:     []job.Sprite{{Height: 90}},
				ACL:         job.NoACL,
			}
		})
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded {
			w.t.Fatalf("the batch is %s: %v", b.State, w.jobs(b.ID)[0].Failure)
		}
		for route, want := range map[string]int{
			"POST /encoding/filters/deinterlace":                       1,
			"POST /encoding/configurations/audio/aac":                  1, // both languages share it
			"POST /encoding/encodings/{id}/streams":                    4 * jobs,
			"POST /encoding/encodings/{id}/streams/{child}/filters":    2 * jobs,
			"POST /encoding/encodings/{id}/streams/{child}/thumbnails": jobs,
			"POST /encoding/encodings/{id}/streams/{child}/sprites":    jobs,
			"POST /encoding/encodings/{id}/muxings/fmp4":               4 * jobs,
			"POST /encoding/encodings/{id}/muxings/mp4":                4 * jobs,
			"POST /encoding/manifests/dash/default":                    jobs,
			"POST /encoding/manifests/hls/default":                     jobs,
			"POST /encoding/outputs/{id}/check-permissions":            1,
		} {
			if n := w.calls(route); n != want {
				w.t.Errorf("%d calls of %s, want %d", n, route, want)
			}
		}
		for _, e := range w.sim.Encodings() {
			if !strings.Contains(string(e.StartRequest), `"h264Configuration":{"minBitrate":400000,"maxBitrate":8000000,"autoRepresentations":{}}`) {
				w.t.Errorf("the start of %s: %s", e.Name, e.StartRequest)
			}
			for _, m := range e.Muxings {
				if len(m.Outputs[0].ACL) > 0 {
					w.t.Errorf("a muxing of %s has an ACL: %+v", e.Name, m.Outputs)
				}
			}
		}
		w.usedOneAttemptEach(b)
		w.audit(b.ID)
	})
}

// Manifests with labels are taken by the platform.
func TestLabels(t *testing.T) {
	sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: time.Minute}
	inWorld(t, sim, func(w *world) {
		w.run()
		b := w.submit(2, func(b *job.Batch) {
			b.Recipe.Audios = []job.Audio{
				{Codec: job.AAC, Bitrate: 128_000, Language: "en", Label: "English", SelectionMode: "AUDIO_RELATIVE"},
				{Codec: job.AAC, Bitrate: 128_000, Language: "de", Label: "Deutsch", SelectionMode: "AUDIO_RELATIVE", Position: 1, Optional: true},
				{Codec: job.AAC, Bitrate: 64_000, Language: "en", Label: "English", SelectionMode: "AUDIO_RELATIVE"},
			}
			b.Recipe.Muxings = []job.Muxing{{Container: job.TS, Directory: "ts"}, {Container: job.CMAF}}
			b.Recipe.Manifests = []job.Manifest{{Format: job.DASH}, {Format: job.HLS}}
		})
		b = w.awaitEnd(b.ID, time.Hour)
		if b.State != job.BatchSucceeded {
			w.t.Fatalf("the batch is %s: %v", b.State, w.jobs(b.ID)[0].Failure)
		}
		for route, want := range map[string]int{
			"POST /encoding/manifests/hls":                  2,
			"POST /encoding/manifests/hls/{id}/media/audio": 2 * 3,
			"POST /encoding/manifests/hls/{id}/streams":     2 * 3 * 2,
			"POST /encoding/manifests/dash":                 2,
			"POST /encoding/manifests/dash/default":         0,
			"POST /encoding/manifests/dash/{id}/periods":    2,
		} {
			if n := w.calls(route); n != want {
				w.t.Errorf("%d calls of %s, want %d", n, route, want)
			}
		}
		for _, e := range w.sim.Encodings() {
			if len(e.Manifests) != 2 {
				w.t.Errorf("%s has manifests %v", e.Name, e.Manifests)
			}
		}
		w.audit(b.ID)
	})
}

package job

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultRecipe(t *testing.T) {
	r := DefaultRecipe()
	if v := r.Validate("recipe"); len(v) != 0 {
		t.Fatalf("the default recipe is invalid: %v", v)
	}
	var got []string
	for _, v := range r.Videos {
		got = append(got, v.Directory())
	}
	for _, a := range r.Audios {
		got = append(got, a.Directory())
	}
	want := []string{"video/480", "video/720", "video/1080", "audio/128"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("directories (-want +got):\n%s", diff)
	}
}

func TestValidateRecipe(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*Recipe)
		want []string // fields
	}{
		{"empty", func(r *Recipe) { *r = Recipe{} }, []string{"recipe.videos", "recipe.muxings"}},
		{"codec", func(r *Recipe) { r.Videos[1].Codec = "H266" }, []string{"recipe.videos[1].codec"}},
		{"crf of AV1", func(r *Recipe) { r.Videos[0].Codec, r.Videos[0].Bitrate, r.Videos[0].CRF = AV1, 0, 20 }, []string{"recipe.videos[0].crf"}},
		{"bitrate and crf", func(r *Recipe) { r.Videos[0].CRF = 20 }, []string{"recipe.videos[0].crf"}},
		{"neither", func(r *Recipe) { r.Videos[0].Bitrate = 0 }, []string{"recipe.videos[0].bitrate"}},
		{"kilobits", func(r *Recipe) { r.Audios[0].Bitrate = 128 }, []string{"recipe.audios[0].bitrate"}},
		{"same directory", func(r *Recipe) { r.Videos[1].Height = 480 }, []string{"recipe.videos[1]"}},
		{"name with a slash", func(r *Recipe) { r.Videos[0].Name = "a/b" }, []string{"recipe.videos[0].name"}},
		{"two muxings in one directory", func(r *Recipe) {
			r.Muxings = append(r.Muxings, Muxing{Container: CMAF})
		}, []string{"recipe.muxings[1]"}},
		{"escaping directory", func(r *Recipe) { r.Muxings[0].Directory = "../x" }, []string{"recipe.muxings[0].directory"}},
		{"manifest", func(r *Recipe) { r.Manifests = []Manifest{{Format: "SMOOTH"}} }, []string{"recipe.manifests[0].format"}},
		{"regions", func(r *Recipe) {
			r.FallbackRegions = []string{"AWS_US_EAST_1", "AWS_US_EAST_2", "", "AWS_EU_WEST_1"}
		}, []string{"recipe.fallback_regions", "recipe.fallback_regions[2]"}},
		{"crf of VP9", func(r *Recipe) { r.Videos[0].Codec, r.Videos[0].Bitrate, r.Videos[0].CRF = VP9, 0, 20.5 }, []string{"recipe.videos[0].crf"}},
		{"fragments of segments", func(r *Recipe) { r.Muxings[0].FragmentDuration = 4000 }, []string{"recipe.muxings[0].fragment_duration"}},
		{"GOP in frames and seconds", func(r *Recipe) { r.Videos[0].MinGOP, r.Videos[0].MaxKeyframeInterval = 50, 2 }, []string{"recipe.videos[0].max_keyframe_interval"}},
		{"GOP upside down", func(r *Recipe) { r.Videos[0].MinGOP, r.Videos[0].MaxGOP = 50, 25 }, []string{"recipe.videos[0].max_gop"}},
		{"per title with crf", func(r *Recipe) {
			r.Videos[0].Mode, r.Videos[0].CRF = PerTitleTemplate, 20
		}, []string{"recipe.videos[0].crf"}},
		{"fixed resolution", func(r *Recipe) {
			r.Videos[0].Mode, r.Videos[0].Height = PerTitleTemplateFixedResolution, 0
		}, []string{"recipe.videos[0].height"}},
		{"fixed bitrate", func(r *Recipe) {
			r.Videos[0].Mode, r.Videos[0].Bitrate = PerTitleTemplateFixedResolutionAndBitrate, 0
		}, []string{"recipe.videos[0].bitrate"}},
		{"bounds of nothing", func(r *Recipe) {
			r.PerTitle = &PerTitle{MinBitrate: 2, MaxBitrate: 1, MaxBitrateStepSize: 0.5, TargetQualityCRF: 64}
		}, []string{
			"recipe.per_title", "recipe.per_title.max_bitrate", "recipe.per_title.max_bitrate_step_size", "recipe.per_title.target_quality_crf",
		}},
		{"position of AUTO", func(r *Recipe) { r.Audios[0].Position = 1 }, []string{"recipe.audios[0].position"}},
		{"language", func(r *Recipe) { r.Audios[0].Language = "German, please" }, []string{"recipe.audios[0].language"}},
		{"label without manifest and language", func(r *Recipe) { r.Audios[0].Label = "Deutsch" }, []string{"recipe.audios[0].label"}},
		{"label without language", func(r *Recipe) {
			r.Audios[0].Label, r.Manifests = "Deutsch", []Manifest{{Format: HLS}}
		}, []string{"recipe.audios[0].language"}},
		{"same label", func(r *Recipe) {
			a := Audio{Codec: AAC, Bitrate: 128_000, Language: "de", Label: "Deutsch"}
			r.Audios, r.Manifests = []Audio{a, a}, []Manifest{{Format: HLS}}
			r.Audios[1].Name = "other"
		}, []string{"recipe.audios[1].label"}},
		{"label per title and over MP4", func(r *Recipe) {
			r.Audios[0].Label, r.Audios[0].Language, r.Manifests = "Deutsch", "de", []Manifest{{Format: DASH}, {Format: HLS}}
			r.Muxings = []Muxing{{Container: TS}}
			r.Videos = []Video{{Codec: H264, Mode: PerTitleTemplate}}
		}, []string{"recipe.videos[0].mode", "recipe.manifests[0].format"}},
		{"label without video", func(r *Recipe) {
			r.Audios[0].Label, r.Audios[0].Language, r.Manifests, r.Videos = "Deutsch", "de", []Manifest{{Format: HLS}}, nil
		}, []string{"recipe.videos"}},
		{"labels", func(r *Recipe) {
			r.Audios[0].Label, r.Audios[0].Language, r.Manifests = "Deutsch", "de", []Manifest{{Format: DASH}, {Format: HLS}}
			r.Audios = append(r.Audios, Audio{Codec: AAC, Bitrate: 128_000, Language: "de", Label: "Hörfilm", Name: "hoerfilm"}, Audio{Codec: AAC, Bitrate: 64_000, Language: "de", Label: "Deutsch"})
		}, nil},
		{"same audio directory", func(r *Recipe) {
			r.Audios = append(r.Audios, Audio{Codec: AAC, Bitrate: 128_000, SelectionMode: "AUDIO_RELATIVE", Position: 1})
		}, []string{"recipe.audios[1]"}},
		{"thumbnails", func(r *Recipe) {
			r.Thumbnails = []Thumbnail{{}, {Height: 100, Interval: 0.5, Directory: "a", Pattern: "a/b.png"}, {Height: 1, Interval: 1, Positions: []float64{1}, Directory: "b"}}
		}, []string{
			"recipe.thumbnails[0].height", "recipe.thumbnails[0].interval",
			"recipe.thumbnails[1].pattern", "recipe.thumbnails[1].interval", "recipe.thumbnails[1].pattern",
			"recipe.thumbnails[2].positions",
		}},
		{"sprites", func(r *Recipe) {
			r.Sprites = []Sprite{{Height: 90, SpriteName: "a.gif", VTTName: "a.txt", HTiles: 5}, {Height: 90}, {Height: 90}}
		}, []string{
			"recipe.sprites[0].sprite_name", "recipe.sprites[0].vtt_name", "recipe.sprites[0].v_tiles", "recipe.sprites[0].sprite_name",
			"recipe.sprites[1]", "recipe.sprites[2]",
		}},
		{"pictures of no video", func(r *Recipe) {
			r.Videos, r.Thumbnails, r.Deinterlace = nil, []Thumbnail{{Height: 1, Interval: 1}}, &Deinterlace{}
		}, []string{"recipe.thumbnails", "recipe.deinterlace"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := DefaultRecipe()
			tt.edit(&r)
			var got []string
			for _, v := range r.Validate("recipe") {
				got = append(got, v.Field)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

// A rendition has a directory of its own, whose longest name counts for the length of paths.
func TestRenditionDirectories(t *testing.T) {
	for _, tt := range []struct {
		rendition interface{ Directory() string }
		want      string
	}{
		{Video{Codec: H264, Height: 720, Bitrate: 1_200_000}, "video/720"},
		{Video{Codec: H264, Bitrate: 1_200_000}, "video/1200k"},
		{Video{Codec: AV1, Mode: PerTitleTemplate}, "video/av1/{width}_{bitrate}_{uuid}"},
		{Video{Codec: AV1, Height: 720, Mode: PerTitleTemplateFixedResolution}, "video/720/{width}_{bitrate}_{uuid}"},
		{Audio{Codec: AAC, Bitrate: 128_000}, "audio/128"},
		{Audio{Codec: AAC, Bitrate: 128_000, Language: "pt-BR"}, "audio/pt-BR/128"},
		{Audio{Name: "commentary", Codec: AAC, Bitrate: 128_000, Language: "en"}, "audio/commentary"},
	} {
		if got := tt.rendition.Directory(); got != tt.want {
			t.Errorf("the directory of %+v is %s, want %s", tt.rendition, got, tt.want)
		}
	}
	r := Recipe{Videos: []Video{{Codec: AV1, Mode: PerTitleTemplate}}, Muxings: []Muxing{{Container: MP4}}}
	name := "15360_500000000_00000000-0000-0000-0000-000000000000"
	if got, want := r.LongestFile(), len("/video/av1/"+name+"/"+name+".mp4"); got != want {
		t.Errorf("the longest file has %d bytes, want %d", got, want)
	}
}

func TestRegionOf(t *testing.T) {
	r := Recipe{Region: "A", FallbackRegions: []string{"B", "C"}}
	for moves, want := range []string{"A", "B", "C", "C"} {
		if got := r.RegionOf(moves); got != want {
			t.Errorf("RegionOf(%d) = %q, want %q", moves, got, want)
		}
	}
	template := Template{FallbackRegions: []string{"B"}}
	for moves, want := range []string{"", "B", "B"} { // the first one is the template's own
		if got := template.RegionOf(moves); got != want {
			t.Errorf("RegionOf(%d) of a template = %q, want %q", moves, got, want)
		}
	}
	if got := (Template{}).RegionOf(1); got != "" {
		t.Errorf("RegionOf(1) without fallback regions = %q, want the template's own", got)
	}
}

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
		{"mode", func(r *Recipe) { r.EncodingMode = "FAST" }, []string{"recipe.encoding_mode"}},
		{"regions", func(r *Recipe) {
			r.FallbackRegions = []string{"AWS_US_EAST_1", "us-east", "", "GOOGLE_EUROPE_WEST_1"}
		}, []string{"recipe.fallback_regions", "recipe.fallback_regions[1]", "recipe.fallback_regions[2]"}},
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

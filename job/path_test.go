package job_test

import (
	"testing"

	"github.com/stokerd/stoker/job"
)

// At a storage, paths are bytes: whatever looks odd in them may be the name of an object.
func TestInputPath(t *testing.T) {
	for _, p := range []string{
		"in/a.mov", "/lead/slash.mov", "in//double//slash.mov", "in/dot/./a.mov", "./a.mov", "in/a.mov/", "in/../up.mov", "//",
		`in\dos\back.mov`, "in/100% #1?x+y&z=1.mov", "in/%7e%2Fenc.mov", "in/caf\u00e9.mov", "in/cafe\u0301.mov", " in/a.mov ",
	} {
		if got := job.InputPath("", p); got != p {
			t.Errorf("%q without base path is %q", p, got)
		}
		if got, want := job.InputPath("masters//x", p), "masters//x/"+p; got != want {
			t.Errorf("%q below a base path is %q, want %q", p, got, want)
		}
	}
}

func TestLongestFile(t *testing.T) {
	recipe := job.DefaultRecipe()
	check := func(what, longest string) {
		t.Helper()
		if got := recipe.LongestFile(); got != len(longest) {
			t.Errorf("%s: %d bytes, want %d, as %s has", what, got, len(longest), longest)
		}
	}
	check("the default recipe", "/video/1080/segment_0000000000.m4s")
	recipe.Muxings[0].Directory = "fmp4"
	check("with a directory of the muxing", "/fmp4/video/1080/segment_0000000000.m4s")
	recipe.Videos[0].Name = "prüfung-mit-langem-namen"
	check("with a name", "/fmp4/video/prüfung-mit-langem-namen/segment_0000000000.m4s")
	recipe.Muxings = []job.Muxing{{Container: job.MP4}}
	check("an MP4", "/video/prüfung-mit-langem-namen/prüfung-mit-langem-namen.mp4")
	recipe.Manifests = []job.Manifest{{Format: job.HLS, Name: "a-playlist-with-a-name-that-is-longer-than-all-the-others-are-together"}}
	check("a manifest", "/a-playlist-with-a-name-that-is-longer-than-all-the-others-are-together")
}

func TestLeadsUpward(t *testing.T) {
	for p, want := range map[string]bool{
		"..": true, "../a": true, "a/..": true, "a/../b": true, "a..b": false, "a/...": false, "a/b..": false, "": false, `a\..\b`: false,
	} {
		if got := job.LeadsUpward(p); got != want {
			t.Errorf("%q: %t, want %t", p, got, want)
		}
	}
}

func TestDeriveOutputPath(t *testing.T) {
	for input, want := range map[string]string{
		"in/sintel.mov": "in/sintel", "/in/a.b/c": "in/a.b/c", "a.tar.gz": "a.tar", "dir/.hidden": "dir/.hidden", "plain": "plain",
		"in//double//slash.mov": "in/double/slash", "in/dot/./a.mov": "in/dot/a", "./a.mov": "a", "in/../up.mov": "up", "../up.mov": "up",
		"in/...mov": "in/...mov", "in/caf\u00e9.mov": "in/caf\u00e9", "in/Trailer .mov ": "in/Trailer ", `in/dos\back.mov`: `in/dos\back`,
		"": "", "/": "", ".": "", "..": "", "/../a/./b/..": "a", "a/": "a", "https://cdn.example.com/a.mov": "", "s3://bucket/a.mov": "",
	} {
		if got := job.DeriveOutputPath(input); got != want {
			t.Errorf("%q derives %q, want %q", input, got, want)
		}
	}
}

// A list of a million jobs has a derived path for each.
func TestDeriveOutputPathSharesMemory(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { job.DeriveOutputPath("masters/2026/a film.mov") }); n > 0 {
		t.Errorf("a usual path makes %v allocations", n)
	}
}

package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/examples"
	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// Every template of the library goes all the way: it is accepted, planned, tried without submitting,
// submitted, and encoded. At the platform it leaves what it is an example of.
func TestTemplateLibrary(t *testing.T) {
	sim := &simulator.Simulator{Encoders: 30, Duration: 10 * time.Millisecond, TemplateDelay: time.Millisecond}
	env := serviceEnv(t, sim)
	env["STOKER_POLL_INTERVAL"] = "100ms"
	s := startService(t, env)
	names, err := fs.Glob(examples.Templates, "templates/*.yaml")
	if err != nil || len(names) < 13 {
		t.Fatalf("templates %v, %v", names, err)
	}
	made := map[string]string{ // what has to be there in the end, by template
		"audio-languages": "/encoding/manifests/hls", "captions": "/encoding/encodings/{}/sidecars", "custom-dash": "/encoding/manifests/dash",
		"custom-hls": "/encoding/manifests/hls", "deinterlace": "/encoding/filters/deinterlace", "hdr10": "/encoding/configurations/video/h265",
		"mp4-download": "mp4", "per-title": "/encoding/manifests/dash/default", "speke-drm": "/encoding/encodings/{}/muxings/fmp4/{}/drm/speke",
		"three-codecs": "/encoding/configurations/video/av1", "thumbnails": "/encoding/encodings/{}/streams/{}/sprites",
		"trimming": "/encoding/encodings/{}/input-streams/concatenation", "watermark": "/encoding/filters/enhanced-watermark",
	}
	batches := map[string]string{}
	for _, path := range names {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		text, err := fs.ReadFile(examples.Templates, path)
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(text[:strings.Index(string(text), "metadata:")]), "\n"); lines < 9 {
			t.Errorf("%s has %d lines of explanation, want about ten", name, lines)
		}
		list := listFor(t, name, string(text))
		file := filepath.Join(t.TempDir(), name+".yaml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		run := func(args ...string) result {
			t.Helper()
			got := command{env: env}.run(t.Context(), append(args, list, "--template-file", file)...)
			if got.code != exitOK {
				t.Fatalf("%s: stoker %s: exit code %d: %s%s", name, args[0], got.code, got.stdout, got.stderr)
			}
			return got
		}
		run("plan", "--encoders", "2", "--duration", "1m")
		run("submit", "--server", s.grpc, "--dry-run")
		batches[name] = strings.TrimSpace(run("submit", "--server", s.grpc, "--name", name).stdout)
	}
	for name, batch := range batches {
		if got := (command{env: env}).run(t.Context(), "watch", batch, "--server", s.grpc); got.code != exitOK {
			t.Errorf("%s: exit code %d: %s%s", name, got.code, got.stdout, got.stderr)
		}
		if !leaves(sim, name, made[name]) {
			t.Errorf("%s: there is no %s at the platform", name, made[name])
		}
	}
	if len(names) != len(made) {
		t.Errorf("%d templates, and the test knows %d", len(names), len(made))
	}
}

// listFor writes a list of two jobs with the variables of a template, and returns its path.
func listFor(t *testing.T, name, text string) string {
	t.Helper()
	parsed, mistakes := template.Parse(job.Template{Text: text})
	if len(mistakes) > 0 {
		t.Fatalf("%s: %v", name, mistakes)
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	for _, film := range []string{"one", "two"} {
		row := map[string]string{"key": name + "-" + film, "input_path": film + ".mov", "output_path": name + "/" + film}
		for _, v := range parsed.Variables() {
			row["var:"+v] = "12" // a text and a number
		}
		if err := encoder.Encode(row); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), name+".jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// leaves reports whether both encodings of a template have finished, and something of a kind is there.
func leaves(sim *simulator.Simulator, name, kind string) bool {
	finished, found := 0, false
	for _, e := range sim.Encodings() {
		if !strings.HasPrefix(e.Name, name+"-") || e.Status != simulator.Finished {
			continue
		}
		finished++
		for _, p := range e.Parts {
			found = found || p.Kind == kind
		}
		found = found || strings.EqualFold(e.Muxings[0].Type, kind)
	}
	for _, r := range sim.Resources() {
		found = found || r.Kind == kind
	}
	return finished == 2 && found
}

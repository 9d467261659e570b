package template_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/examples"
	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// TestSummary summarises every template of the examples.
func TestSummary(t *testing.T) {
	files, err := examples.Templates.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, file := range files {
		text, err := examples.Templates.ReadFile("templates/" + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		parsed, mistakes := template.ParseStored(job.Template{Text: string(text)})
		if len(mistakes) > 0 {
			t.Fatal(mistakes)
		}
		if region := parsed.Region(); region != "AUTO" && region != "" {
			t.Errorf("%s is for the region %s", file.Name(), region)
		}
		got[strings.TrimSuffix(file.Name(), ".yaml")] = parsed.Summarize().String()
	}
	if diff := cmp.Diff(map[string]string{
		"audio-languages": "H.264 1080p; AAC; fMP4; DASH, HLS",
		"captions":        "H.264 1080p; AAC; fMP4; HLS",
		"custom-dash":     "H.264 540p, 1080p; AAC; fMP4; DASH",
		"custom-hls":      "H.264 540p, 1080p; AAC; TS; HLS",
		"deinterlace":     "H.264 576p; AAC; fMP4; HLS",
		"hdr10":           "H.265 1080p, 2160p; AAC; fMP4; HLS",
		"mp4-download":    "H.264 1080p; AAC; MP4",
		"per-title":       "H.264 per title to 1080p; AAC; fMP4; DASH",
		"speke-drm":       "H.264 1080p; AAC; fMP4; DASH, HLS",
		"three-codecs":    "AV1 1080p; VP9 1080p; H.265 1080p; AAC, Opus; fMP4, WebM; DASH",
		"thumbnails":      "H.264 720p; AAC; MP4",
		"trimming":        "H.264 1080p; AAC; MP4",
		"watermark":       "H.264 540p, 1080p; AAC; MP4",
	}, got); diff != "" {
		t.Errorf("summaries (-want +got):\n%s", diff)
	}
}

// TestDeclarations lists the variables of a template that declares some of those that it uses.
func TestDeclarations(t *testing.T) {
	const text = `
metadata: {type: VOD}
encodings:
  main:
    properties: {cloudRegion: "${var:region}"}
    streams: {v: {properties: {codecConfigId: c, inputStreams: [{inputId: i, inputPath: "${input_path}"}]}}}
    muxings:
      ts: {m: {properties: {segmentLength: "${number:length}", streams: [{streamId: $/encodings/main/streams/v}], outputs: [{outputId: o, outputPath: "${brand}/${var:note}/${output_path}"}]}}}
    start: {}
`
	parsed, mistakes := template.ParseStored(job.Template{Text: text, Variables: map[string]job.TemplateVariable{
		"brand":  {Type: job.TextVariable, Default: new("junior"), Description: "whose it is"},
		"note":   {Type: job.TextVariable},
		"length": {Type: job.NumberVariable, Required: true},
	}})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	want := map[string]job.TemplateVariable{
		"brand":  {Type: job.TextVariable, Default: new("junior"), Description: "whose it is"},
		"note":   {Type: job.TextVariable, Default: new("")},
		"length": {Type: job.NumberVariable, Required: true},
		"region": {Type: job.TextVariable, Required: true},
	}
	if diff := cmp.Diff(want, parsed.Declarations()); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	if region := parsed.Region(); region != "" {
		t.Errorf("the region is %q, and jobs choose it", region)
	}
}

package template_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// writing is a template whose muxings have the given properties, and whose start has a
// variable that says nothing about where files go.
func writing(t *testing.T, muxings ...string) *template.Template {
	t.Helper()
	var b strings.Builder
	b.WriteString("metadata: {type: VOD}\nencodings:\n  main:\n    streams: {v: {properties: {codecConfigId: c, inputStreams: [{inputId: i, inputPath: \"${input_path}\"}]}}}\n    muxings:\n")
	of := map[string]string{}
	for i, m := range muxings {
		container, more := "fmp4", "segmentLength: 4, "
		if strings.Contains(m, "filename") {
			container, more = "mp4", ""
		}
		of[container] += fmt.Sprintf("        m%d: {properties: {streams: [{streamId: $/encodings/main/streams/v}], %s%s}}\n", i, more, m)
	}
	for container, text := range of {
		b.WriteString("      " + container + ":\n" + text)
	}
	b.WriteString("    start: {properties: {trimming: {duration: \"${number:seconds}\"}}}\n")
	return parse(t, b.String())
}

// What keeps the results of two jobs apart is where they are written to, and nothing else
// that is in a template.
func TestDistinctByOutputPath(t *testing.T) {
	const plain = `outputs: [{outputId: o, outputPath: "${output_path}/video"}]`
	for _, tt := range []struct {
		name    string
		muxings []string
		want    bool
	}{
		{"the output path alone", []string{plain}, true},
		{"the key as well", []string{`outputs: [{outputId: o, outputPath: "${output_path}/${key}"}]`}, false},
		{"a variable in the name of the file", []string{`filename: "${var:title}.mp4", ` + plain}, false},
		{"a variable in the names of segments", []string{`segmentNaming: "${var:title}-%number%.m4s", ` + plain}, false},
		{"a variable in one of two", []string{plain, `filename: "${var:title}.mp4", ` + plain}, true},
		{"no output path", []string{`outputs: [{outputId: o, outputPath: "${job_id}"}]`}, false},
	} {
		if got := writing(t, tt.muxings...).DistinctByOutputPath(); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestLongestFile(t *testing.T) {
	v := template.Values{
		Job:        job.Spec{Key: "kkk", Variables: map[string]string{"title": "tütü"}},
		OutputPath: "base/out",
	}
	for _, tt := range []struct {
		name    string
		muxings []string
		longest string
		field   string
	}{
		{"a segment", []string{`outputs: [{outputId: o, outputPath: "${output_path}/video/1080"}]`}, "base/out/video/1080/segment_0000000000.m4s", "output_path"},
		{"a name", []string{`filename: "a-very-long-name-of-a-file-${var:title}.mp4", outputs: [{outputId: o, outputPath: "${output_path}/"}]`}, "base/out/a-very-long-name-of-a-file-tütü.mp4", "output_path"},
		{"another variable", []string{`outputs: [{outputId: o, outputPath: "${var:title}"}]`}, "tütü/segment_0000000000.m4s", "variables.title"},
		{"the longest", []string{`outputs: [{outputId: o, outputPath: "${key}"}, {outputId: o, outputPath: "${output_path}/x"}]`}, "base/out/x/segment_0000000000.m4s", "output_path"},
	} {
		if n, field := writing(t, tt.muxings...).LongestFile(v); n != len(tt.longest) || field != tt.field {
			t.Errorf("%s: %d bytes for %s, want %d for %s, as %s has", tt.name, n, field, len(tt.longest), tt.field, tt.longest)
		}
	}
}

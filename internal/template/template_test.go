package template_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// small is a template with everything that can be filled in.
const small = `
metadata:
  type: VOD
encodings:
  main:
    properties:
      description: ${name} (${key}) of ${batch_id}, $${plain}, 5 $
      labels: [ladder, "${var:team}"]
    streams:
      v:
        properties:
          inputStreams:
            - inputId: ${input_id}
              inputPath: ${input_path}
          perTitleSettings: {codecMaxBitrateFactor: "${number:rate}"}
          createQualityMetaData: ${bool:trim}
          codecConfigId: c
    start:
`

func values() template.Values {
	return template.Values{
		ID: job.ID{Batch: "b", Number: 7},
		Job: job.Spec{
			Key: "k-7", InputPath: "in/a.mp4", OutputPath: "out/a",
			Variables: map[string]string{"team": "vod", "rate": "23.976", "trim": "true"},
		},
		InputPath: "base/in/a.mp4", OutputPath: "out/a", InputID: "i-1", OutputID: "o-1",
		EncodingName: "k-7 [b/7] #1", Labels: []string{"stoker"}, Priority: 80,
	}
}

func parse(t *testing.T, source string) *template.Template {
	t.Helper()
	parsed, mistakes := template.Parse(job.Template{Text: source})
	for _, m := range mistakes {
		t.Error(m)
	}
	if len(mistakes) > 0 {
		t.FailNow()
	}
	return parsed
}

func TestRender(t *testing.T) {
	got, err := parse(t, small).Render(values())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"metadata":{"type":"VOD","name":"k-7 [b/7] #1"},"encodings":{"main":{` +
		`"properties":{"description":"k-7 (k-7) of b, ${plain}, 5 $","labels":["ladder","vod","stoker"],"name":"k-7 [b/7] #1"},` +
		`"streams":{"v":{"properties":{"inputStreams":[{"inputId":"i-1","inputPath":"base/in/a.mp4"}],"perTitleSettings":{"codecMaxBitrateFactor":23.976},"createQualityMetaData":true,"codecConfigId":"c"}}},` +
		`"start":{"properties":{"scheduling":{"priority":80}}}}}}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rendered (-want +got):\n%s", diff)
	}
}

// Editors of Windows put a mark before the text.
func TestByteOrderMark(t *testing.T) {
	want, err := parse(t, small).Render(values())
	if err != nil {
		t.Fatal(err)
	}
	got, err := parse(t, "\ufeff"+strings.TrimPrefix(small, "\n")).Render(values())
	if err != nil || got != want {
		t.Errorf("rendered %s, %v; want %s", got, err, want)
	}
}

func TestSharedOutputs(t *testing.T) {
	const told = "encodings.main.muxings.ts.m.properties.outputs[0].outputPath is the same for all jobs, " +
		"which would overwrite each other; put ${output_path} or another variable of the job into it"
	with := func(path string) string {
		return strings.Replace(small, "    streams:", "    muxings: {ts: {m: {properties: {streams: [{streamId: s}], outputs: [{outputId: o, outputPath: \""+path+"\"}]}}}}\n    streams:", 1)
	}
	bucket := func(name string) string {
		return "outputs: {s3RoleBased: {out: {properties: {roleArn: r, bucketName: \"" + name + "\"}}}}\n" + with("films")
	}
	for _, tt := range []struct {
		source string
		shared bool
	}{
		{with("films"), true},
		{with("films/${batch_id}/$${key}"), true},
		{with("films/${output_path}"), false},
		{with("${input_path}"), false},
		{with("films/${job_id}"), false},
		{with("films/${var:title}/ts"), false},
		{bucket("films"), true},
		{bucket("films-${var:title}"), false},
		{small, false},
	} {
		got := parse(t, tt.source).SharedOutputs()
		if shared := len(got) == 1 && got[0].Text == told; shared != tt.shared || len(got) > 1 {
			t.Errorf("%s\nshared outputs: %v", tt.source, got)
		}
	}
}

// A template serves many jobs: filling it in for one leaves nothing of it behind.
func TestRenderAgain(t *testing.T) {
	parsed := parse(t, small)
	first, err := parsed.Render(values())
	if err != nil {
		t.Fatal(err)
	}
	other := values()
	other.ID.Number, other.InputPath, other.EncodingName, other.Region = 8, "in/b.mp4", "other", "AWS_US_EAST_1"
	if _, err := parsed.Render(other); err != nil {
		t.Fatal(err)
	}
	again, err := parsed.Render(values())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("after another job (-first +again):\n%s", diff)
	}
}

// What the template says of name, priority and labels gives way, in their place.
func TestRenderReplaces(t *testing.T) {
	source := strings.NewReplacer("    properties:\n      description", "    properties:\n      name: mine\n      description",
		"    start:\n", "    start: {properties: {scheduling: {priority: 3, prewarmedEncoderPoolIds: [p]}, encodingMode: TWO_PASS}}\n").Replace(small)
	got, err := parse(t, source).Render(values())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"properties":{"name":"k-7 [b/7] #1","description"`,
		`"scheduling":{"priority":80,"prewarmedEncoderPoolIds":["p"]},"encodingMode":"TWO_PASS"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nlacks %s", got, want)
		}
	}
}

// A fallback region takes the place of the template's, and what else it says of where and
// how to encode stays.
func TestRenderRegion(t *testing.T) {
	for name, tt := range map[string]struct{ properties, region, want string }{
		"the template's own": {"cloudRegion: AWS_EU_WEST_1, encoderVersion: BETA, ", "", `"cloudRegion":"AWS_EU_WEST_1","encoderVersion":"BETA","description"`},
		"in its place":       {"cloudRegion: AUTO, encoderVersion: BETA, ", "B", `"cloudRegion":"B","encoderVersion":"BETA","description"`},
		"a variable":         {`cloudRegion: "${key}", `, "B", `"cloudRegion":"B","description"`},
		"none so far":        {"", "B", `"name":"k-7 [b/7] #1","labels":["stoker"],"cloudRegion":"B"}`},
	} {
		t.Run(name, func(t *testing.T) {
			source := "metadata: {type: VOD}\nencodings: {main: {properties: {" + tt.properties + "description: d}, streams: {v: {properties: {codecConfigId: c, inputStreams: [{inputId: i, inputPath: p}]}}}, start: {}}}"
			v := values()
			v.Region = tt.region
			got, err := parse(t, source).Render(v)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("%s\nlacks %s", got, tt.want)
			}
		})
	}
}

func TestLadder(t *testing.T) {
	source, err := os.ReadFile("testdata/ladder.yaml")
	if err != nil {
		t.Fatal(err)
	}
	parsed := parse(t, string(source))
	if !parsed.Uses("input_id") || !parsed.Uses("output_id") || parsed.Uses("key") || !parsed.Uses("output_path") {
		t.Error("the variables of the example are not those it uses")
	}
	got, err := parsed.Render(values())
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(got, `"inputPath":"base/in/a.mp4"`); n != 4 {
		t.Errorf("%d input streams, want 4: aliases have to be filled in as well\n%s", n, got)
	}
}

func TestMistakes(t *testing.T) {
	edit := func(from, to string) string {
		if !strings.Contains(small, from) {
			t.Fatalf("the template has no %q", from)
		}
		return strings.Replace(small, from, to, 1)
	}
	const stream, in = "encodings.main.streams.v.properties", "encodings.main.streams.v.properties.inputStreams[0].inputPath: "
	for _, tt := range []struct{ name, source, want string }{
		{"not YAML", "metadata: [\n", "line 1: not YAML: sequence end token ']' not found"},
		{"the same key twice", "metadata: {type: VOD}\nmetadata: 1\n", "line 2: not YAML: mapping key \"metadata\" already defined at [1:1]"},
		{"a list", "- a", "line 1: want a mapping with metadata, encodings and other sections"},
		{"nothing", "", "line 1: metadata is missing: metadata: {type: VOD}\nline 1: encodings: want one encoding, not 0: a job is one encoding"},
		{"two documents", small + "---\na: b\n", "line 20: this is a second document; put everything into one"},
		{"live", edit("type: VOD", "type: LIVE"), "line 3: metadata.type: want VOD, not LIVE: live encodings are not for batches"},
		{"live encoding", edit("    start:", "    live:"), "line 5: encodings.main: start is missing, without which the encoding never leaves CREATED; write start: {} for a start without properties\n" +
			"line 18: encodings.main.live: a live encoding has no end and cannot be a job"},
		{
			"sections", "infrastructure: {}\nnotifications: {}\nlive: {}\nconfiguration: {}\nextras: {}" + small,
			"line 1: infrastructure: the platform does not allow this in a template\n" +
				"line 2: notifications: the platform does not allow this in a template\n" +
				"line 3: live: a live encoding has no end and cannot be a job\n" +
				"line 4: configuration: unknown section; did you mean \"configurations\"?\n" +
				"line 5: extras: unknown section; the sections are configurations, encodings, filters, inputs, manifests, metadata, outputs",
		},
		{"two encodings", edit("encodings:\n", "encodings:\n  other: {}\n"), "line 4: encodings: want one encoding, not 2: a job is one encoding"},
		{"no streams", edit("streams:", "stream:"), "line 5: encodings.main: streams are missing\n" +
			"line 9: encodings.main.stream: unknown key \"stream\", which the platform would ignore; did you mean \"streams\"?"},
		{"start is a list", edit("    start:", "    start: []"), "line 18: encodings.main.start: want a mapping"},
		{"unknown variable", edit("${input_path}", "${inputPath}"), "line 14: " + in +
			"unknown variable ${inputPath}; did you mean \"input_path\"?; the variables are input_id, input_path, output_id, output_path, name, key, job_id, batch_id, " +
			"and ${var:NAME}, ${number:NAME} and ${bool:NAME} for those that jobs define"},
		{"unknown kind", edit("${input_path}", "${env:HOME}"), "line 14: " + in +
			"${env:HOME}: a variable that jobs define is written ${var:NAME}, ${number:NAME} or ${bool:NAME}, and a secret ${secret:NAME}"},
		{"name of a variable", edit("${input_path}", "${var:a b}"), "line 14: " + in + "${var:a b}: the name of a variable may have letters, digits and _ . -"},
		{"no end", edit("${input_path}", "${input_path"), "line 14: " + in + "\"${input_path\": the } of a variable is missing; write $${ for a plain ${"},
		{"number in text", edit("${input_path}", "${number:rate} fps"), "line 14: " + in + "${number:rate} has to be the whole value; use ${var:rate} within text"},
		{"variable in a key", edit("      v:\n", "      ${key}:\n"), "line 10: encodings.main.streams.${key}: a variable can be in a value, not in a key"},
		{"infinite", edit(`"${number:rate}"`, ".inf"), "line 15: " + stream + ".perTitleSettings.codecMaxBitrateFactor: +Inf is not a number the platform knows"},
		{"binary", edit(`"${number:rate}"`, "!!binary aGk="), "line 15: !!binary: unknown tag; leave it out, values of the job come in by variables such as ${input_path}"},
		{"one key in two spellings", edit("codecConfigId: c", "codecConfigId: c\n          customData: {a: b, \"a\": c}"), "line 18: not YAML: mapping key \"a\" already defined at [18:24]"},
		{
			"undeclared", edit("codecConfigId: c", "codecConfigId: $/configurations/video/h264/c"),
			"line 17: " + stream + ".codecConfigId: $/configurations/video/h264/c is not declared in this template",
		},
		{
			"a path that nobody sees the whole of", edit("${input_path}", "in/\u200b${input_path}"),
			"line 14: " + in + `U+200B ZERO WIDTH SPACE at character 4 of "in/\u200b${input_path}": leave it out`,
		},
		{
			"declared later", edit("codecConfigId: c", "codecConfigId: $/configurations/video/h264/c") + "configurations: {video: {h264: {c: {}}}}\n",
			"line 17: " + stream + ".codecConfigId: $/configurations/video/h264/c is declared later; a section has to come before the sections that use it",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkMistakes(t, tt.source, tt.want)
		})
	}
}

// checkMistakes compares what is wrong with a template, a line each.
func checkMistakes(t *testing.T, source, want string) {
	t.Helper()
	_, mistakes := template.Parse(job.Template{Text: source})
	var got []string
	for _, m := range mistakes {
		got = append(got, m.String())
	}
	if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*job.Spec)
		want []string
	}{
		{"nothing wrong", func(*job.Spec) {}, nil},
		{"empty text is text", func(s *job.Spec) { s.Variables["team"] = "" }, nil},
		{"everything missing", func(s *job.Spec) { *s = job.Spec{} }, []string{
			"name: is required: the template uses ${name}",
			"key: is required: the template uses ${key}",
			"variables.team: is required: the template uses ${var:team}",
			"input_path: is required: the template uses ${input_path}",
			"variables.rate: is required: the template uses ${number:rate}",
			"variables.trim: is required: the template uses ${bool:trim}",
		}},
		{"not what is wanted", func(s *job.Spec) { s.Variables["rate"], s.Variables["trim"] = "25 fps", "yes" }, []string{
			`variables.rate: "25 fps": the template needs a number`,
			`variables.trim: "yes": the template needs true or false`,
		}},
		{"one that is not used", func(s *job.Spec) { s.Variables["tema"] = "x" }, []string{
			`variables.tema: the template has no variable "tema"; did you mean "team"?`,
		}},
		{"a reference", func(s *job.Spec) { s.InputPath, s.Variables["team"] = "$/outputs/s3/o", "$/x" }, []string{
			"variables.team: makes a value begin with $/, which the platform takes for a reference into the template",
			"input_path: makes a value begin with $/, which the platform takes for a reference into the template",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := values().Job
			tt.edit(&s)
			var got []string
			for _, v := range parse(t, small).Check(s) {
				got = append(got, v.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
			v := values()
			v.Job, v.InputPath = s, s.InputPath
			if _, err := parse(t, small).Render(v); err != nil && len(got) == 0 {
				t.Errorf("nothing is wrong with the job, and still: %v", err)
			}
		})
	}
}

// Numbers go into JSON as they are, so that nothing but a number may.
func TestNumbers(t *testing.T) {
	parsed := parse(t, small)
	for value, ok := range map[string]bool{
		"0": true, "-1.5": true, "2e6": true, "1000000000000000000000": true,
		"": false, "-": false, "01": false, ".5": false, "1 ": false, " 1": false, "1,2": false, "0x10": false, "NaN": false, "1}": false, "[1]": false,
	} {
		s := values().Job
		s.Variables["rate"] = value
		if got := len(parsed.Check(s)) == 0; got != ok {
			t.Errorf("%q is a number: %v, want %v", value, got, ok)
		}
	}
}

// FuzzRender looks for a value that gets out of its place: whatever the job says,
// what comes out is the same JSON with other texts in it, and the same YAML.
func FuzzRender(f *testing.F) {
	for _, s := range []string{"a.mp4", "a: b\n- c", `"]}`, "'", "$/x", "${key}", "\u2028\x00\x7f", "*a &b !c", "true", "# x", "<b>&"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, path, own string) {
		if !utf8.ValidString(path) || !utf8.ValidString(own) {
			t.Skip("requests hold nothing but UTF-8")
		}
		v := values()
		v.InputPath, v.Job.Variables["team"] = path, own
		got, err := parse(t, small).Render(v)
		if err != nil {
			if strings.HasPrefix(path, "$/") || strings.HasPrefix(own, "$/") {
				return
			}
			t.Fatal(err)
		}
		want := map[string]any{
			"metadata": map[string]any{"type": "VOD", "name": "k-7 [b/7] #1"},
			"encodings": map[string]any{"main": map[string]any{
				"properties": map[string]any{
					"description": "k-7 (k-7) of b, ${plain}, 5 $", "name": "k-7 [b/7] #1",
					"labels": []any{"ladder", own, "stoker"},
				},
				"streams": map[string]any{"v": map[string]any{"properties": map[string]any{
					"inputStreams":     []any{map[string]any{"inputId": "i-1", "inputPath": path}},
					"perTitleSettings": map[string]any{"codecMaxBitrateFactor": 23.976}, "createQualityMetaData": true, "codecConfigId": "c",
				}}},
				"start": map[string]any{"properties": map[string]any{"scheduling": map[string]any{"priority": 80.0}}},
			}},
		}
		var asJSON map[string]any
		if err := json.Unmarshal([]byte(got), &asJSON); err != nil {
			t.Fatalf("%s\nis not JSON: %v", got, err)
		}
		if diff := cmp.Diff(want, asJSON); diff != "" {
			t.Errorf("as JSON (-want +got):\n%s", diff)
		}
		var asYAML any
		if err := yaml.Unmarshal([]byte(got), &asYAML); err != nil {
			t.Errorf("%s\nis not YAML: %v", got, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(small)
	f.Add("a: &x [*x, ${")
	f.Add(strings.Replace(small, "      description:", "      <<: &base {name: base, labels: [a]}\n      description:", 1))
	f.Fuzz(func(t *testing.T, source string) {
		parsed, mistakes := template.Parse(job.Template{Text: source})
		if (parsed == nil) != (len(mistakes) > 0) {
			t.Fatalf("template %v with mistakes %v", parsed, mistakes)
		}
		if parsed == nil {
			return
		}
		v := values()
		if len(parsed.Check(v.Job)) > 0 {
			return
		}
		got, err := parsed.Render(v)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Encodings map[string]struct {
				Properties map[string]any `json:"properties"`
			} `json:"encodings"`
		}
		if err := json.Unmarshal([]byte(got), &doc); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		for _, encoding := range doc.Encodings { // it is found again by this, come what may
			if encoding.Properties["name"] != v.EncodingName {
				t.Errorf("%s\nis not called %q", got, v.EncodingName)
			}
		}
	})
}

func BenchmarkParseAndRender(b *testing.B) {
	source, err := os.ReadFile("testdata/ladder.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		parsed, _ := template.Parse(job.Template{Text: string(source)})
		if _, err := parsed.Render(values()); err != nil {
			b.Fatal(err)
		}
	}
}

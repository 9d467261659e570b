package template_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// ordinary is a template as people write it by hand, with an input of its own.
const ordinary = `metadata:
  type: VOD
  name: ordinary
inputs:
  https:
    origin:
      properties:
        host: origin.example.com
configurations:
  video:
    h264:
      full:
        properties:
          name: full
          height: 1080
          bitrate: 4500000
encodings:
  film:
    properties:
      name: film
      cloudRegion: AWS_EU_WEST_1
    streams:
      picture:
        properties:
          inputStreams:
            - inputId: $/inputs/https/origin
              inputPath: ${input_path}
          codecConfigId: $/configurations/video/h264/full
    muxings:
      fmp4:
        segments:
          properties:
            streams:
              - streamId: $/encodings/film/streams/picture
            outputs:
              - outputId: ${output_id}
                outputPath: ${output_path}/{width}_{bitrate}_{uuid}/
            segmentLength: 4
            segmentNaming: seg_%number%.m4s
    start:
      properties:
        encodingMode: THREE_PASS
`

// change replaces a part of ordinary.
func change(t *testing.T, from, to string) string {
	t.Helper()
	if !strings.Contains(ordinary, from) {
		t.Fatalf("the template has no %q", from)
	}
	return strings.Replace(ordinary, from, to, 1)
}

// What is YAML is taken, and means what YAML 1.2 and the platform's schema say.
func TestAccepted(t *testing.T) {
	second := "          bitrate: 4500000\n"
	for _, tt := range []struct{ name, source, want string }{
		{"as it is", ordinary, `"full":{"properties":{"name":"full","height":1080,"bitrate":4500000}}`},
		{"line ends of Windows", "\ufeff" + strings.ReplaceAll(ordinary, "\n", "\r\n"), `"encodingMode":"THREE_PASS"`},
		{
			"line ends of Windows within quotes", strings.ReplaceAll(change(t, "name: full", "name: \"one\n            two\\\n            three\"\n          description: 'a\n\n            b'"), "\n", "\r\n"),
			`"name":"one twothree","description":"a\nb"`,
		},
		{"line ends of old Macs", strings.ReplaceAll(ordinary, "\n", "\r"), `"encodingMode":"THREE_PASS"`},
		{"a directive and an end", "%YAML 1.1\n---\n" + ordinary + "...\n", `"type":"VOD"`},
		{"an empty document behind", ordinary + "---\n", `"type":"VOD"`},
		{"a plain ${", change(t, "/{width}", "/$${literal}/{width}"), `"outputPath":"out/a/${literal}/{width}_{bitrate}_{uuid}/"`},
		{"a name with a variable, which is replaced", change(t, "name: film", "name: ${title}"), `"name":"k-7 [b/7] #1"`},
		{"the short form of a variable", change(t, "/{width}", "/${team}/{width}"), `"outputPath":"out/a/vod/{width}_{bitrate}_{uuid}/"`},
		{
			"a merge with a key of its own",
			change(t, "        properties:\n          name: full", "        properties: &full\n          name: full") +
				"", `"height":1080`,
		},
		{
			"a merge that is overridden",
			strings.Replace(change(t, "properties:\n          name: full", "properties: &full\n          name: full"), second,
				second+"      half:\n        properties:\n          <<: *full\n          height: 540\n", 1),
			`"half":{"properties":{"name":"full","height":540,"bitrate":4500000}}`,
		},
		{
			"the first of two merges wins",
			strings.Replace(change(t, "properties:\n          name: full", "properties: &full\n          name: full"), second,
				second+"      half:\n        properties:\n          <<: [{height: 360, width: 640}, *full]\n", 1),
			`"half":{"properties":{"height":360,"width":640,"name":"full","bitrate":4500000}}`,
		},
		{"no as a text", change(t, "name: full", "name: no"), `"name":"no"`},
		{"a zero in front as a text", change(t, "segmentNaming: seg", "initSegmentName: 0123\n            segmentNaming: seg"), `"initSegmentName":"0123"`},
		{"a time as a text", change(t, "name: full", "name: 1:20"), `"name":"1:20"`},
		{"a number as a text", change(t, "name: full", "name: 1.10"), `"name":"1.10"`},
		{"a date as a text", change(t, "name: full", "name: 2026-11-29"), `"name":"2026-11-29"`},
		{"true as a text", change(t, "name: full", "name: true"), `"name":"true"`},
		{"a number as a word", change(t, "height: 1080", "level: 4.1\n          height: 1080"), `"level":"4.1"`},
		{"a zero in front of a number", change(t, "4500000", "04500000"), `"bitrate":4500000`},
		{"octal and hexadecimal", change(t, "height: 1080", "height: 0o2070\n          width: 0x780"), `"height":1080,"width":1920`},
		{"groups of digits", change(t, "4500000", "4_500_000"), `"bitrate":4500000`},
		{"a whole number with a point", change(t, "1080", "1080.0"), `"height":1080`},
		{"a number without a fraction", change(t, "segmentLength: 4", "segmentLength: 4.0"), `"segmentLength":4`},
		{"a number with an exponent", change(t, "segmentLength: 4", "segmentLength: 40e-1"), `"segmentLength":4`},
		{"tags of YAML", change(t, "name: full", "name: !!str 12"), `"name":"12"`},
		{"custom data are as they are", change(t, "name: full", "customData: {a: no, b: 012, c: [1.50, ~], d: 1_0}"), `"customData":{"a":"no","b":12,"c":[1.5,null],"d":"1_0"}`},
		{"JSON", `{"metadata":{"type":"VOD"},"encodings":{"e":{"streams":{"s":{"properties":{"codecConfigId":"c","inputStreams":[{"inputPath":"${input_path}"}]}}},"start":{}}}}`, `"inputPath":"base/in/a.mp4"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := values()
			v.Job.Variables = map[string]string{"team": "vod"}
			got, err := parse(t, tt.source).Render(v)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("%s\nlacks %s", got, tt.want)
			}
		})
	}
}

// What the platform would ignore, or fail at after it is paid, is refused with its line.
func TestRefused(t *testing.T) {
	const muxing = "encodings.film.muxings.fmp4.segments.properties"
	video := func(line string) string { return change(t, "height: 1080", line) }
	for _, tt := range []struct{ name, source, want string }{
		{"a misspelt key", video("heigth: 1080"), `line 15: configurations.video.h264.full.properties.heigth: unknown key "heigth", which the platform would ignore; did you mean "height"?`},
		{"a key of another codec", video("tileRows: 2"), `line 15: configurations.video.h264.full.properties.tileRows: unknown key "tileRows", which the platform would ignore`},
		{"a misspelt codec", change(t, "    h264:\n", "    h246:\n"), `line 11: configurations.video.h246: unknown key "h246", which the platform would ignore; did you mean "h264"?` +
			"\nline 28: encodings.film.streams.picture.properties.codecConfigId: $/configurations/video/h264/full is not declared in this template; did you mean \"$/configurations/video/h246\"?"},
		{"a misspelt container", change(t, "      fmp4:\n", "      fMP4:\n"), `line 30: encodings.film.muxings.fMP4: unknown key "fMP4", which the platform would ignore; did you mean "fmp4"?`},
		{"a misspelt word", change(t, "AWS_EU_WEST_1", "AWS_EU_WEST1"), `line 21: encodings.film.properties.cloudRegion: unknown value "AWS_EU_WEST1"; did you mean "AWS_EU_WEST_1"?`},
		{"a misspelt mode", change(t, "THREE_PASS", "THREEPASS"), `line 42: encodings.film.start.properties.encodingMode: unknown value "THREEPASS"; did you mean "THREE_PASS"?`},
		{"yes for a boolean", video("openGop: yes"), "line 15: configurations.video.h264.full.properties.openGop: want true or false, not yes; did you mean true?"},
		{"a number in quotes", video("height: '1080'"), `line 15: configurations.video.h264.full.properties.height: want a whole number, not "1080"; leave out the quotes`},
		{"a word with a fraction too many", video("level: 4.0"), `line 15: configurations.video.h264.full.properties.level: unknown value "4.0"; did you mean "4"?`},
		{"a unit", change(t, "4500000", "4500k"), "line 16: configurations.video.h264.full.properties.bitrate: want a whole number, not 4500k"},
		{"a fraction", video("height: 1080.5"), "line 15: configurations.video.h264.full.properties.height: want a whole number, not 1080.5"},
		{"out of bounds", video("bframes: 17"), "line 15: configurations.video.h264.full.properties.bframes: want 0 to 16, not 17"},
		{"a mapping for a text", change(t, "name: full", "name: {a: b}"), "line 14: configurations.video.h264.full.properties.name: want text, not a mapping"},
		{"a text for a list", change(t, "            streams:\n              - streamId: $/encodings/film/streams/picture\n", "            streams: $/encodings/film/streams/picture\n"), "line 33: " + muxing + ".streams: want a list, one entry per line that begins with -"},
		{"a required key", change(t, "            segmentLength: 4\n", ""), "line 32: " + muxing + ": segmentLength is missing"},
		{"a name with a dot", change(t, "        segments:", "        seg.ments:"), "line 31: encodings.film.muxings.fmp4.seg.ments: the name of a resource may have letters, digits, _ and -"},
		{"another charset, whose letters would be lost", change(t, "name: full", "name: f\xfcll"), "line 14: byte 0xFC is not UTF-8: save the file in UTF-8"},
		{"another charset in a comment of a file with line ends of old Macs", strings.ReplaceAll("# \ufffd\n# \xe4\n", "\n", "\r") + ordinary, "line 2: byte 0xE4 is not UTF-8: save the file in UTF-8"},
		{"UTF-16", "\xff\xfem\x00e\x00", "line 1: byte 0xFF is not UTF-8: save the file in UTF-8"},
		{"an unknown tag", change(t, "4500000", "!env BITRATE"), "line 16: !env: unknown tag; leave it out, values of the job come in by variables such as ${input_path}"},
		{"another directive", "%TAG ! tag:example.com,2000:\n---\n" + ordinary, "line 1: %TAG: the only directive that a template can have is %YAML"},
		{"braces", change(t, "${input_path}", "{{ input.path }}"), "line 27: {{...}} is not filled in; variables are written ${input_path}, ${output_path} or ${var:NAME}"},
		{"braces in quotes", change(t, "${input_path}", `"{{input.path}}"`), "line 27: encodings.film.streams.picture.properties.inputStreams[0].inputPath: " +
			"{{...}} is not filled in; variables are written ${input_path}, ${output_path} or ${var:NAME}"},
		{"no start", ordinary[:strings.Index(ordinary, "    start:")], "line 18: encodings.film: start is missing, without which the encoding never leaves CREATED; write start: {} for a start without properties"},
		{"a tab", change(t, "      name: film", "\t  name: film"), "line 20: not YAML: the line is indented with a tab; indent with blanks"},
		{"a text variable for a number", change(t, "4500000", "${var:rate}"), "line 16: configurations.video.h264.full.properties.bitrate: want a whole number: a variable for it is written ${number:NAME}"},
		{"a number variable for a text", change(t, "name: full", "name: ${number:rate}"), "line 14: configurations.video.h264.full.properties.name: want text: a variable for it is written ${var:rate}"},
		{"a merge of a text", video("<<: height"), "line 15: << wants a mapping or a list of mappings"},
		{"an alias of nothing", video("height: *h"), "line 15: *h: nothing above is marked &h"},
	} {
		t.Run(tt.name, func(t *testing.T) { checkMistakes(t, tt.source, tt.want) })
	}
}

// Every reference has to name a resource, and one of the kind that is wanted there.
func TestReferences(t *testing.T) {
	const codec, stream = "encodings.film.streams.picture.properties.codecConfigId: ", "encodings.film.muxings.fmp4.segments.properties.streams[0].streamId: "
	for _, tt := range []struct{ name, source, want string }{
		{"a misspelt name", change(t, "h264/full\n    muxings", "h264/fully\n    muxings"), "line 28: " + codec + `$/configurations/video/h264/fully is not declared in this template; did you mean "$/configurations/video/h264/full"?`},
		{"a stream", change(t, "streams/picture", "streams/pictures"), "line 34: " + stream + `$/encodings/film/streams/pictures is not declared in this template; did you mean "$/encodings/film/streams/picture"?`},
		{"an encoding", change(t, "$/encodings/film/", "$/encodings/main/"), "line 34: " + stream + "$/encodings/main/streams/picture is not declared in this template"},
		{"a group", change(t, "h264/full\n    muxings", "h264\n    muxings"), "line 28: " + codec + "$/configurations/video/h264 is no resource; a reference ends with the name of one"},
		{"of another kind", change(t, "$/configurations/video/h264/full", "$/inputs/https/origin"), "line 28: " + codec + "$/inputs/https/origin is no codec configuration"},
		{"without $/", change(t, "$/configurations/video/h264/full", "configurations/video/h264/full"), "line 28: " + codec +
			`"configurations/video/h264/full" is no id of the platform; a reference to a resource of this template begins with $/`},
		{"a manifest that is not there", ordinary + "        vodHlsManifests: [{manifestId: $/manifests/hls/main}]\n", "line 43: encodings.film.start.properties.vodHlsManifests[0].manifestId: $/manifests/hls/main is not declared in this template"},
		{
			"a manifest of another kind", ordinary + "        vodHlsManifests: [{manifestId: $/manifests/dash/main}]\nmanifests: {dash: {main: {properties: {outputs: [{outputId: o, outputPath: \"${output_path}\"}]}}}}\n",
			"line 43: encodings.film.start.properties.vodHlsManifests[0].manifestId: $/manifests/dash/main is no HLS manifest",
		},
		{"in custom data", change(t, "name: full", "customData: {a: $/nowhere}"), "line 14: configurations.video.h264.full.properties.customData.a: $/nowhere is not declared in this template"},
	} {
		t.Run(tt.name, func(t *testing.T) { checkMistakes(t, tt.source, tt.want) })
	}
}

// A secret is found wherever the schema has one, and also where the schema has none.
func TestSecrets(t *testing.T) {
	const refused = "a secret must not stand in a template"
	drm := func(what string) string {
		return change(t, "    start:", "          drm: "+what+"\n    start:")
	}
	speke := func(provider string) string {
		return drm("{speke: {d: {properties: {systemIds: [a], outputs: [{outputId: o, outputPath: \"${output_path}\"}], provider: {url: \"https://keys.example.com\", " + provider + "}}}}}")
	}
	cenc := func(key string) string {
		return drm("{cenc: {d: {properties: {key: " + key + ", encryptionMode: CTR, outputs: [{outputId: o, outputPath: \"${output_path}\"}]}}}}")
	}
	for _, tt := range []struct{ name, source, want string }{
		{"a password of an input", change(t, "host: origin.example.com", "host: origin.example.com\n        password: x"), refused + "; configure a storage and refer to it by ${input_id}"},
		{"a variable for it", change(t, "host: origin.example.com", "host: origin.example.com\n        password: ${var:p}"), refused},
		{"in a key that the schema does not know", change(t, "host: origin.example.com", "host: origin.example.com\n        secretKey: x"), refused},
		{"a client's secret", "outputs: {azure: {o: {properties: {accountName: a, container: c, servicePrincipal: {tenantId: t, clientId: c, clientSecret: s}}}}}\n" + ordinary, refused + "; configure a storage and refer to it by ${output_id}"},
		{"keys that are left out", "outputs: {s3: {o: {properties: {bucketName: b}}}}\n" + ordinary, "accessKey is missing, and a secret must not stand in a template"},
		{"a key server", speke("username: u, password: p"), refused + "; let the platform reach the key server with roleArn"},
		{"in a URL", speke("username: \"https://u:p@keys.example.com/x\""), "a password must not stand in a template"},
		{"a content key", cenc("cab5b529ae28d5cc5e3e7bc3fd4a544d"), "a content key must not stand in a template; let SPEKE fetch it"},
		{"watermarking", change(t, "    start:", "    kantarWatermark: {k: {properties: {login: l, password: p, licenseId: 1, channelName: c, contentReference: r, serverUrl: u, reportOutputs: [{outputId: o, outputPath: \"${output_path}\"}]}}}\n    start:"), refused},
	} {
		_, mistakes := template.Parse(job.Template{Text: tt.source, AllowUnknown: true})
		if len(mistakes) == 0 || !strings.Contains(mistakes[0].Text, tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, mistakes, tt.want)
		}
	}
	parse(t, speke("roleArn: r, gatewayRegion: eu-west-1"))
	if w := parse(t, cenc(`"${var:key}"`)).Warnings(); len(w) != 1 || !strings.Contains(w[0].Text, "the content key is stored with the job") {
		t.Errorf("a content key of the job: warnings %v", w)
	}
}

// With AllowUnknown, what the outline does not know is a warning, and goes to the platform as it is.
func TestAllowUnknown(t *testing.T) {
	source := strings.Replace(change(t, "height: 1080", "height: 1080\n          neuralMode: FULL"), "THREE_PASS", "FOUR_PASS", 1)
	parsed, mistakes := template.Parse(job.Template{Text: source, AllowUnknown: true})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	want := []template.Mistake{
		{Line: 16, Text: `configurations.video.h264.full.properties.neuralMode: unknown key "neuralMode", which the platform would ignore`},
		{Line: 43, Text: `encodings.film.start.properties.encodingMode: unknown value "FOUR_PASS"; did you mean "TWO_PASS"?`},
	}
	if diff := cmp.Diff(want, parsed.Warnings()); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if got, err := parsed.Render(values()); err != nil || !strings.Contains(got, `"neuralMode":"FULL"`) {
		t.Errorf("rendered %s, %v", got, err)
	}
}

// A batch that was accepted goes on with its template, whatever an older version let pass.
func TestParseStored(t *testing.T) {
	source := strings.Replace(change(t, "height: 1080", "heigth: 1080\n          openGop: yes"), "4500000", "!env x", 1)
	if _, mistakes := template.Parse(job.Template{Text: source}); len(mistakes) != 3 {
		t.Errorf("mistakes %v, want three", mistakes)
	}
	parsed, mistakes := template.ParseStored(job.Template{Text: source})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	if got, err := parsed.Render(values()); err != nil || !strings.Contains(got, `"heigth":1080,"openGop":"yes","bitrate":"x"`) {
		t.Errorf("rendered %s, %v", got, err)
	}
	if _, mistakes := template.ParseStored(job.Template{Text: change(t, "${input_path}", "${var:")}); len(mistakes) == 0 {
		t.Error("a template that cannot be filled in has no mistake")
	}
}

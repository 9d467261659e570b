package simulator_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

const templateYAML = `
metadata:
  type: VOD
  name: ladder
inputs:
  https:
    in:
      properties: {host: media.example, username: u, password: SECRET}
configurations:
  video:
    h264:
      v480:
        properties: {name: v480, height: 480, bitrate: 800000}
      v720:
        properties: {height: 720, bitrate: 1200000}
  audio:
    heAacV1:
      a64:
        properties: {bitrate: 64000}
encodings:
  main:
    properties:
      name: film
      labels: [batch-1]
    streams:
      v480:
        properties:
          inputStreams: [{inputId: $/inputs/https/in, inputPath: a.mp4, selectionMode: AUTO}]
          codecConfigId: $/configurations/video/h264/v480
      audio:
        properties:
          inputStreams: [{inputId: $/inputs/https/in, inputPath: a.mp4, selectionMode: AUTO}]
          codecConfigId: $/configurations/audio/heAacV1/a64
    muxings:
      fmp4:
        v480:
          properties:
            streams: [{streamId: $/encodings/main/streams/v480}]
            segmentLength: 4
            outputs: [{outputId: OUT, outputPath: out/video/480}]
      progressiveTs:
        audio:
          properties:
            streams: [{streamId: $/encodings/main/streams/audio}]
    start:
      properties:
        scheduling: {priority: 60}
        manifestGenerator: V2
        vodHlsManifests: [{manifestId: $/manifests/hls/defaultapi/m}]
manifests:
  hls:
    defaultapi:
      m:
        properties:
          encodingId: $/encodings/main
          outputs: [{outputId: OUT, outputPath: out}]
          manifestName: main.m3u8
`

// text is the template as the JSON string that most SDKs send.
func text(template string) string {
	body, err := json.Marshal(template)
	if err != nil {
		panic(err)
	}
	return string(body)
}

func TestTemplate(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{TemplateDelay: 3 * time.Second, QueueLimit: 1, Duration: time.Minute})
		out := a.create("/encoding/outputs/s3", `{"bucketName":"b","accessKey":"AK","secretKey":"SK"}`)
		r := a.call("POST", "/encoding/templates/start", text(fill(templateYAML, "OUT", out)))
		id, _ := r.result["encodingId"].(string)
		if r.status != 200 || id == "" {
			t.Fatalf("status %d: %s", r.status, r.body)
		}
		early := a.must("GET", "/encoding/encodings/"+id, "")
		if early["type"] != "NONE" || early["status"] != "CREATED" || early["name"] != "film" {
			t.Errorf("at once: %v", early)
		}
		if got := a.must("GET", "/encoding/encodings/"+id+"/streams", ""); got["totalCount"] != 0.0 {
			t.Errorf("at once: %v streams", got["totalCount"])
		}
		// Its place in the queue is taken, and it is not to be meddled with.
		a.refused("POST", "/encoding/templates/start", text(fill(templateYAML, "OUT", out)), 403, 8004)
		a.refused("POST", "/encoding/encodings/"+id+"/start", "", 400, simulator.CodeState)
		a.refused("DELETE", "/encoding/encodings/"+id, "", 400, simulator.CodeState)

		time.Sleep(3 * time.Second)
		enc, _ := a.sim.FindEncoding(id)
		if enc.Status != simulator.Running || !enc.Template || enc.Priority != 60 || len(enc.Starts) != 1 {
			t.Errorf("after the delay: %+v", enc)
		}
		var kinds []string
		for _, s := range enc.Streams {
			config, _ := a.sim.FindResource(s.CodecConfigID)
			kinds = append(kinds, config.Type)
		}
		for _, m := range enc.Muxings {
			kinds = append(kinds, m.Type)
		}
		if diff := cmp.Diff([]string{"H264", "HE_AAC_V1", "FMP4", "PROGRESSIVE_TS"}, kinds); diff != "" {
			t.Errorf("children (-want +got):\n%s", diff)
		}
		if enc.Muxings[0].Outputs[0].OutputID != out || enc.Muxings[0].Streams[0].StreamID != enc.Streams[0].ID {
			t.Errorf("muxing %+v", enc.Muxings[0])
		}
		a.idle()
		if m, _ := a.sim.FindResource(enc.Manifests[0]); m.Type != "HLS" || a.must("GET", "/encoding/manifests/hls/"+m.ID, "")["status"] != "FINISHED" {
			t.Errorf("manifest %+v", m)
		}
		if got := a.must("GET", "/encoding/encodings?search=labels:batch-1", ""); got["totalCount"] != 1.0 {
			t.Errorf("found by label: %v", got["totalCount"])
		}
	})
}

// The three forms of the body mean the same.
func TestTemplateForms(t *testing.T) {
	object := `{"metadata":{"type":"VOD"},
		"inputs":{"http":{"in":{"properties":{"host":"h"}}}},
		"configurations":{"video":{"h264":{"v":{"properties":{"bitrate":1}}}}},
		"encodings":{"e":{"properties":{"name":"film"},
			"streams":{"s":{"properties":{"inputStreams":[{"inputId":"$/inputs/http/in","inputPath":"a"}],"codecConfigId":"$/configurations/video/h264/v"}}},
			"muxings":{"ts":{"m":{"properties":{"streams":[{"streamId":"$/encodings/e/streams/s"}]}}}},
			"start":{}}}}`
	for name, body := range map[string]string{"object": object, "JSON in a string": text(object)} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, &simulator.Simulator{})
			id, _ := a.must("POST", "/encoding/templates/start", body)["encodingId"].(string)
			enc, _ := a.sim.FindEncoding(id)
			if enc.Name != "film" || enc.Status != simulator.Running || len(enc.Muxings) != 1 {
				t.Errorf("encoding %+v", enc)
			}
		})
	}
}

func TestTemplateMistakes(t *testing.T) {
	tests := []struct {
		name, from, to string
		code           int
	}{
		{"not YAML", "metadata:", "metadata: [", simulator.CodeInvalid},
		{"no metadata", "metadata:", "meta:", simulator.CodeInvalid},
		{"live", "type: VOD", "type: LIVE", simulator.CodeInvalid},
		{"undeclared", "codecConfigId: $/configurations/video/h264/v480", "codecConfigId: $/configurations/video/h264/x", simulator.CodeReference},
		{"unknown id", "OUT", "nobody", simulator.CodeReference},
		{"no start", "    start:", "    begin:", simulator.CodeInvalid},
		{"two encodings", "encodings:\n", "encodings:\n  other: {}\n", simulator.CodeInvalid},
		{"no muxings", "    muxings:", "    muxing:", simulator.CodeInvalid},
		{"bad property", "segmentLength: 4", "segmentLength: four", simulator.CodeInvalid},
		{"infrastructure", "metadata:", "infrastructure: {a: b}\nmetadata:", simulator.CodeInvalid},
		{"priority", "priority: 60", "priority: 600", simulator.CodeInvalid},
		{"manifest typo", "manifestId: $/manifests/hls/defaultapi/m", "manifestId: $/manifests/hls/defaultapi/x", simulator.CodeReference},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAPI(t, &simulator.Simulator{})
			out := a.create("/encoding/outputs/s3", `{"bucketName":"b","accessKey":"AK","secretKey":"SK"}`)
			body := fill(fill(templateYAML, tt.from, tt.to), "OUT", out)
			a.refused("POST", "/encoding/templates/start", text(body), 400, tt.code)
			if n := len(a.sim.Resources()) + len(a.sim.Encodings()); n != 1 {
				t.Errorf("the refused template left %d objects", n-1)
			}
		})
	}
	t.Run("one key twice", func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{})
		body := `{"metadata":{"type":"VOD"},"inputs":{"http":{"in":{"properties":{"host":"h"}}}},
			"configurations":{"video":{"h264":{"v":{"properties":{"bitrate":1}}}}},
			"encodings":{"e":{"properties":{"name":"film","name":"other"},
				"streams":{"s":{"properties":{"inputStreams":[{"inputId":"$/inputs/http/in","inputPath":"a"}],"codecConfigId":"$/configurations/video/h264/v"}}},
				"muxings":{"ts":{"m":{"properties":{"streams":[{"streamId":"$/encodings/e/streams/s"}]}}}},
				"start":{}}}}`
		a.refused("POST", "/encoding/templates/start", text(body), 400, simulator.CodeInvalid)
	})
	t.Run("sections in the order of a sorted map", func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{})
		body := `{"encodings":{"e":{"properties":{"name":"n"},"streams":{"s":{"properties":{"inputStreams":[{"inputId":"$/inputs/http/in","inputPath":"a"}],"codecConfigId":"x"}}},"start":{}}},
			"inputs":{"http":{"in":{"properties":{"host":"h"}}}},"metadata":{"type":"VOD"}}`
		a.refused("POST", "/encoding/templates/start", body, 400, simulator.CodeInvalid)
	})
}

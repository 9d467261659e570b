package simulator_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// resourceBodies are valid bodies for every kind, with every secret field.
func resourceBodies() map[string]string {
	storage := map[string]string{
		"s3":                  `{"bucketName":"b","accessKey":"SECRET1","secretKey":"SECRET2"}`,
		"s3-role-based":       `{"bucketName":"b","roleArn":"SECRET1"}`,
		"gcs":                 `{"bucketName":"b","accessKey":"SECRET1","secretKey":"SECRET2"}`,
		"gcs-service-account": `{"bucketName":"b","serviceAccountCredentials":"SECRET1"}`,
		"azure":               `{"accountName":"SECRET1","accountKey":"SECRET2","container":"c"}`,
		"generic-s3":          `{"bucketName":"b","host":"h","accessKey":"SECRET1","secretKey":"SECRET2"}`,
	}
	bodies := map[string]string{
		"/encoding/inputs/http":                    `{"host":"h","username":"SECRET1","password":"SECRET2","port":8080}`,
		"/encoding/inputs/https":                   `{"host":"h"}`,
		"/encoding/configurations/video/h264":      `{"name":"n","bitrate":1,"height":480,"presetConfiguration":"VOD_STANDARD"}`,
		"/encoding/configurations/video/h265":      `{"name":"n","crf":51}`,
		"/encoding/configurations/video/vp9":       `{"name":"n","crf":63}`,
		"/encoding/configurations/video/av1":       `{"name":"n"}`,
		"/encoding/configurations/audio/aac":       `{"name":"n","bitrate":128000,"rate":48000.0}`,
		"/encoding/configurations/audio/he-aac-v1": `{"name":"n","bitrate":64000}`,
		"/encoding/configurations/audio/he-aac-v2": `{"name":"n","bitrate":64000}`,
		"/encoding/configurations/audio/opus":      `{"name":"n","bitrate":64000}`,
	}
	for kind, body := range storage {
		bodies["/encoding/inputs/"+kind] = body
		bodies["/encoding/outputs/"+kind] = body
	}
	return bodies
}

func TestResources(t *testing.T) {
	for path, body := range resourceBodies() {
		t.Run(path[1:], func(t *testing.T) {
			a := newAPI(t, &simulator.Simulator{})
			wantType := strings.ToUpper(strings.ReplaceAll(path[strings.LastIndex(path, "/")+1:], "-", "_"))
			body := strings.TrimSuffix(body, "}") + `,"type":"` + wantType + `","customData":{"k":"CUSTOM"},"unknown":{"x":1}}`
			created := a.call("POST", path, body)
			if created.status != 201 {
				t.Fatalf("status %d: %s", created.status, created.body)
			}
			id, _ := created.result["id"].(string)
			createdAt, _ := created.result["createdAt"].(string)
			if created.result["type"] != wantType || !strings.HasSuffix(createdAt, "Z") {
				t.Errorf("created %v", created.result)
			}
			base := path[:strings.Index(path[10:], "/")+10]
			one := a.call("GET", path+"/"+id, "")
			generic := a.call("GET", base+"/"+id, "")
			for _, r := range []reply{one, generic} {
				if diff := cmp.Diff(created.result, r.result); diff != "" {
					t.Errorf("read back (-created +read):\n%s", diff)
				}
			}
			for _, r := range []reply{created, one, generic} {
				if strings.Contains(r.body, "SECRET") || strings.Contains(r.body, "CUSTOM") {
					t.Errorf("a secret or customData comes back: %s", r.body)
				}
			}
			custom := a.must("GET", path+"/"+id+"/customData", "")
			if diff := cmp.Diff(map[string]any{"k": "CUSTOM"}, custom["customData"]); diff != "" {
				t.Errorf("customData (-want +got):\n%s", diff)
			}
			if typ := a.must("GET", base+"/"+id+"/type", ""); typ["type"] != wantType {
				t.Errorf("type answer %v", typ)
			}
			for _, list := range []string{path, base} {
				if got := a.must("GET", list, ""); got["totalCount"] != 1.0 {
					t.Errorf("GET %s: totalCount %v, want 1", list, got["totalCount"])
				}
			}
			if gone := a.must("DELETE", path+"/"+id, ""); gone["id"] != id {
				t.Errorf("delete answers %v", gone)
			}
			a.refused("GET", path+"/"+id, "", 404, simulator.CodeNotFound)
			for _, e := range a.sim.Ledger() {
				if strings.Contains(string(e.RequestBody), "SECRET") {
					t.Errorf("the ledger keeps a secret: %s", e.RequestBody)
				}
			}
		})
	}
}

func TestResourceLists(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{})
	for _, name := range []string{"a", "b", "c"} {
		a.create("/encoding/inputs/https", fill(`{"name":"NAME","host":"h"}`, "NAME", name))
	}
	a.create("/encoding/inputs/http", `{"name":"d","host":"h"}`)
	for query, want := range map[string][]string{
		"":                  {"a", "b", "c", "d"},
		"?type=HTTP":        {"d"},
		"?name=b":           {"b"},
		"?offset=1&limit=2": {"b", "c"},
		"?offset=9":         nil,
	} {
		if diff := cmp.Diff(want, names(a.must("GET", "/encoding/inputs"+query, ""))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

// What a body must not contain, and which field the answer blames.
func TestValidation(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{Unlimited: true})
	st := a.storage()
	enc := a.prepared(st, "a")
	stream := a.create("/encoding/encodings/"+enc+"/streams", fill(
		`{"inputStreams":[{"inputId":"IN","inputPath":"p"}],"codecConfigId":"VIDEO"}`, "IN", st.input, "VIDEO", st.video))
	perTitle := a.create("/encoding/configurations/video/h265", `{"name":"no rate"}`)
	streams, fmp4 := "/encoding/encodings/"+enc+"/streams", "/encoding/encodings/"+enc+"/muxings/fmp4"
	mp4, cmaf := "/encoding/encodings/"+enc+"/muxings/mp4", "/encoding/encodings/"+enc+"/muxings/cmaf"
	start := "/encoding/encodings/" + enc + "/start"
	tests := []struct {
		name, path, body string
		code             int
		fields           []string
	}{
		{"not JSON", "/encoding/encodings", `{"name"`, simulator.CodeInvalid, nil},
		{"empty", "/encoding/encodings", ``, simulator.CodeInvalid, nil},
		{"null", "/encoding/encodings", `null`, simulator.CodeInvalid, nil},
		{"array", "/encoding/encodings", `[]`, simulator.CodeInvalid, nil},
		{"no name", "/encoding/encodings", `{}`, simulator.CodeInvalid, []string{"name"}},
		{"labels", "/encoding/encodings", `{"name":"n","labels":"x"}`, simulator.CodeInvalid, []string{"labels"}},
		{"fallbacks", "/encoding/encodings", `{"name":"n","fallbackCloudRegions":["AWS_US_EAST_1","AWS_US_EAST_2","AWS_US_WEST_1","AWS_US_WEST_2"]}`, simulator.CodeInvalid, []string{"fallbackCloudRegions"}},
		{"http host", "/encoding/inputs/http", `{"type":"S3"}`, simulator.CodeInvalid, []string{"type", "host"}},
		{"s3 keys", "/encoding/outputs/s3", `{"bucketName":"b","accessKey":""}`, simulator.CodeInvalid, []string{"accessKey", "secretKey"}},
		{"aac bitrate", "/encoding/configurations/audio/aac", `{"name":"n"}`, simulator.CodeInvalid, []string{"bitrate"}},
		{"config name", "/encoding/configurations/video/h264", `{"bitrate":1}`, simulator.CodeInvalid, []string{"name"}},
		{"crf", "/encoding/configurations/video/h264", `{"name":"n","crf":52}`, simulator.CodeInvalid, []string{"crf"}},
		{"bitrate and crf", "/encoding/configurations/video/h264", `{"name":"n","crf":5,"bitrate":9}`, simulator.CodeInvalid, []string{"crf"}},
		{"crf of AV1", "/encoding/configurations/video/av1", `{"name":"n","crf":30}`, simulator.CodeInvalid, []string{"crf"}},
		{"bitrate text", "/encoding/configurations/video/h264", `{"name":"n","bitrate":"9"}`, simulator.CodeInvalid, []string{"bitrate"}},
		{"stream empty", streams, `{}`, simulator.CodeInvalid, []string{"inputStreams", "codecConfigId"}},
		{"stream ids", streams, `{"inputStreams":[{"inputId":"x","inputPath":"p"}],"codecConfigId":"y"}`, simulator.CodeReference, []string{"inputStreams[0].inputId", "codecConfigId"}},
		{"output as input", streams, `{"inputStreams":[{"inputId":"OUT","inputPath":"p"}],"codecConfigId":"VIDEO"}`, simulator.CodeReference, []string{"inputStreams[0].inputId"}},
		{"stream path", streams, `{"inputStreams":[{"inputId":"IN"}],"codecConfigId":"VIDEO"}`, simulator.CodeInvalid, []string{"inputStreams[0].inputPath"}},
		{"selection", streams, `{"inputStreams":[{"inputId":"IN","inputPath":"p","selectionMode":"X"}],"codecConfigId":"VIDEO"}`, simulator.CodeInvalid, []string{"inputStreams[0].selectionMode"}},
		{"position", streams, `{"inputStreams":[{"inputId":"IN","inputPath":"p","selectionMode":"AUTO","position":0}],"codecConfigId":"VIDEO"}`, simulator.CodeInvalid, []string{"inputStreams[0].position"}},
		{"no rate", streams, `{"inputStreams":[{"inputId":"IN","inputPath":"p"}],"codecConfigId":"PERTITLE"}`, simulator.CodeInvalid, []string{"codecConfigId"}},
		{"segment length", fmp4, `{"streams":[{"streamId":"STREAM"}]}`, simulator.CodeInvalid, []string{"segmentLength"}},
		{"no streams", fmp4, `{"streams":[],"segmentLength":4}`, simulator.CodeInvalid, []string{"streams"}},
		{"two streams", fmp4, `{"streams":[{"streamId":"STREAM"},{"streamId":"STREAM"}],"segmentLength":4}`, simulator.CodeInvalid, []string{"streams"}},
		{"unknown stream", cmaf, `{"streams":[{"streamId":"x"}],"segmentLength":4}`, simulator.CodeReference, []string{"streams[0].streamId"}},
		{"unknown output", fmp4, `{"streams":[{"streamId":"STREAM"}],"segmentLength":4,"outputs":[{"outputId":"IN","outputPath":"p"}]}`, simulator.CodeReference, []string{"outputs[0].outputId"}},
		{"output path", fmp4, `{"streams":[{"streamId":"STREAM"}],"segmentLength":4,"outputs":[{"outputId":"OUT"}]}`, simulator.CodeInvalid, []string{"outputs[0].outputPath"}},
		{"acl", fmp4, `{"streams":[{"streamId":"STREAM"}],"segmentLength":4,"outputs":[{"outputId":"OUT","outputPath":"p","acl":[{"permission":"ALL"}]}]}`, simulator.CodeInvalid, []string{"outputs[0].acl[0].permission"}},
		{"mp4 filename", mp4, `{"streams":[{"streamId":"STREAM"}]}`, simulator.CodeInvalid, []string{"filename"}},
		{"manifest", "/encoding/manifests/dash/default", `{"encodingId":"x"}`, simulator.CodeReference, []string{"outputs", "encodingId"}},
		{"priority", start, `{"scheduling":{"priority":101}}`, simulator.CodeInvalid, []string{"scheduling.priority"}},
		{"mode", start, `{"encodingMode":"FAST"}`, simulator.CodeInvalid, []string{"encodingMode"}},
		{"start manifest", start, `{"vodHlsManifests":[{"manifestId":"x"}]}`, simulator.CodeReference, []string{"vodHlsManifests[0].manifestId"}},
		{"start text", start, `"x"`, simulator.CodeInvalid, nil},
		{"no priority", "/encoding/encodings/" + enc + "/reprioritize", `{}`, simulator.CodeInvalid, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &api{t, a.sim, a.key}
			body := fill(tt.body, "PERTITLE", perTitle, "VIDEO", st.video, "STREAM", stream, "OUT", st.output, `"IN"`, `"`+st.input+`"`)
			before, _ := a.sim.FindEncoding(enc)
			r := a.refused("POST", tt.path, body, 400, tt.code)
			if diff := cmp.Diff(tt.fields, r.fields); diff != "" {
				t.Errorf("fields (-want +got):\n%s\n%s", diff, r.body)
			}
			if after, _ := a.sim.FindEncoding(enc); !cmp.Equal(before, after) {
				t.Error("a refused call changed the encoding")
			}
		})
	}
}

func TestChildren(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{})
	st := a.storage()
	enc := a.create("/encoding/encodings", `{"name":"a"}`)
	path := "/encoding/encodings/" + enc
	stream := a.create(path+"/streams", fill(
		`{"inputStreams":[{"inputId":"IN","inputPath":"p"}],"codecConfigId":"VIDEO","customData":{"a":1}}`,
		"IN", st.input, "VIDEO", st.video))
	vp9 := a.create(path+"/streams", fill(`{"inputStreams":[{"inputId":"IN","inputPath":"p"}],"codecConfigId":"VIDEO"}`,
		"IN", st.input, "VIDEO", a.create("/encoding/configurations/video/vp9", `{"name":"v","bitrate":800000}`)))
	for kind, body := range map[string]string{
		"fmp4": `{"segmentLength":4.0,`, "cmaf": `{"segmentLength":4,`, "webm": `{"segmentLength":4,`,
		"ts": `{`, "mp4": `{"filename":"a.mp4",`, "progressive-ts": `{"filename":"a.ts",`, "progressive-webm": `{`,
	} {
		of := stream
		if strings.HasSuffix(kind, "webm") {
			of = vp9
		}
		muxing := a.must("POST", path+"/muxings/"+kind, body+`"streams":[{"streamId":"`+of+`"}]}`)
		if want := strings.ToUpper(strings.ReplaceAll(kind, "-", "_")); muxing["type"] != want {
			t.Errorf("%s: type %v, want %s", kind, muxing["type"], want)
		}
		id, _ := muxing["id"].(string)
		for _, read := range []string{path + "/muxings/" + kind + "/" + id, path + "/muxings/" + id} {
			if diff := cmp.Diff(muxing, a.must("GET", read, "")); diff != "" {
				t.Errorf("GET %s (-created +read):\n%s", read, diff)
			}
		}
		if list := a.must("GET", path+"/muxings/"+kind, ""); list["totalCount"] != 1.0 {
			t.Errorf("%s: %v muxings of its kind, want 1", kind, list["totalCount"])
		}
	}
	if list := a.must("GET", path+"/muxings", ""); list["totalCount"] != 7.0 {
		t.Errorf("%v muxings, want 7", list["totalCount"])
	}
	if custom := a.must("GET", path+"/streams/"+stream+"/customData", ""); !cmp.Equal(custom["customData"], map[string]any{"a": 1.0}) {
		t.Errorf("customData of the stream: %v", custom)
	}
	a.refused("DELETE", path+"/streams/"+stream, "", 400, simulator.CodeReference)
	spare := a.create(path+"/streams", fill(
		`{"inputStreams":[{"inputId":"IN","inputPath":"p"}],"codecConfigId":"VIDEO"}`, "IN", st.input, "VIDEO", st.video))
	a.must("DELETE", path+"/streams/"+spare, "")
	if list := a.must("GET", path+"/streams", ""); list["totalCount"] != 2.0 {
		t.Errorf("%v streams, want 2", list["totalCount"])
	}
}

func TestManifests(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{Encoders: -1})
	st := a.storage()
	enc := a.prepared(st, "a")
	body := fill(`{"encodingId":"ENC","outputs":[{"outputId":"OUT","outputPath":"p"}],"manifestName":"m.mpd","version":"V2"}`, "ENC", enc, "OUT", st.output)
	dash := a.create("/encoding/manifests/dash/default", body)
	hls := a.create("/encoding/manifests/hls/default", body)
	start := fill(`{"manifestGenerator":"V2","vodDashManifests":[{"manifestId":"A"}],"vodHlsManifests":[{"manifestId":"B"}]}`, "A", dash, "B", hls)
	wrong := fill(`{"vodDashManifests":[{"manifestId":"B"}]}`, "B", hls)
	a.refused("POST", "/encoding/encodings/"+enc+"/start", wrong, 400, simulator.CodeInvalid)
	a.must("POST", "/encoding/encodings/"+enc+"/start", start)
	a.must("POST", "/encoding/encodings/"+enc+"/stop", "")
	if m := a.must("GET", "/encoding/manifests/dash/"+dash, ""); m["type"] != "DASH" || m["status"] != "CANCELED" {
		t.Errorf("manifest %v", m)
	}
	if got := a.must("GET", "/encoding/manifests/hls/"+hls+"/status", ""); got["status"] != "CANCELED" {
		t.Errorf("manifest status %v", got)
	}
	if got := a.must("GET", "/encoding/manifests/"+hls+"/type", ""); got["type"] != "HLS" {
		t.Errorf("manifest type %v", got)
	}
	request := a.must("GET", "/encoding/encodings/"+enc+"/start", "")
	if request["manifestGenerator"] != "V2" {
		t.Errorf("start request reads %v", request)
	}
}

func TestEncodingReadsBack(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{})
	r := a.call("POST", "/encoding/encodings",
		`{"name":"n","description":"d","labels":["x","y"],"cloudRegion":"AWS_EU_WEST_1","encoderVersion":"2.1.0","fallbackCloudRegions":["AWS_US_EAST_1"],"customData":{"k":"CUSTOM"}}`)
	if r.status != 201 || strings.Contains(r.body, "CUSTOM") {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	id, _ := r.result["id"].(string)
	got := a.must("GET", "/encoding/encodings/"+id, "")
	for field, want := range map[string]any{
		"name": "n", "description": "d", "labels": []any{"x", "y"}, "cloudRegion": "AWS_EU_WEST_1",
		"encoderVersion": "2.1.0", "fallbackCloudRegions": []any{"AWS_US_EAST_1"}, "type": "NONE", "status": "CREATED",
	} {
		if diff := cmp.Diff(want, got[field]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", field, diff)
		}
	}
	if custom := a.must("GET", "/encoding/encodings/"+id+"/customData", ""); !cmp.Equal(custom["customData"], map[string]any{"k": "CUSTOM"}) {
		t.Errorf("customData %v", custom)
	}
}

func TestErrorDefinitions(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{})
	for path, wantCode := range map[string]float64{"/general": 8004, "/encoding": 10006} {
		items, _ := a.must("GET", path+"/error-definitions?limit=100", "")["items"].([]any)
		found := false
		for _, item := range items {
			object, _ := item.(map[string]any)
			found = found || object["code"] == wantCode
		}
		if !found {
			t.Errorf("%s/error-definitions does not list %v", path, wantCode)
		}
	}
}

func TestManifestByItself(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{})
	st := a.storage()
	enc := a.prepared(st, "a")
	id := a.create("/encoding/manifests/dash/default", fill(
		`{"encodingId":"ENC","outputs":[{"outputId":"OUT","outputPath":"p"}]}`, "ENC", enc, "OUT", st.output))
	path := "/encoding/manifests/dash/" + id
	if got := a.must("GET", path+"/status", "")["status"]; got != "CREATED" {
		t.Errorf("status %v, want CREATED", got)
	}
	if r := a.call("POST", path+"/start", ""); r.status != 202 {
		t.Errorf("start: status %d, want 202", r.status)
	}
	if got := a.must("GET", path+"/status", ""); got["status"] != "FINISHED" || got["progress"] != 100.0 {
		t.Errorf("after the start: %v", got)
	}
	a.refused("POST", path+"/stop", "", 400, simulator.CodeState)
}

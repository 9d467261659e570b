package simulator_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// Values that the official SDKs do not have are refused, and fields that a type lacks.
func TestUnknownValues(t *testing.T) {
	for _, tt := range []struct{ path, body, field string }{
		{"/encoding/configurations/video/h264", `{"name":"n","bitrate":1,"presetConfiguration":"VOD_STANDART"}`, "presetConfiguration"},
		{"/encoding/configurations/video/h264", `{"name":"n","bitrate":1,"profile":"main"}`, "profile"},
		{"/encoding/configurations/video/h264", `{"name":"n","bitrate":1,"dynamicRangeFormat":"HDR10"}`, "dynamicRangeFormat"},
		{"/encoding/configurations/video/h265", `{"name":"n","bitrate":1,"level":"1b"}`, "level"},
		{"/encoding/configurations/video/h265", `{"name":"n","bitrate":1,"pixelFormat":"YUV420"}`, "pixelFormat"},
		{"/encoding/configurations/video/vp9", `{"name":"n","bitrate":1,"profile":"MAIN"}`, "profile"},
		{"/encoding/configurations/video/av1", `{"name":"n","bitrate":1,"presetConfiguration":"VOD_HIGH_SPEED"}`, "presetConfiguration"},
		{"/encoding/configurations/video/av1", `{"name":"n","bitrate":1,"maxGop":50}`, "maxGop"},
		{"/encoding/configurations/audio/aac", `{"name":"n","bitrate":1,"channelLayout":"5.1"}`, "channelLayout"},
		{"/encoding/configurations/audio/opus", `{"name":"n","bitrate":1,"channelLayout":"4.0"}`, "channelLayout"},
		{"/encoding/inputs/s3", `{"bucketName":"b","accessKey":"a","secretKey":"s","cloudRegion":"AUTO"}`, "cloudRegion"},
		{"/encoding/inputs/s3", `{"bucketName":"b","accessKey":"a","secretKey":"s","storageClass":"STANDARD"}`, "storageClass"},
		{"/encoding/inputs/s3-role-based", `{"bucketName":"b","roleArn":"r","signatureVersion":"S3_V4"}`, "signatureVersion"},
		{"/encoding/inputs/s3-role-based", `{"bucketName":"b","roleArn":"r","externalIdMode":"OWN"}`, "externalIdMode"},
		{"/encoding/outputs/s3", `{"bucketName":"b","accessKey":"a","secretKey":"s","storageClass":"GLACIER"}`, "storageClass"},
		{"/encoding/outputs/gcs", `{"bucketName":"b","accessKey":"a","secretKey":"s","cloudRegion":"EU_WEST_1"}`, "cloudRegion"},
		{"/encoding/outputs/generic-s3", `{"bucketName":"b","host":"h","accessKey":"a","secretKey":"s","accessStyle":"path"}`, "accessStyle"},
		{"/encoding/encodings", `{"name":"n","cloudRegion":"EU_WEST_1"}`, "cloudRegion"},
		{"/encoding/encodings", `{"name":"n","fallbackCloudRegions":["AWS_MARS_1"]}`, "fallbackCloudRegions"},
	} {
		a := newAPI(t, &simulator.Simulator{})
		if r := a.refused("POST", tt.path, tt.body, 400, simulator.CodeInvalid); !slices.Equal(r.fields, []string{tt.field}) {
			t.Errorf("POST %s %s: fields %v, want %s", tt.path, tt.body, r.fields, tt.field)
		}
		lenient := newAPI(t, &simulator.Simulator{TakeUnknownValues: true})
		known := strings.Contains("profile maxGop storageClass signatureVersion", tt.field) // a field that the type lacks
		if r := lenient.call("POST", tt.path, tt.body); r.status != 201 && !known {
			t.Errorf("POST %s %s with TakeUnknownValues: status %d", tt.path, tt.body, r.status)
		}
	}
}

func TestFallbackProviders(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{})
	for body, taken := range map[string]bool{
		`{"name":"n","cloudRegion":"AWS_EU_WEST_1","fallbackCloudRegions":["AWS_EU_WEST_2"]}`:        true,
		`{"name":"n","cloudRegion":"AWS_EU_WEST_1","fallbackCloudRegions":["GOOGLE_EUROPE_WEST_1"]}`: false,
		`{"name":"n","fallbackCloudRegions":["OCI_EU_FRANKFURT_1","AKAMAI_US_SEA"]}`:                 false,
		`{"name":"n","cloudRegion":"EUROPE","fallbackCloudRegions":["AZURE_US_EAST2"]}`:              true,
	} {
		if r := a.call("POST", "/encoding/encodings", body); (r.status == 201) != taken {
			t.Errorf("%s: status %d", body, r.status)
		}
	}
}

// Azure storages have an account key or a whole service principal.
func TestAzureCredentials(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{})
	const head = `{"accountName":"a","container":"c"`
	for body, taken := range map[string]bool{
		head + `,"accountKey":"k"}`: true,
		head + `}`:                  false,
		head + `,"servicePrincipal":{"tenantId":"t","clientId":"i","clientSecret":"s"}}`:                  true,
		head + `,"servicePrincipal":{"tenantId":"t","clientId":"i","clientCertificate":"s"}}`:             true,
		head + `,"servicePrincipal":{"tenantId":"t","clientId":"i"}}`:                                     false,
		head + `,"servicePrincipal":{"tenantId":"t","clientSecret":"s"}}`:                                 false,
		head + `,"accountKey":"k","servicePrincipal":{"tenantId":"t","clientId":"i","clientSecret":"s"}}`: false,
	} {
		if r := a.call("POST", "/encoding/outputs/azure", body); (r.status == 201) != taken {
			t.Errorf("%s: status %d", body, r.status)
		} else if strings.Contains(r.body, `"clientSecret":"s"`) {
			t.Errorf("the answer has a secret: %s", r.body)
		}
	}
}

// A codec that does not fit into a container is refused, also in a template.
func TestContainers(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{})
	st := a.storage()
	configs := map[string]string{
		"H264": st.video,
		"VP9":  a.create("/encoding/configurations/video/vp9", `{"name":"v","bitrate":1000}`),
		"AV1":  a.create("/encoding/configurations/video/av1", `{"name":"v","bitrate":10000}`),
		"OPUS": a.create("/encoding/configurations/audio/opus", `{"name":"a","bitrate":96000}`),
		"AAC":  a.create("/encoding/configurations/audio/aac", `{"name":"a","bitrate":96000}`),
	}
	enc := "/encoding/encodings/" + a.create("/encoding/encodings", `{"name":"n"}`)
	for codec, config := range configs {
		stream := a.create(enc+"/streams", fill(`{"inputStreams":[{"inputId":"IN","inputPath":"p"}],"codecConfigId":"CONFIG"}`, "IN", st.input, "CONFIG", config))
		free := codec == "VP9" || codec == "AV1" || codec == "OPUS"
		for path, taken := range map[string]bool{"ts": !free, "progressive-ts": !free, "webm": free, "fmp4": true, "cmaf": true, "mp4": true} {
			body := `{"segmentLength":4,"filename":"f.mp4","streams":[{"streamId":"` + stream + `"}]}`
			if r := a.call("POST", enc+"/muxings/"+path, body); (r.status == 201) != taken {
				t.Errorf("%s in %s: status %d", codec, path, r.status)
			}
		}
	}
}

// A start is refused if a default manifest would refer to nothing.
func TestDefaultManifestNeedsMuxing(t *testing.T) {
	for _, tt := range []struct {
		muxing, manifest string
		taken            bool
	}{
		{"fmp4", "dash", true},
		{"cmaf", "hls", true},
		{"ts", "hls", true},
		{"ts", "dash", false},
		{"mp4", "hls", false},
		{"mp4", "dash", false},
		{"fragments", "hls", true},
		{"fragments", "dash", true},
	} {
		a := newAPI(t, &simulator.Simulator{})
		st := a.storage()
		enc := a.create("/encoding/encodings", `{"name":"n"}`)
		path := "/encoding/encodings/" + enc
		stream := a.create(path+"/streams", fill(`{"inputStreams":[{"inputId":"IN","inputPath":"p"}],"codecConfigId":"VIDEO"}`, "IN", st.input, "VIDEO", st.video))
		kind, more := tt.muxing, ""
		if kind == "fragments" {
			kind, more = "mp4", `"fragmentDuration":4000,`
		}
		a.create(path+"/muxings/"+kind, `{`+more+`"segmentLength":4,"filename":"f.mp4","streams":[{"streamId":"`+stream+`"}]}`)
		manifest := a.create("/encoding/manifests/"+tt.manifest+"/default", fill(
			`{"encodingId":"ENC","outputs":[{"outputId":"OUT","outputPath":"p"}],"manifestName":"m"}`, "ENC", enc, "OUT", st.output))
		field := map[string]string{"dash": "vodDashManifests", "hls": "vodHlsManifests"}[tt.manifest]
		r := a.call("POST", path+"/start", `{"`+field+`":[{"manifestId":"`+manifest+`"}]}`)
		if (r.status == 200) != tt.taken || !tt.taken && !slices.Equal(r.fields, []string{field + "[0].manifestId"}) {
			t.Errorf("%s over %s: status %d, %v", tt.manifest, tt.muxing, r.status, r.fields)
		}
	}
}

// A per-title stream needs the configuration of its codec in the start.
func TestPerTitleNeedsConfiguration(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{})
	st := a.storage()
	config := a.create("/encoding/configurations/video/h265", `{"name":"template"}`)
	enc := "/encoding/encodings/" + a.create("/encoding/encodings", `{"name":"n"}`)
	stream := a.create(enc+"/streams", fill(
		`{"inputStreams":[{"inputId":"IN","inputPath":"p"}],"codecConfigId":"CONFIG","mode":"PER_TITLE_TEMPLATE"}`, "IN", st.input, "CONFIG", config))
	a.create(enc+"/muxings/mp4", `{"filename":"f.mp4","streams":[{"streamId":"`+stream+`"}]}`)
	for _, body := range []string{"", `{"perTitle":{}}`, `{"perTitle":{"h264Configuration":{}}}`} {
		if r := a.refused("POST", enc+"/start", body, 400, simulator.CodeInvalid); !slices.Equal(r.fields, []string{"perTitle.h265Configuration"}) {
			t.Errorf("%s: fields %v", body, r.fields)
		}
	}
	a.must("POST", enc+"/start", `{"perTitle":{"h265Configuration":{"autoRepresentations":{}}}}`)
}

// The check of rights answers for S3 outputs, as the test wants it to.
func TestCheckPermissions(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{DenyPermission: func(c simulator.PermissionCheck) string {
		if c.Output.Type == "S3" && strings.HasPrefix(c.Path, "locked") {
			return "ACLs are disabled"
		}
		return ""
	}})
	st := a.storage()
	check := "/encoding/outputs/" + st.output + "/check-permissions"
	if r := a.must("POST", check, ""); r["passed"] != true || r["failureReason"] != nil {
		t.Errorf("the root: %v", r)
	}
	if r := a.must("POST", check, `{"path":"locked/a"}`); r["passed"] != false || r["failureReason"] != "ACLs are disabled" {
		t.Errorf("the locked path: %v", r)
	}
	azure := a.create("/encoding/outputs/azure", `{"accountName":"a","accountKey":"k","container":"c"}`)
	a.refused("POST", "/encoding/outputs/"+azure+"/check-permissions", "", 400, simulator.CodeInvalid)
	a.refused("POST", "/encoding/outputs/none/check-permissions", "", 404, simulator.CodeNotFound)
}

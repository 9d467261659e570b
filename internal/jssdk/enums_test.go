package jssdk

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/capability"
	"github.com/stokerd/stoker/job"
)

// enumValue is a value in a model of the SDK.
var enumValue = regexp.MustCompile(`\["[^"]+"\] = "([^"]*)"`)

// readEnum reads an enumeration of the SDK.
func readEnum(t *testing.T, name string) (values []string) {
	t.Helper()
	text, err := os.ReadFile("node_modules/@bitmovin/api-sdk/dist/models/" + name + ".js")
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range enumValue.FindAllStringSubmatch(string(text), -1) {
		values = append(values, match[1])
	}
	if len(values) == 0 {
		t.Fatalf("%s.js has no values that this test can read", name)
	}
	return values
}

// The enumerations that recipes and storages are checked with are those of the SDK.
func TestEnums(t *testing.T) {
	needSDK(t)
	for _, e := range capability.Enums() {
		known := slices.DeleteFunc(slices.Clone(e.Values), func(v string) bool { return slices.Contains(e.Newer, v) })
		want := readEnum(t, e.Name)
		slices.Sort(known)
		slices.Sort(want)
		if diff := cmp.Diff(want, known); diff != "" {
			t.Errorf("%s (-the SDK +Stoker):\n%s", e.Name, diff)
		}
	}
}

// enumField is a field with an enumeration: how a recipe or storage has it, and how the simulator gets it.
type enumField struct {
	name  string
	enum  string // of the SDK
	check func(value string) []job.Violation
	path  string // of the call
	body  string // with %q for the value
}

func recipeField(name, enum, path, body string, edit func(r *job.Recipe, value string)) enumField {
	return enumField{name, enum, func(value string) []job.Violation {
		r := job.DefaultRecipe()
		edit(&r, value)
		violations, _ := capability.CheckRecipe(r, "")
		return violations
	}, path, body}
}

func storageField(name, enum, typ, body string) enumField {
	path := "/encoding/outputs/" + strings.ToLower(strings.ReplaceAll(typ, "_", "-"))
	return enumField{typ + "." + name, enum, func(value string) []job.Violation {
		violations, _ := capability.CheckStorage(capability.Storage{Type: typ, Output: true, Fields: map[string]string{name: value}}, "")
		return violations
	}, path, body}
}

// enumFields are the fields that both sides know, with all values of the SDK. The modes of streams and the permissions
// of files are not among them: a recipe takes only some of their values.
func enumFields() []enumField {
	video := func(codec job.Codec, name, enum, wire string, set func(v *job.Video, value string)) enumField {
		path := "/encoding/configurations/video/" + strings.ToLower(string(codec))
		return recipeField(string(codec)+"."+name, enum, path, `{"name":"n","bitrate":100000,"`+wire+`":%q}`, func(r *job.Recipe, value string) {
			r.Videos[0].Codec = codec
			set(&r.Videos[0], value)
		})
	}
	layout := func(codec job.Codec, path, enum string) enumField {
		return recipeField(string(codec)+".channel_layout", enum, path, `{"name":"n","bitrate":100000,"channelLayout":%q}`, func(r *job.Recipe, value string) {
			r.Audios[0].Codec, r.Audios[0].ChannelLayout = codec, value
		})
	}
	preset := func(v *job.Video, value string) { v.Preset = value }
	profile := func(v *job.Video, value string) { v.Profile = value }
	level := func(v *job.Video, value string) { v.Level = value }
	dynamicRange := func(v *job.Video, value string) { v.DynamicRangeFormat = value }
	const bucket = `{"bucketName":"b","accessKey":"a","secretKey":"s","roleArn":"r","host":"h","serviceAccountCredentials":"c",`
	return []enumField{
		video(job.H264, "preset", "PresetConfiguration", "presetConfiguration", preset),
		video(job.H265, "preset", "PresetConfiguration", "presetConfiguration", preset),
		video(job.VP9, "preset", "PresetConfiguration", "presetConfiguration", preset),
		video(job.AV1, "preset", "Av1PresetConfiguration", "presetConfiguration", preset),
		video(job.H264, "profile", "ProfileH264", "profile", profile),
		video(job.H265, "profile", "ProfileH265", "profile", profile),
		video(job.VP9, "profile", "", "profile", profile),
		video(job.AV1, "profile", "", "profile", profile),
		video(job.H264, "level", "LevelH264", "level", level),
		video(job.H265, "level", "LevelH265", "level", level),
		video(job.VP9, "level", "", "level", level),
		video(job.H264, "dynamic_range_format", "H264DynamicRangeFormat", "dynamicRangeFormat", dynamicRange),
		video(job.H265, "dynamic_range_format", "H265DynamicRangeFormat", "dynamicRangeFormat", dynamicRange),
		video(job.VP9, "dynamic_range_format", "Vp9DynamicRangeFormat", "dynamicRangeFormat", dynamicRange),
		video(job.AV1, "dynamic_range_format", "", "dynamicRangeFormat", dynamicRange),
		video(job.AV1, "pixel_format", "PixelFormat", "pixelFormat", func(v *job.Video, value string) { v.PixelFormat = value }),
		layout(job.AAC, "/encoding/configurations/audio/aac", "AacChannelLayout"),
		layout(job.HEAACv1, "/encoding/configurations/audio/he-aac-v1", "AacChannelLayout"),
		layout(job.HEAACv2, "/encoding/configurations/audio/he-aac-v2", "AacChannelLayout"),
		layout(job.Opus, "/encoding/configurations/audio/opus", "OpusChannelLayout"),
		recipeField("encoding_mode", "EncodingMode", "/encoding/configurations/video/h264", `{"name":"n","bitrate":100000,"encodingMode":%q}`, func(r *job.Recipe, value string) { r.EncodingMode = value }),
		recipeField("region", "CloudRegion", "/encoding/encodings", `{"name":"n","cloudRegion":%q}`, func(r *job.Recipe, value string) { r.Region = value }),
		recipeField("fallback_regions", "CloudRegion", "/encoding/encodings", `{"name":"n","fallbackCloudRegions":[%q]}`, func(r *job.Recipe, value string) { r.FallbackRegions = []string{value} }),
		recipeField("deinterlace.parity", "PictureFieldParity", "/encoding/filters/deinterlace", `{"parity":%q}`, func(r *job.Recipe, value string) { r.Deinterlace = &job.Deinterlace{Parity: value} }),
		recipeField("deinterlace.mode", "DeinterlaceMode", "/encoding/filters/deinterlace", `{"mode":%q}`, func(r *job.Recipe, value string) { r.Deinterlace = &job.Deinterlace{Mode: value} }),
		recipeField("deinterlace.frame_selection_mode", "DeinterlaceFrameSelectionMode", "/encoding/filters/deinterlace", `{"frameSelectionMode":%q}`, func(r *job.Recipe, value string) { r.Deinterlace = &job.Deinterlace{FrameSelectionMode: value} }),
		recipeField("deinterlace.auto_enable", "DeinterlaceAutoEnable", "/encoding/filters/deinterlace", `{"autoEnable":%q}`, func(r *job.Recipe, value string) { r.Deinterlace = &job.Deinterlace{AutoEnable: value} }),
		storageField("cloud_region", "AwsCloudRegion", "S3", bucket+`"cloudRegion":%q}`),
		storageField("cloud_region", "AwsCloudRegion", "S3_ROLE_BASED", bucket+`"cloudRegion":%q}`),
		storageField("cloud_region", "GoogleCloudRegion", "GCS", bucket+`"cloudRegion":%q}`),
		storageField("cloud_region", "GoogleCloudRegion", "GCS_SERVICE_ACCOUNT", bucket+`"cloudRegion":%q}`),
		storageField("signature_version", "S3SignatureVersion", "S3", bucket+`"signatureVersion":%q}`),
		storageField("signature_version", "S3SignatureVersion", "GENERIC_S3", bucket+`"signatureVersion":%q}`),
		storageField("storage_class", "S3StorageClass", "S3", bucket+`"storageClass":%q}`),
		storageField("external_id_mode", "ExternalIdMode", "S3_ROLE_BASED", bucket+`"externalIdMode":%q}`),
		storageField("access_style", "S3AccessStyle", "GENERIC_S3", bucket+`"accessStyle":%q}`),
	}
}

// Each value of any enumeration, and one of none, is accepted or refused by each field of a recipe or
// storage, and by the simulator, just as the SDK has it, or is known to be newer. The simulator has tables of
// its own.
func TestEnumsOnBothSides(t *testing.T) {
	needSDK(t)
	sim := &simulator.Simulator{Unlimited: true, LedgerLimit: 1}
	defer sim.Close()
	values := []string{"NO_SUCH_VALUE", "vod_standard"}
	for _, e := range capability.Enums() {
		values = append(values, e.Values...)
	}
	slices.Sort(values)
	values = slices.Compact(values)
	accepted, refused := 0, 0
	for _, field := range enumFields() {
		var want []string
		if field.enum != "" {
			want = readEnum(t, field.enum)
			for _, e := range capability.Enums() {
				if e.Name == field.enum {
					want = append(want, e.Newer...)
				}
			}
		}
		for _, value := range values {
			allowed := slices.Contains(want, value)
			if got := field.check(value); (len(got) == 0) != allowed {
				t.Errorf("%s: %q has violations %v, and the SDK has it: %v", field.name, value, got, allowed)
			}
			if status := post(t, sim, field.path, fmt.Sprintf(field.body, value)); (status == http.StatusCreated) != allowed {
				t.Errorf("%s: the simulator answers %q with %d, and the SDK has it: %v", field.name, value, status, allowed)
			}
			if allowed {
				accepted++
			} else {
				refused++
			}
		}
	}
	t.Logf("%d fields: %d values accepted, %d refused, on both sides", len(enumFields()), accepted, refused)
}

func post(t *testing.T, sim *simulator.Simulator, path, body string) (status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://api.test/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", "key")
	resp, err := sim.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

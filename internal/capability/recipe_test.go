package capability

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/job"
)

// texts are violations as one text each.
func texts(list []job.Violation) (all []string) {
	for _, v := range list {
		all = append(all, v.Field+": "+v.Message)
	}
	return all
}

func TestCheckRecipe(t *testing.T) {
	const passes = " (allow_unknown: true passes it on as it is)"
	for _, tt := range []struct {
		name string
		edit func(*job.Recipe)
		want []string
	}{
		{"the default", func(*job.Recipe) {}, nil},
		{"a typing error", func(r *job.Recipe) { r.Videos[1].Preset = "VOD_STANDART" }, []string{
			`recipe.videos[1].preset: unknown preset "VOD_STANDART" for H264; did you mean "VOD_STANDARD"?` + passes,
		}},
		{"a value of another codec", func(r *job.Recipe) { r.Videos[0].Codec, r.Videos[0].Profile = job.H265, "HIGH" }, []string{
			`recipe.videos[0].profile: unknown profile "HIGH" for H265; want main or main10` + passes,
		}},
		{"upper case", func(r *job.Recipe) { r.Videos[0].Codec, r.Videos[0].Profile = job.H265, "MAIN10" }, []string{
			`recipe.videos[0].profile: unknown profile "MAIN10" for H265; did you mean "main10"?` + passes,
		}},
		{"fields that AV1 lacks", func(r *job.Recipe) {
			r.Videos[0] = job.Video{Codec: job.AV1, Bitrate: 1_000_000, Profile: "MAIN", Level: "4.1", DynamicRangeFormat: "HDR10", MaxGOP: 50, Preset: "VOD_HIGH_SPEED"}
		}, []string{
			"recipe.videos[0].profile: AV1 has no profile; leave it out" + passes,
			`recipe.videos[0].preset: unknown preset "VOD_HIGH_SPEED" for AV1; did you mean "VOD_SPEED"?` + passes,
			"recipe.videos[0].level: AV1 has no level; leave it out" + passes,
			"recipe.videos[0].dynamic_range_format: AV1 has no dynamic_range_format; leave it out" + passes,
			"recipe.videos[0].max_gop: the platform does not let the distance between keyframes be set for AV1; leave min_gop, max_gop and keyframe intervals out",
		}},
		{"channels", func(r *job.Recipe) {
			r.Audios[0].ChannelLayout = "5.1"
			r.Audios = append(r.Audios, job.Audio{Codec: job.Opus, Bitrate: 96_000, ChannelLayout: "7.1_WIDE_BACK"})
		}, []string{
			`recipe.audios[0].channel_layout: unknown channel layout "5.1" for AAC; did you mean "5.1_BACK"?` + passes,
			`recipe.audios[1].channel_layout: unknown channel layout "7.1_WIDE_BACK" for OPUS; did you mean "7.1"?` + passes,
		}},
		{"video selects audio", func(r *job.Recipe) { r.Audios[0].SelectionMode = "VIDEO_RELATIVE" }, []string{
			"recipe.audios[0].selection_mode: VIDEO_RELATIVE does not select audio; want AUDIO_RELATIVE",
		}},
		{"result of per title", func(r *job.Recipe) { r.Videos[0].Mode = "PER_TITLE_RESULT" }, []string{
			"recipe.videos[0].mode: PER_TITLE_RESULT is the mode of what the platform makes; want PER_TITLE_TEMPLATE",
		}},
		{"regions", func(r *job.Recipe) {
			r.Region, r.FallbackRegions, r.EncodingMode = "us-east-1", []string{"EU_WEST_1", "AWS_EU_WEST_2"}, "FAST"
		}, []string{
			`recipe.encoding_mode: unknown encoding mode "FAST"; want STANDARD, SINGLE_PASS, TWO_PASS, THREE_PASS or SMART_PASS` + passes,
			`recipe.region: unknown cloud region "us-east-1"; did you mean "AWS_US_EAST_1"?` + passes,
			`recipe.fallback_regions[0]: unknown cloud region "EU_WEST_1"; did you mean "AWS_EU_WEST_1"?` + passes,
		}},
		{"two providers", func(r *job.Recipe) {
			r.Region, r.FallbackRegions = "AWS_EU_WEST_1", []string{"AWS_EU_WEST_2", "GOOGLE_EUROPE_WEST_1"}
		}, []string{
			"recipe.fallback_regions[1]: GOOGLE_EUROPE_WEST_1 is a region of GOOGLE, and AWS_EU_WEST_1 one of AWS; the platform takes fallback regions of one provider only",
		}},
		{"two providers after AUTO", func(r *job.Recipe) { r.FallbackRegions = []string{"AKAMAI_US_SEA", "AZURE_US_EAST"} }, []string{
			"recipe.fallback_regions[1]: AZURE_US_EAST is a region of AZURE, and AKAMAI_US_SEA one of AKAMAI; the platform takes fallback regions of one provider only",
		}},
		{"continents", func(r *job.Recipe) {
			r.Region, r.FallbackRegions = "EUROPE", []string{"NORTH_AMERICA", "AWS_US_EAST_1"}
		}, nil},
		{"acl", func(r *job.Recipe) { r.ACL = "PUBLIC" }, []string{`recipe.acl: unknown acl "PUBLIC"; did you mean "PUBLIC_READ"?` + passes}},
		{"images", func(r *job.Recipe) {
			r.Deinterlace = &job.Deinterlace{Parity: "TOP", Mode: "FRAMES", FrameSelectionMode: "NEVER", AutoEnable: "ALWAYS"}
			r.Thumbnails = []job.Thumbnail{{Height: 90, Positions: []float64{1}, Unit: "PERCENT", AspectMode: "FIT"}}
			r.Sprites = []job.Sprite{{Height: 90, Unit: "SECOND", CreationMode: "START"}}
		}, []string{
			`recipe.deinterlace.parity: unknown parity "TOP"; did you mean "TOP_FIELD_FIRST"?` + passes,
			`recipe.deinterlace.mode: unknown mode "FRAMES"; did you mean "FRAME"?` + passes,
			`recipe.deinterlace.frame_selection_mode: unknown frame selection mode "NEVER"; want ALL or INTERLACED` + passes,
			`recipe.deinterlace.auto_enable: unknown auto enable "ALWAYS"; did you mean "ALWAYS_ON"?` + passes,
			`recipe.thumbnails[0].unit: unknown unit "PERCENT"; did you mean "PERCENTS"?` + passes,
			`recipe.thumbnails[0].aspect_mode: unknown aspect mode "FIT"; want PAD, CROP or STRETCH` + passes,
			`recipe.sprites[0].unit: unknown unit "SECOND"; did you mean "SECONDS"?` + passes,
			`recipe.sprites[0].creation_mode: unknown creation mode "START"; did you mean "INTERVAL_START"?` + passes,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := job.DefaultRecipe()
			tt.edit(&r)
			violations, warnings := CheckRecipe(r, "recipe")
			if diff := cmp.Diff(tt.want, texts(violations)); diff != "" || len(warnings) > 0 {
				t.Errorf("violations (-want +got):\n%s\nwarnings: %v", diff, texts(warnings))
			}
		})
	}
}

// What is only unknown becomes a warning with allow_unknown; what cannot work does not.
func TestAllowUnknown(t *testing.T) {
	r := job.DefaultRecipe()
	r.AllowUnknown, r.Region, r.FallbackRegions = true, "AWS_MARS_1", []string{"GOOGLE_MARS_1"}
	r.Videos[0].Preset, r.Videos[1].CRF = "VOD_TURBO", 20
	violations, warnings := CheckRecipe(r, "")
	want := []string{
		"videos[1].crf: bitrate and crf exclude each other",
		"fallback_regions[0]: GOOGLE_MARS_1 is a region of GOOGLE, and AWS_MARS_1 one of AWS; the platform takes fallback regions of one provider only",
	}
	if diff := cmp.Diff(want, texts(violations)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	var fields []string
	for _, w := range warnings {
		fields = append(fields, w.Field)
		if !strings.Contains(w.Message, "passed on because of allow_unknown") {
			t.Errorf("a warning says %q", w.Message)
		}
	}
	if diff := cmp.Diff([]string{"videos[0].preset", "region", "fallback_regions[0]"}, fields); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestPackaging(t *testing.T) {
	muxing := func(containers ...job.Container) (all []job.Muxing) {
		for _, c := range containers {
			all = append(all, job.Muxing{Container: c, Directory: string(c)})
		}
		return all
	}
	fragmented := job.Muxing{Container: job.MP4, FragmentDuration: 4000, Directory: "f"}
	for _, tt := range []struct {
		name      string
		video     job.Codec
		audio     job.Codec
		muxings   []job.Muxing
		manifests []job.ManifestFormat
		want      []string // fields
	}{
		{"everything in fMP4 and TS", job.H265, job.HEAACv2, muxing(job.FMP4, job.CMAF, job.TS, job.MP4), []job.ManifestFormat{job.DASH, job.HLS}, nil},
		{"VP9 in TS", job.VP9, job.AAC, muxing(job.FMP4, job.TS), nil, []string{"muxings[1].container"}},
		{"AV1 in TS", job.AV1, job.AAC, muxing(job.TS), nil, []string{"muxings[0].container"}},
		{"Opus in TS", job.H264, job.Opus, muxing(job.TS), nil, []string{"muxings[0].container"}},
		{"both in TS", job.AV1, job.Opus, muxing(job.TS), nil, []string{"muxings[0].container", "muxings[0].container"}},
		{"AV1 and Opus elsewhere", job.AV1, job.Opus, muxing(job.FMP4, job.CMAF, job.MP4), nil, nil},
		{"DASH over TS", job.H264, job.AAC, muxing(job.TS), []job.ManifestFormat{job.DASH}, []string{"manifests[0].format"}},
		{"HLS over TS", job.H264, job.AAC, muxing(job.TS), []job.ManifestFormat{job.HLS}, nil},
		{"DASH over TS and CMAF", job.H264, job.AAC, muxing(job.TS, job.CMAF), []job.ManifestFormat{job.DASH}, nil},
		{"over MP4", job.H264, job.AAC, muxing(job.MP4), []job.ManifestFormat{job.HLS, job.DASH}, []string{"manifests[0].format", "manifests[1].format"}},
		{"over fragmented MP4", job.H264, job.AAC, []job.Muxing{fragmented}, []job.ManifestFormat{job.HLS, job.DASH}, nil},
		{"DASH over TS and MP4", job.H264, job.AAC, muxing(job.TS, job.MP4), []job.ManifestFormat{job.DASH}, []string{"manifests[0].format"}},
		{"HLS over TS and MP4", job.H264, job.AAC, muxing(job.MP4, job.TS), []job.ManifestFormat{job.HLS}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := job.Recipe{
				Videos: []job.Video{{Codec: tt.video, Bitrate: 1_000_000}}, Audios: []job.Audio{{Codec: tt.audio, Bitrate: 96_000}}, Muxings: tt.muxings,
			}
			for _, f := range tt.manifests {
				r.Manifests = append(r.Manifests, job.Manifest{Format: f})
			}
			violations, _ := CheckRecipe(r, "")
			var got []string
			for _, v := range violations {
				got = append(got, v.Field)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s\n%v", diff, texts(violations))
			}
		})
	}
}

func TestCheckStorage(t *testing.T) {
	const passes = " (allow_unknown: true passes it on as it is)"
	for _, tt := range []struct {
		name string
		s    Storage
		want []string
	}{
		{"S3", Storage{Type: "S3", Input: true, Output: true, Fields: map[string]string{
			"bucket": "b", "storage_class": "GLACIER_IR", "signature_version": "S3_V4", "cloud_region": "EU_WEST_1", "check_permissions": "false",
		}}, nil},
		{"S3 input", Storage{Type: "S3", Input: true, Fields: map[string]string{"storage_class": "STANDARD", "signature_version": "S3_V4"}}, []string{
			"signature_version: an S3 input has no signature_version; leave it out, or use the storage as output",
			"storage_class: an S3 input has no storage_class; leave it out, or use the storage as output",
		}},
		{"role", Storage{Type: "S3_ROLE_BASED", Output: true, Fields: map[string]string{"storage_class": "STANDARD", "external_id_mode": "GLOBL"}}, []string{
			`external_id_mode: unknown external id mode "GLOBL"; did you mean "GLOBAL"?` + passes,
			"storage_class: S3_ROLE_BASED storage has no storage_class; it has bucket, role_arn, external_id, external_id_mode, cloud_region, signature_version or check_permissions",
		}},
		{"regions", Storage{Type: "S3", Output: true, Fields: map[string]string{"cloud_region": "AWS_EU_WEST_1"}}, []string{
			`cloud_region: unknown cloud region "AWS_EU_WEST_1" for a bucket; did you mean "EU_WEST_1"?` + passes,
		}},
		{"AUTO", Storage{Type: "GCS", Output: true, Fields: map[string]string{"cloud_region": "AUTO"}}, []string{
			"cloud_region: a bucket has no region AUTO; leave it out",
		}},
		{"Google", Storage{Type: "GCS_SERVICE_ACCOUNT", Output: true, Fields: map[string]string{"cloud_region": "ME_CENTRAL_2"}}, nil},
		{"generic", Storage{Type: "GENERIC_S3", Output: true, Fields: map[string]string{"access_style": "path", "signature_version": "V4", "role_arn": "r"}}, []string{
			`access_style: unknown access style "path"; did you mean "PATH"?` + passes,
			"role_arn: GENERIC_S3 storage has no role_arn; it has host, port, ssl, bucket, access_key, secret_key, signing_region, signature_version or access_style",
			`signature_version: unknown signature version "V4"; did you mean "S3_V4"?` + passes,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			violations, warnings := CheckStorage(tt.s, "")
			if diff := cmp.Diff(tt.want, texts(violations)); diff != "" || len(warnings) > 0 {
				t.Errorf("violations (-want +got):\n%s\nwarnings: %v", diff, texts(warnings))
			}
		})
	}
	_, warnings := CheckStorage(Storage{Type: "S3", Output: true, AllowUnknown: true, Fields: map[string]string{"cloud_region": "MARS_1"}}, "storages[0]")
	if got := texts(warnings); len(got) != 1 || !strings.HasPrefix(got[0], "storages[0].cloud_region: ") {
		t.Errorf("warnings: %v", got)
	}
}

// Every enumeration of the file is in the list that the comparison with the official SDK uses.
func TestEnums(t *testing.T) {
	names := map[string]bool{}
	for _, e := range Enums() {
		if names[e.Name] || len(e.Values) == 0 || !slices.Equal(slices.Compact(slices.Sorted(slices.Values(e.Values))), slices.Sorted(slices.Values(e.Values))) {
			t.Errorf("%s is there twice, or has no values, or a value twice", e.Name)
		}
		names[e.Name] = true
		for _, n := range e.Newer {
			if !slices.Contains(e.Values, n) {
				t.Errorf("%s: %s is newer and no value", e.Name, n)
			}
		}
	}
}

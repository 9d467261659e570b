package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/job"
)

// What the platform cannot do is refused where it stands, with the remedy.
func TestCapabilities(t *testing.T) {
	const file = `profiles:
  web:
    videos:
      - {codec: VP9, height: 720, bitrate: 1_000_000, preset: vod_standart}
    audios:
      - {codec: AAC, bitrate: 128000, channel_layout: 5.1}
    muxings:
      - {container: TS}
    manifests:
      - {format: DASH}
    region: eu-west-1
storages:
  - name: masters
    type: S3
    use: input
    bucket: b
    access_key_env: KEY
    secret_key_env: KEY
    storage_class: STANDARD
  - name: encodes
    type: S3
    use: output
    bucket: b
    access_key_env: KEY
    secret_key_env: KEY
    storage_class: STANDART
    cloud_region: AWS_EU_WEST_1
    account_name: x
`
	const want = `stoker.yaml:19: storages[0].storage_class: an S3 input has no storage_class; leave it out, or use the storage as output
stoker.yaml:28: storages[1].account_name: S3 storage has no account_name; it has bucket, access_key, secret_key, cloud_region, signature_version, storage_class or check_permissions
stoker.yaml:27: storages[1].cloud_region: unknown cloud region "AWS_EU_WEST_1" for a bucket; did you mean "EU_WEST_1"? (allow_unknown: true passes it on as it is)
stoker.yaml:26: storages[1].storage_class: unknown storage class "STANDART"; did you mean "STANDARD"? (allow_unknown: true passes it on as it is)
stoker.yaml:4: profiles.web.videos[0].preset: unknown preset "vod_standart" for VP9; did you mean "VOD_STANDARD"? (allow_unknown: true passes it on as it is)
stoker.yaml:6: profiles.web.audios[0].channel_layout: unknown channel layout "5.1" for AAC; did you mean "5.1_BACK"? (allow_unknown: true passes it on as it is)
stoker.yaml:8: profiles.web.muxings[0].container: TS cannot hold VP9; take FMP4 or CMAF, or give VP9 a profile of its own
stoker.yaml:10: profiles.web.manifests[0].format: a DASH manifest cannot refer to TS segments; add a muxing FMP4 or CMAF, or leave the manifest out
stoker.yaml:11: profiles.web.region: unknown cloud region "eu-west-1"; did you mean "AWS_EU_WEST_1"? (allow_unknown: true passes it on as it is)`
	w := environment{files: map[string]string{"stoker.yaml": file}, env: map[string]string{"KEY": "k"}}
	_, err := config.Load(w.sources("stoker.yaml"))
	if _, ok := errors.AsType[*config.Error](err); !ok {
		t.Fatalf("Load: %v, want mistakes", err)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

// With allow_unknown a new value of the platform is a warning that names the line.
func TestAllowUnknown(t *testing.T) {
	const file = `profiles:
  new:
    allow_unknown: true
    region: AWS_MARS_1
    videos:
      - {codec: H264, height: 720, bitrate: 1_000_000, preset: VOD_TURBO}
    muxings:
      - {container: FMP4}
storages:
  - name: masters
    type: S3
    allow_unknown: true
    bucket: b
    access_key_env: KEY
    secret_key_env: KEY
    cloud_region: MARS_1
`
	c := mustLoad(t, environment{files: map[string]string{"stoker.yaml": file}, env: map[string]string{"KEY": "k"}}.sources("stoker.yaml"))
	var got []string
	for _, m := range c.Warnings {
		got = append(got, m.String())
	}
	want := []string{
		`stoker.yaml:16: storages[0].cloud_region: unknown cloud region "MARS_1" for a bucket, passed on because of allow_unknown`,
		`stoker.yaml:6: profiles.new.videos[0].preset: unknown preset "VOD_TURBO" for H264, passed on because of allow_unknown`,
		`stoker.yaml:4: profiles.new.region: unknown cloud region "AWS_MARS_1", passed on because of allow_unknown`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if c.Profiles["new"].Region != "AWS_MARS_1" || c.Inputs["masters"].CloudRegion != "MARS_1" {
		t.Error("the values are not passed on")
	}
}

// A recipe can say everything that it can say in a request.
func TestWholeProfile(t *testing.T) {
	const file = `profiles:
  full:
    videos:
      - {codec: H265, mode: PER_TITLE_TEMPLATE_FIXED_RESOLUTION, height: 2160, profile: main10, level: 5.1,
         dynamic_range_format: HDR10, pixel_format: YUV420P10LE, min_keyframe_interval: 2, max_keyframe_interval: 2}
      - {codec: H264, height: 720, bitrate: 1_200_000, min_gop: 50, max_gop: 50}
    audios:
      - {codec: AAC, bitrate: 128000, language: en, selection_mode: AUDIO_RELATIVE}
      - {codec: AAC, bitrate: 128000, language: de, selection_mode: AUDIO_RELATIVE, position: 1, optional: true}
    muxings:
      - {container: MP4, fragment_duration: 4000}
    manifests:
      - {format: HLS}
    per_title: {min_bitrate: 400_000, max_bitrate: 12_000_000, min_bitrate_step_size: 1.5, max_bitrate_step_size: 2, target_quality_crf: 21}
    deinterlace: {parity: AUTO, mode: FRAME, frame_selection_mode: INTERLACED, auto_enable: META_DATA_BASED}
    thumbnails:
      - {height: 320, interval: 10}
      - {width: 640, positions: [5, 50], unit: PERCENTS, directory: posters, pattern: "p-%number%.jpg"}
    sprites:
      - {height: 90, distance: 5, h_tiles: 10, v_tiles: 10, sprite_name: "s-%number%.jpg", creation_mode: INTERVAL_START}
    acl: NONE
`
	c := mustLoad(t, environment{files: map[string]string{"stoker.yaml": file}}.sources("stoker.yaml"))
	want := job.Recipe{
		Videos: []job.Video{
			{
				Codec: job.H265, Mode: job.PerTitleTemplateFixedResolution, Height: 2160, Profile: "main10", Level: "5.1",
				DynamicRangeFormat: "HDR10", PixelFormat: "YUV420P10LE", MinKeyframeInterval: 2, MaxKeyframeInterval: 2,
			},
			{Codec: job.H264, Height: 720, Bitrate: 1_200_000, MinGOP: 50, MaxGOP: 50},
		},
		Audios: []job.Audio{
			{Codec: job.AAC, Bitrate: 128_000, Language: "en", SelectionMode: "AUDIO_RELATIVE"},
			{Codec: job.AAC, Bitrate: 128_000, Language: "de", SelectionMode: "AUDIO_RELATIVE", Position: 1, Optional: true},
		},
		Muxings:     []job.Muxing{{Container: job.MP4, FragmentDuration: 4000}},
		Manifests:   []job.Manifest{{Format: job.HLS}},
		PerTitle:    &job.PerTitle{MinBitrate: 400_000, MaxBitrate: 12_000_000, MinBitrateStepSize: 1.5, MaxBitrateStepSize: 2, TargetQualityCRF: 21},
		Deinterlace: &job.Deinterlace{Parity: "AUTO", Mode: "FRAME", FrameSelectionMode: "INTERLACED", AutoEnable: "META_DATA_BASED"},
		Thumbnails: []job.Thumbnail{
			{Height: 320, Interval: 10},
			{Width: 640, Positions: []float64{5, 50}, Unit: "PERCENTS", Directory: "posters", Pattern: "p-%number%.jpg"},
		},
		Sprites: []job.Sprite{{Height: 90, Distance: 5, HTiles: 10, VTiles: 10, SpriteName: "s-%number%.jpg", CreationMode: "INTERVAL_START"}},
		ACL:     job.NoACL,
	}
	if diff := cmp.Diff(want, c.Profiles["full"]); diff != "" {
		t.Errorf("profile (-want +got):\n%s", diff)
	}
}

// Azure takes an account key or a service principal.
func TestServicePrincipal(t *testing.T) {
	const head = "storages:\n  - name: partner\n    type: AZURE\n    account_name: a\n    container: c\n"
	env := map[string]string{"SECRET": "s", "KEY": "k"}
	files := func(more string) map[string]string {
		return map[string]string{"stoker.yaml": head + more, "cert.pem": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"}
	}
	for name, tt := range map[string]struct {
		more string
		want bitmovin.ServicePrincipal
		err  string
	}{
		"secret": {"    tenant_id: t\n    client_id: i\n    client_secret_env: SECRET\n", bitmovin.ServicePrincipal{TenantID: "t", ClientID: "i", ClientSecret: "s"}, ""},
		"certificate": {"    tenant_id: t\n    client_id: i\n    client_certificate_file: cert.pem\n", bitmovin.ServicePrincipal{
			TenantID: "t", ClientID: "i", ClientCertificate: "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----",
		}, ""},
		"half":    {"    tenant_id: t\n    client_secret_env: SECRET\n", bitmovin.ServicePrincipal{}, "lacks account key, or a service principal"},
		"both":    {"    tenant_id: t\n    client_id: i\n    client_secret_env: SECRET\n    account_key_env: KEY\n", bitmovin.ServicePrincipal{}, "exclude each other"},
		"neither": {"", bitmovin.ServicePrincipal{}, "lacks account key"},
	} {
		c, err := config.Load(environment{files: files(tt.more), env: env}.sources("stoker.yaml"))
		switch {
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%s: %v, want %s", name, err, tt.err)
		case tt.err == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tt.err == "":
			if diff := cmp.Diff(tt.want, c.Outputs["partner"].ServicePrincipal); diff != "" {
				t.Errorf("%s: service principal (-want +got):\n%s", name, diff)
			}
		}
	}
}

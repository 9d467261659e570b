package bitmovin

import (
	"context"
	"errors"
	"testing"
)

// The calls that only some recipes and storages need.
func TestRecipeCalls(t *testing.T) {
	want := func(err error, ok bool) error {
		if err == nil && !ok {
			err = errors.New("the answer is read wrongly")
		}
		return err
	}
	testCalls(t, []callTest{
		{
			name: "CreateConfiguration with everything",
			call: func(ctx context.Context, c *Client) error {
				_, err := c.CreateConfiguration(ctx, Configuration{
					Type: H265, Name: "n", Height: 2160, Profile: "main10", Level: "5.1", DynamicRangeFormat: "HDR10", PixelFormat: "YUV420P10LE",
					MinGOP: 25, MaxGOP: 50, MinKeyframeInterval: 1.5, MaxKeyframeInterval: 2,
				})
				return err
			},
			want: "POST /encoding/configurations/video/h265",
			body: `{"type":"H265","name":"n","height":2160,"profile":"main10","level":"5.1","dynamicRangeFormat":"HDR10","pixelFormat":"YUV420P10LE",` +
				`"minGop":25,"maxGop":50,"minKeyframeInterval":1.5,"maxKeyframeInterval":2}`,
			class: ClassResourceWrite,
		},
		{
			name: "CreateStream of the first audio",
			call: func(ctx context.Context, c *Client) error {
				_, err := c.CreateStream(ctx, "e", Stream{
					InputStreams:  []InputStream{{InputID: "i", InputPath: "p", SelectionMode: SelectAudio, Position: new(0)}},
					CodecConfigID: "c", Mode: "PER_TITLE_TEMPLATE", Metadata: &StreamMetadata{Language: "de"}, Conditions: InputStreamExists(),
				})
				return err
			},
			want: "POST /encoding/encodings/e/streams",
			body: `{"inputStreams":[{"inputId":"i","inputPath":"p","selectionMode":"AUDIO_RELATIVE","position":0}],"codecConfigId":"c","mode":"PER_TITLE_TEMPLATE",` +
				`"metadata":{"language":"de"},"conditions":{"type":"CONDITION","attribute":"INPUTSTREAM","operator":"==","value":"TRUE"}}`,
			class: ClassSubresource,
		},
		{
			name: "CreateMuxing of fragments",
			call: func(ctx context.Context, c *Client) error {
				_, err := c.CreateMuxing(ctx, "e", Muxing{
					Type: MuxingMP4, Streams: []MuxingStream{{"v"}}, Filename: "f.mp4", FragmentDuration: 4000, StreamConditionsMode: DropStream,
				})
				return err
			},
			want:  "POST /encoding/encodings/e/muxings/mp4",
			body:  `{"type":"MP4","streams":[{"streamId":"v"}],"filename":"f.mp4","fragmentDuration":4000,"streamConditionsMode":"DROP_STREAM"}`,
			class: ClassSubresource,
		},
		{
			name: "StartEncoding per title",
			call: func(ctx context.Context, c *Client) error {
				return c.StartEncoding(ctx, "e", &StartRequest{PerTitle: &PerTitle{
					H264: &PerTitleConfiguration{MinBitrate: 1, MaxBitrate: 2, MinBitrateStepSize: 1.5, MaxBitrateStepSize: 1.9, TargetQualityCRF: 21, AutoRepresentations: &AutoRepresentations{}},
					AV1:  &PerTitleConfiguration{},
				}}, nil)
			},
			want: "POST /encoding/encodings/e/start",
			body: `{"perTitle":{"h264Configuration":{"minBitrate":1,"maxBitrate":2,"minBitrateStepSize":1.5,"maxBitrateStepSize":1.9,"targetQualityCrf":21,` +
				`"autoRepresentations":{}},"av1Configuration":{}}}`,
			class: ClassStart,
		},
		{
			name: "CreateDeinterlace",
			call: func(ctx context.Context, c *Client) error {
				_, err := c.CreateDeinterlace(ctx, DeinterlaceFilter{ID: "ignored", Name: "n", Mode: "FRAME", AutoEnable: "META_DATA_BASED"})
				return err
			},
			want:  "POST /encoding/filters/deinterlace",
			body:  `{"name":"n","mode":"FRAME","autoEnable":"META_DATA_BASED"}`,
			class: ClassResourceWrite,
		},
		{
			name: "DeinterlaceExists",
			call: func(ctx context.Context, c *Client) error {
				ok, err := c.DeinterlaceExists(ctx, "x")
				return want(err, ok)
			},
			want:  "GET /encoding/filters/deinterlace/x",
			class: ClassResourceRead,
		},
		{
			name: "FindDeinterlace",
			call: func(ctx context.Context, c *Client) error {
				id, found, err := c.FindDeinterlace(ctx, "n")
				return want(err, found && id == "2")
			},
			want:  "GET /encoding/filters/deinterlace?limit=100&name=n",
			class: ClassResourceRead, result: `{"items":[{"id":"1","name":"nn"},{"id":"2","name":"n"}]}`,
		},
		{
			name: "AddFilters",
			call: func(ctx context.Context, c *Client) error {
				return c.AddFilters(ctx, "e", "s", []StreamFilter{{ID: "f"}})
			},
			want:  "POST /encoding/encodings/e/streams/s/filters",
			body:  `[{"id":"f","position":0}]`,
			class: ClassSubresource,
		},
		{
			name: "CreateThumbnail",
			call: func(ctx context.Context, c *Client) error {
				return c.CreateThumbnail(ctx, "e", "s", Thumbnail{Height: 320, Pattern: "t-%number%.png", Positions: []float64{5, 50}, Unit: "PERCENTS", Outputs: []EncodingOutput{{OutputID: "o", OutputPath: "p"}}})
			},
			want:  "POST /encoding/encodings/e/streams/s/thumbnails",
			body:  `{"height":320,"pattern":"t-%number%.png","positions":[5,50],"unit":"PERCENTS","outputs":[{"outputId":"o","outputPath":"p"}]}`,
			class: ClassSubresource,
		},
		{
			name: "CreateSprite",
			call: func(ctx context.Context, c *Client) error {
				return c.CreateSprite(ctx, "e", "s", Sprite{Height: 90, Unit: "SECONDS", Distance: 10, SpriteName: "s.jpg", VTTName: "s.vtt", HTiles: 5, VTiles: 4})
			},
			want:  "POST /encoding/encodings/e/streams/s/sprites",
			body:  `{"height":90,"unit":"SECONDS","distance":10,"spriteName":"s.jpg","vttName":"s.vtt","hTiles":5,"vTiles":4}`,
			class: ClassSubresource,
		},
		{
			name: "CheckPermissions",
			call: func(ctx context.Context, c *Client) error {
				answer, err := c.CheckPermissions(ctx, "o", "base")
				return want(err, answer.Passed != nil && !*answer.Passed && answer.FailureReason == "no")
			},
			want:  "POST /encoding/outputs/o/check-permissions",
			body:  `{"path":"base"}`,
			class: ClassResourceWrite, result: `{"outputId":"o","passed":false,"failureReason":"no"}`,
		},
		{
			name: "CheckPermissions without an answer",
			call: func(ctx context.Context, c *Client) error {
				answer, err := c.CheckPermissions(ctx, "o", "")
				return want(err, answer.Passed == nil)
			},
			want:  "POST /encoding/outputs/o/check-permissions",
			body:  `{}`,
			class: ClassResourceWrite, result: `{}`,
		},
		{
			name: "CreateInput drops what outputs alone have",
			call: func(ctx context.Context, c *Client) error {
				_, err := c.CreateInput(ctx, Storage{Type: StorageS3, Bucket: "b", AccessKey: "a", SecretKey: "s", StorageClass: "STANDARD", SignatureVersion: "S3_V4", CloudRegion: "EU_WEST_1"})
				return err
			},
			want:  "POST /encoding/inputs/s3",
			body:  `{"type":"S3","bucketName":"b","accessKey":"a","secretKey":"s","cloudRegion":"EU_WEST_1"}`,
			class: ClassResourceWrite,
		},
		{
			name: "CreateInput of a role",
			call: func(ctx context.Context, c *Client) error {
				_, err := c.CreateInput(ctx, Storage{Type: StorageS3RoleBased, Bucket: "b", RoleARN: "r", ExternalID: "x", ExternalIDMode: "CUSTOM", SignatureVersion: "S3_V4"})
				return err
			},
			want:  "POST /encoding/inputs/s3-role-based",
			body:  `{"type":"S3_ROLE_BASED","bucketName":"b","roleArn":"r","externalId":"x","externalIdMode":"CUSTOM"}`,
			class: ClassResourceWrite,
		},
		{
			name: "CreateInput of a generic bucket keeps its signature",
			call: func(ctx context.Context, c *Client) error {
				_, err := c.CreateInput(ctx, Storage{Type: StorageGenericS3, Host: "h", Bucket: "b", AccessKey: "a", SecretKey: "s", SignatureVersion: "S3_V4"})
				return err
			},
			want:  "POST /encoding/inputs/generic-s3",
			body:  `{"type":"GENERIC_S3","host":"h","bucketName":"b","accessKey":"a","secretKey":"s","signatureVersion":"S3_V4"}`,
			class: ClassResourceWrite,
		},
		{
			name: "CreateOutput with a service principal",
			call: func(ctx context.Context, c *Client) error {
				_, err := c.CreateOutput(ctx, Storage{
					Type: StorageAzure, AccountName: "n", Container: "c",
					ServicePrincipal: ServicePrincipal{TenantID: "t", ClientID: "i", ClientCertificate: "PEM\n"},
				})
				return err
			},
			want:  "POST /encoding/outputs/azure",
			body:  `{"type":"AZURE","accountName":"n","container":"c","servicePrincipal":{"tenantId":"t","clientId":"i","clientCertificate":"PEM\n"}}`,
			class: ClassResourceWrite,
		},
	})
}

// The calls that make a custom manifest.
func TestCustomManifestCalls(t *testing.T) {
	outputs := []EncodingOutput{{OutputID: "o", OutputPath: "p"}}
	testCalls(t, []callTest{
		{
			name: "CreateCustomHLS",
			call: func(ctx context.Context, c *Client) error {
				_, err := c.CreateCustomHLS(ctx, CustomManifest{Name: "n", ManifestName: "m.m3u8", Outputs: outputs})
				return err
			},
			want:  "POST /encoding/manifests/hls",
			body:  `{"name":"n","manifestName":"m.m3u8","outputs":[{"outputId":"o","outputPath":"p"}]}`,
			class: ClassManifest,
		},
		{
			name: "AddAudioMedia",
			call: func(ctx context.Context, c *Client) error {
				return c.AddAudioMedia(ctx, "m", AudioMedia{Name: "Deutsch", GroupID: "g", Language: "de", Autoselect: true, SegmentPath: "a", URI: "a.m3u8", EncodingID: "e", StreamID: "s", MuxingID: "x"})
			},
			want:  "POST /encoding/manifests/hls/m/media/audio",
			body:  `{"name":"Deutsch","groupId":"g","language":"de","isDefault":false,"autoselect":true,"segmentPath":"a","uri":"a.m3u8","encodingId":"e","streamId":"s","muxingId":"x"}`,
			class: ClassManifest,
		},
		{
			name: "AddVariantStream",
			call: func(ctx context.Context, c *Client) error {
				return c.AddVariantStream(ctx, "m", VariantStream{Audio: "g", ClosedCaptions: NoCaptions, SegmentPath: "v", URI: "v.m3u8", EncodingID: "e", StreamID: "s", MuxingID: "x"})
			},
			want:  "POST /encoding/manifests/hls/m/streams",
			body:  `{"audio":"g","closedCaptions":"NONE","segmentPath":"v","uri":"v.m3u8","encodingId":"e","streamId":"s","muxingId":"x"}`,
			class: ClassManifest,
		},
		{
			name: "CreateCustomDash",
			call: func(ctx context.Context, c *Client) error {
				_, err := c.CreateCustomDash(ctx, CustomManifest{ManifestName: "m.mpd", Outputs: outputs})
				return err
			},
			want:  "POST /encoding/manifests/dash",
			body:  `{"manifestName":"m.mpd","outputs":[{"outputId":"o","outputPath":"p"}]}`,
			class: ClassManifest,
		},
		{
			name:  "AddPeriod",
			call:  func(ctx context.Context, c *Client) error { _, err := c.AddPeriod(ctx, "m"); return err },
			want:  "POST /encoding/manifests/dash/m/periods",
			body:  `{}`,
			class: ClassManifest,
		},
		{
			name:  "AddVideoSet",
			call:  func(ctx context.Context, c *Client) error { _, err := c.AddVideoSet(ctx, "m", "p"); return err },
			want:  "POST /encoding/manifests/dash/m/periods/p/adaptationsets/video",
			body:  `{}`,
			class: ClassManifest,
		},
		{
			name: "AddAudioSet",
			call: func(ctx context.Context, c *Client) error {
				_, err := c.AddAudioSet(ctx, "m", "p", AdaptationSet{Language: "de", Labels: []Label{{"Deutsch"}}})
				return err
			},
			want:  "POST /encoding/manifests/dash/m/periods/p/adaptationsets/audio",
			body:  `{"lang":"de","labels":[{"value":"Deutsch"}]}`,
			class: ClassManifest,
		},
		{
			name: "AddRepresentation",
			call: func(ctx context.Context, c *Client) error {
				return c.AddRepresentation(ctx, "m", "p", "s", MuxingCMAF, Representation{Type: SegmentTemplate, SegmentPath: "v", EncodingID: "e", MuxingID: "x"})
			},
			want:  "POST /encoding/manifests/dash/m/periods/p/adaptationsets/s/representations/cmaf",
			body:  `{"type":"TEMPLATE","segmentPath":"v","encodingId":"e","muxingId":"x"}`,
			class: ClassManifest,
		},
	})
}

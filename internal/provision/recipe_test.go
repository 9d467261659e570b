package provision

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// contentAPI is a platform that records what it is sent, as JSON.
type contentAPI struct {
	Platform
	mu  sync.Mutex
	log []string
}

func (a *contentAPI) note(what string, body any) error {
	text, err := json.Marshal(body)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log = append(a.log, what+" "+string(text))
	return err
}

func (a *contentAPI) CreateStream(_ context.Context, _ bitmovin.EncodingID, s bitmovin.Stream) (bitmovin.Stream, error) {
	err := a.note("stream", s)
	s.ID = bitmovin.StreamID(s.CodecConfigID)
	return s, err
}

func (a *contentAPI) CreateMuxing(_ context.Context, _ bitmovin.EncodingID, m bitmovin.Muxing) (bitmovin.Muxing, error) {
	err := a.note("muxing", m)
	m.ID = bitmovin.MuxingID(string(m.Type) + "-" + string(m.Streams[0].StreamID))
	return m, err
}

func (a *contentAPI) AddFilters(_ context.Context, _ bitmovin.EncodingID, stream bitmovin.StreamID, filters []bitmovin.StreamFilter) error {
	return a.note("filters of "+string(stream), filters)
}

func (a *contentAPI) CreateThumbnail(_ context.Context, _ bitmovin.EncodingID, stream bitmovin.StreamID, t bitmovin.Thumbnail) error {
	return a.note("thumbnails of "+string(stream), t)
}

func (a *contentAPI) CreateSprite(_ context.Context, _ bitmovin.EncodingID, stream bitmovin.StreamID, s bitmovin.Sprite) error {
	return a.note("sprite of "+string(stream), s)
}

func (a *contentAPI) CreateDashManifest(_ context.Context, r bitmovin.ManifestRequest) (bitmovin.ManifestID, error) {
	return "dash", a.note("DASH", r)
}

func (a *contentAPI) CreateCustomHLS(_ context.Context, m bitmovin.CustomManifest) (bitmovin.ManifestID, error) {
	return "hls", a.note("HLS", m)
}

func (a *contentAPI) AddAudioMedia(_ context.Context, id bitmovin.ManifestID, m bitmovin.AudioMedia) error {
	return a.note("audio of "+string(id), m)
}

func (a *contentAPI) AddVariantStream(_ context.Context, id bitmovin.ManifestID, v bitmovin.VariantStream) error {
	return a.note("variant of "+string(id), v)
}

func (a *contentAPI) CreateCustomDash(_ context.Context, m bitmovin.CustomManifest) (bitmovin.ManifestID, error) {
	return "dash", a.note("DASH", m)
}

func (a *contentAPI) AddPeriod(_ context.Context, id bitmovin.ManifestID) (bitmovin.PeriodID, error) {
	return "p", a.note("period of "+string(id), nil)
}

func (a *contentAPI) AddVideoSet(_ context.Context, id bitmovin.ManifestID, period bitmovin.PeriodID) (bitmovin.AdaptationSetID, error) {
	return "videos", a.note("videos of "+string(id)+" "+string(period), nil)
}

func (a *contentAPI) AddAudioSet(_ context.Context, id bitmovin.ManifestID, period bitmovin.PeriodID, s bitmovin.AdaptationSet) (bitmovin.AdaptationSetID, error) {
	return bitmovin.AdaptationSetID(s.Labels[0].Value), a.note("audios of "+string(id)+" "+string(period), s)
}

func (a *contentAPI) AddRepresentation(_ context.Context, id bitmovin.ManifestID, period bitmovin.PeriodID, set bitmovin.AdaptationSetID, of bitmovin.MuxingType, r bitmovin.Representation) error {
	return a.note(fmt.Sprintf("%s in %s of %s %s", of, set, id, period), r)
}

// configured returns what configuring a job by a recipe sends, sorted.
func configured(t *testing.T, r *job.Recipe, shared Shared) []string {
	t.Helper()
	api := &contentAPI{}
	p := New(Config{Platform: api, Store: &fakeStore{}})
	j := &job.Job{ID: job.ID{Batch: "b", Number: 1}, Spec: job.Spec{InputPath: "a.mov", OutputPath: "out"}}
	shared.input, shared.output = "in", "out"
	if _, err := p.Configure(t.Context(), "e", r, j, shared); err != nil {
		t.Fatal(err)
	}
	slices.Sort(api.log)
	return api.log
}

// Audio streams are selected, tagged and left out as the recipe says.
func TestConfigureAudios(t *testing.T) {
	got := configured(t, &job.Recipe{
		Videos: []job.Video{{Codec: job.H264, Height: 720, Bitrate: 1}},
		Audios: []job.Audio{
			{Codec: job.AAC, Bitrate: 128_000, Language: "en", SelectionMode: "AUDIO_RELATIVE"},
			{Codec: job.AAC, Bitrate: 128_000, Language: "de", SelectionMode: "AUDIO_RELATIVE", Position: 1, Optional: true},
		},
		Muxings: []job.Muxing{{Container: job.FMP4}, {Container: job.MP4, Directory: "mp4"}},
		ACL:     job.NoACL,
	}, Shared{videos: []bitmovin.ConfigID{"v"}, audios: []bitmovin.ConfigID{"en", "de"}})
	want := []string{
		`muxing {"type":"FMP4","streams":[{"streamId":"de"}],"outputs":[{"outputId":"out","outputPath":"out/audio/de/128"}],"segmentLength":4,"streamConditionsMode":"DROP_MUXING"}`,
		`muxing {"type":"FMP4","streams":[{"streamId":"en"}],"outputs":[{"outputId":"out","outputPath":"out/audio/en/128"}],"segmentLength":4}`,
		`muxing {"type":"FMP4","streams":[{"streamId":"v"}],"outputs":[{"outputId":"out","outputPath":"out/video/720"}],"segmentLength":4}`,
		`muxing {"type":"MP4","streams":[{"streamId":"v"},{"streamId":"en"},{"streamId":"de"}],"outputs":[{"outputId":"out","outputPath":"out/mp4/video/720"}],"filename":"720.mp4","streamConditionsMode":"DROP_STREAM"}`,
		`stream {"inputStreams":[{"inputId":"in","inputPath":"a.mov","selectionMode":"AUDIO_RELATIVE","position":0}],"codecConfigId":"en","metadata":{"language":"en"}}`,
		`stream {"inputStreams":[{"inputId":"in","inputPath":"a.mov","selectionMode":"AUDIO_RELATIVE","position":1}],"codecConfigId":"de","metadata":{"language":"de"},` +
			`"conditions":{"type":"CONDITION","attribute":"INPUTSTREAM","operator":"==","value":"TRUE"}}`,
		`stream {"inputStreams":[{"inputId":"in","inputPath":"a.mov","selectionMode":"AUTO"}],"codecConfigId":"v"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// A fragmented MP4 has one file for each rendition, and DASH over nothing else is on demand.
func TestConfigureFragments(t *testing.T) {
	got := configured(t, &job.Recipe{
		Videos:    []job.Video{{Codec: job.H264, Height: 720, Bitrate: 1}},
		Audios:    []job.Audio{{Codec: job.AAC, Bitrate: 128_000}},
		Muxings:   []job.Muxing{{Container: job.MP4, FragmentDuration: 4000}},
		Manifests: []job.Manifest{{Format: job.DASH}},
		ACL:       job.Private,
	}, Shared{videos: []bitmovin.ConfigID{"v"}, audios: []bitmovin.ConfigID{"a"}})
	const acl = `"acl":[{"permission":"PRIVATE"}]`
	want := []string{
		`DASH {"encodingId":"e","outputs":[{"outputId":"out","outputPath":"out",` + acl + `}],"name":"stream.mpd","manifestName":"stream.mpd","profile":"ON_DEMAND"}`,
		`muxing {"type":"MP4","streams":[{"streamId":"a"}],"outputs":[{"outputId":"out","outputPath":"out/audio/128",` + acl + `}],"filename":"128.mp4","fragmentDuration":4000}`,
		`muxing {"type":"MP4","streams":[{"streamId":"v"}],"outputs":[{"outputId":"out","outputPath":"out/video/720",` + acl + `}],"filename":"720.mp4","fragmentDuration":4000}`,
		`stream {"inputStreams":[{"inputId":"in","inputPath":"a.mov","selectionMode":"AUTO"}],"codecConfigId":"a"}`,
		`stream {"inputStreams":[{"inputId":"in","inputPath":"a.mov","selectionMode":"AUTO"}],"codecConfigId":"v"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// The filter goes before every video, and pictures are made of the first.
func TestConfigurePictures(t *testing.T) {
	got := configured(t, &job.Recipe{
		Videos:      []job.Video{{Codec: job.H264, Height: 720, Bitrate: 1}, {Codec: job.AV1, Mode: job.PerTitleTemplate}},
		Muxings:     []job.Muxing{{Container: job.FMP4}},
		Deinterlace: &job.Deinterlace{},
		Thumbnails:  []job.Thumbnail{{Height: 320, Interval: 10}, {Width: 640, Positions: []float64{50}, Unit: "PERCENTS", Directory: "posters"}},
		Sprites:     []job.Sprite{{Height: 90}},
	}, Shared{videos: []bitmovin.ConfigID{"first", "second"}, deinterlace: "filter"})
	acl := func(path string) string {
		return `"outputs":[{"outputId":"out","outputPath":"` + path + `","acl":[{"permission":"PUBLIC_READ"}]}]`
	}
	want := []string{
		`filters of first [{"id":"filter","position":0}]`,
		`filters of second [{"id":"filter","position":0}]`,
		`muxing {"type":"FMP4","streams":[{"streamId":"first"}],` + acl("out/video/720") + `,"segmentLength":4}`,
		`muxing {"type":"FMP4","streams":[{"streamId":"second"}],` + acl("out/video/av1/{width}_{bitrate}_{uuid}") + `,"segmentLength":4}`,
		`sprite of first {"height":90,"unit":"SECONDS","distance":10,"spriteName":"sprite.jpg","vttName":"sprite.vtt",` + acl("out/sprites") + `}`,
		`stream {"inputStreams":[{"inputId":"in","inputPath":"a.mov","selectionMode":"AUTO"}],"codecConfigId":"first"}`,
		`stream {"inputStreams":[{"inputId":"in","inputPath":"a.mov","selectionMode":"AUTO"}],"codecConfigId":"second","mode":"PER_TITLE_TEMPLATE"}`,
		`thumbnails of first {"height":320,"pattern":"thumbnail-%number%.png","interval":10,` + acl("out/thumbnails") + `}`,
		`thumbnails of first {"width":640,"pattern":"thumbnail-%number%.png","positions":[50],"unit":"PERCENTS",` + acl("out/posters") + `}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// A start has the per-title configuration of each codec with a per-title video, and of no other.
func TestStartPerTitle(t *testing.T) {
	for _, tt := range []struct {
		name   string
		recipe job.Recipe
		want   string
	}{
		{"none", job.DefaultRecipe(), `null`},
		{"a template", job.Recipe{Videos: []job.Video{{Codec: job.H264, Mode: job.PerTitleTemplate}}}, `{"h264Configuration":{"autoRepresentations":{}}}`},
		{"two codecs with bounds", job.Recipe{
			Videos: []job.Video{
				{Codec: job.H265, Mode: job.PerTitleTemplateFixedResolution, Height: 720},
				{Codec: job.AV1, Mode: job.PerTitleTemplate},
				{Codec: job.H264, Height: 720, Bitrate: 1_000_000},
			},
			PerTitle: &job.PerTitle{MinBitrate: 400_000, MaxBitrate: 5_000_000, TargetQualityCRF: 21},
		}, `{"h265Configuration":{"minBitrate":400000,"maxBitrate":5000000,"targetQualityCrf":21},` +
			`"av1Configuration":{"minBitrate":400000,"maxBitrate":5000000,"autoRepresentations":{}}}`},
	} {
		got, err := json.Marshal(StartRequest(&job.Batch{Recipe: &tt.recipe}, &job.Job{}).PerTitle)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %s, %v, want %s", tt.name, got, err, tt.want)
		}
	}
}

// With labels, the manifests say what they contain: each video with each group of audios, and the audios
// by their labels.
func TestConfigureLabels(t *testing.T) {
	got := configured(t, &job.Recipe{
		Videos: []job.Video{{Codec: job.H264, Height: 720, Bitrate: 1}, {Codec: job.H264, Height: 360, Bitrate: 1}},
		Audios: []job.Audio{
			{Codec: job.AAC, Bitrate: 128_000, Language: "de", Label: "Deutsch"},
			{Codec: job.AAC, Bitrate: 128_000, Language: "en"},
			{Codec: job.AAC, Bitrate: 64_000, Language: "de", Label: "Deutsch"},
		},
		Muxings:   []job.Muxing{{Container: job.TS, Directory: "ts"}, {Container: job.CMAF}, {Container: job.MP4, Directory: "mp4"}},
		Manifests: []job.Manifest{{Format: job.DASH}, {Format: job.HLS}},
		ACL:       job.NoACL,
	}, Shared{videos: []bitmovin.ConfigID{"v1", "v2"}, audios: []bitmovin.ConfigID{"a1", "a2", "a3"}})
	got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "stream") || strings.HasPrefix(s, "muxing") })
	const outputs = `"outputs":[{"outputId":"out","outputPath":"out"}]}`
	want := []string{
		`CMAF in Deutsch of dash p {"type":"TEMPLATE","segmentPath":"audio/de/128","encodingId":"e","muxingId":"CMAF-a1"}`,
		`CMAF in Deutsch of dash p {"type":"TEMPLATE","segmentPath":"audio/de/64","encodingId":"e","muxingId":"CMAF-a3"}`,
		`CMAF in en of dash p {"type":"TEMPLATE","segmentPath":"audio/en/128","encodingId":"e","muxingId":"CMAF-a2"}`,
		`CMAF in videos of dash p {"type":"TEMPLATE","segmentPath":"video/360","encodingId":"e","muxingId":"CMAF-v2"}`,
		`CMAF in videos of dash p {"type":"TEMPLATE","segmentPath":"video/720","encodingId":"e","muxingId":"CMAF-v1"}`,
		`DASH {"name":"stream.mpd","manifestName":"stream.mpd",` + outputs,
		`HLS {"name":"master.m3u8","manifestName":"master.m3u8",` + outputs,
		`audio of hls {"name":"Deutsch","groupId":"aac_128","language":"de","isDefault":true,"autoselect":true,"segmentPath":"ts/audio/de/128","uri":"audio_de_128.m3u8","encodingId":"e","streamId":"a1","muxingId":"TS-a1"}`,
		`audio of hls {"name":"Deutsch","groupId":"aac_64","language":"de","isDefault":true,"autoselect":true,"segmentPath":"ts/audio/de/64","uri":"audio_de_64.m3u8","encodingId":"e","streamId":"a3","muxingId":"TS-a3"}`,
		`audio of hls {"name":"en","groupId":"aac_128","language":"en","isDefault":false,"autoselect":true,"segmentPath":"ts/audio/en/128","uri":"audio_en_128.m3u8","encodingId":"e","streamId":"a2","muxingId":"TS-a2"}`,
		`audios of dash p {"lang":"de","labels":[{"value":"Deutsch"}]}`,
		`audios of dash p {"lang":"en","labels":[{"value":"en"}]}`,
		`period of dash null`,
		`variant of hls {"audio":"aac_128","closedCaptions":"NONE","segmentPath":"ts/video/360","uri":"video_360_aac_128.m3u8","encodingId":"e","streamId":"v2","muxingId":"TS-v2"}`,
		`variant of hls {"audio":"aac_128","closedCaptions":"NONE","segmentPath":"ts/video/720","uri":"video_720_aac_128.m3u8","encodingId":"e","streamId":"v1","muxingId":"TS-v1"}`,
		`variant of hls {"audio":"aac_64","closedCaptions":"NONE","segmentPath":"ts/video/360","uri":"video_360_aac_64.m3u8","encodingId":"e","streamId":"v2","muxingId":"TS-v2"}`,
		`variant of hls {"audio":"aac_64","closedCaptions":"NONE","segmentPath":"ts/video/720","uri":"video_720_aac_64.m3u8","encodingId":"e","streamId":"v1","muxingId":"TS-v1"}`,
		`videos of dash p null`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

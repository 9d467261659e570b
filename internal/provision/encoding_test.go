package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

// recordingAPI is a platform that records the calls. It throttles each call, as often as throttle
// says, before the call has an effect.
type recordingAPI struct {
	Platform
	throttle int // how often each call is throttled first

	mu        sync.Mutex
	throttled map[string]int // how often a call has been throttled
	log       []string
}

func (a *recordingAPI) call(format string, args ...any) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	if a.throttled[text] < a.throttle && !strings.HasPrefix(text, "encoding ") {
		a.throttled[text]++
		return &bitmovin.APIError{Status: 429}
	}
	a.log = append(a.log, text)
	return nil
}

func (a *recordingAPI) CreateEncoding(_ context.Context, e bitmovin.Encoding, _ bitmovin.Permit) (bitmovin.Encoding, error) {
	e.ID = "e"
	return e, a.call("encoding %s %v in %s", e.Name, e.Labels, e.CloudRegion)
}

func (a *recordingAPI) CreateStream(_ context.Context, id bitmovin.EncodingID, s bitmovin.Stream) (bitmovin.Stream, error) {
	s.ID = bitmovin.StreamID("stream-" + s.CodecConfigID)
	return s, a.call("stream of %s: %s from %s", id, s.CodecConfigID, s.InputStreams[0].InputPath)
}

func (a *recordingAPI) CreateMuxing(_ context.Context, id bitmovin.EncodingID, m bitmovin.Muxing) (bitmovin.Muxing, error) {
	var streams []bitmovin.StreamID
	for _, s := range m.Streams {
		streams = append(streams, s.StreamID)
	}
	return m, a.call("%s of %s: %v to %s %s", m.Type, id, streams, m.Outputs[0].OutputPath, m.Filename)
}

func (a *recordingAPI) CreateDashManifest(_ context.Context, r bitmovin.ManifestRequest) (bitmovin.ManifestID, error) {
	return "dash", a.call("DASH of %s: %s", r.EncodingID, r.ManifestName)
}

func (a *recordingAPI) CreateHLSManifest(_ context.Context, r bitmovin.ManifestRequest) (bitmovin.ManifestID, error) {
	return "hls", a.call("HLS of %s: %s", r.EncodingID, r.ManifestName)
}

// The parts of an encoding are created with one call each, and a call that is throttled is repeated.
// What needs another part follows it.
func TestConfigure(t *testing.T) {
	recipe := &job.Recipe{
		Region:    "AWS_EU_WEST_1",
		Videos:    []job.Video{{Codec: job.H264, Height: 720}},
		Audios:    []job.Audio{{Codec: job.AAC, Bitrate: 128_000}},
		Muxings:   []job.Muxing{{Container: job.FMP4}, {Container: job.MP4}},
		Manifests: []job.Manifest{{Format: job.DASH}, {Format: job.HLS}},
	}
	j := &job.Job{ID: job.ID{Batch: "b", Number: 1}, Spec: job.Spec{Name: "film", InputPath: "a.mov", OutputPath: "out/a"}}
	shared := Shared{
		input: "in", output: "out", inputBase: "masters", outputBase: "base",
		videos: []bitmovin.ConfigID{"v"}, audios: []bitmovin.ConfigID{"a"},
	}
	var logs [2][]string
	for throttle := range logs {
		api := &recordingAPI{throttle: throttle, throttled: map[string]int{}}
		p := New(Config{Platform: api, Store: &fakeStore{}})
		id, err := p.CreateEncoding(t.Context(), recipe, j, nil)
		if err != nil {
			t.Fatal(err)
		}
		refs, err := p.Configure(t.Context(), id, recipe, j, shared)
		if err != nil {
			t.Fatal(err)
		}
		j.Manifests = refs
		if r := StartRequest(&job.Batch{Priority: 70, Recipe: recipe}, j); len(r.VODDashManifests) != 1 || len(r.VODHLSManifests) != 1 || *r.Scheduling.Priority != 70 {
			t.Errorf("the start has %+v", r)
		}
		for _, pair := range [][2]string{{"stream of e: v", "FMP4 of e: [stream-v]"}, {"stream of e: a", "FMP4 of e: [stream-a]"}, {"stream of e: a", "MP4"}, {"stream of e: v", "MP4"}} {
			if indexOf(api.log, pair[0]) > indexOf(api.log, pair[1]) {
				t.Errorf("%q comes after %q", pair[0], pair[1])
			}
		}
		slices.Sort(api.log)
		logs[throttle] = api.log
	}
	if diff := cmp.Diff(logs[0], logs[1]); diff != "" {
		t.Errorf("throttled (-without +with):\n%s", diff)
	}
	want := []string{
		"DASH of e: stream.mpd",
		"FMP4 of e: [stream-a] to base/out/a/audio/128 ",
		"FMP4 of e: [stream-v] to base/out/a/video/720 ",
		"HLS of e: master.m3u8",
		"MP4 of e: [stream-v stream-a] to base/out/a/video/720 720.mp4",
		"encoding film [b/1] [stoker stoker-instance] in AWS_EU_WEST_1",
		"stream of e: a from masters/a.mov",
		"stream of e: v from masters/a.mov",
	}
	if diff := cmp.Diff(want, logs[0]); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// indexOf is the place of the first text with a prefix; -1 if there is none.
func indexOf(texts []string, prefix string) int {
	return slices.IndexFunc(texts, func(s string) bool { return strings.HasPrefix(s, prefix) })
}

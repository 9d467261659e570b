package provision

import (
	"context"
	"fmt"
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
	left     int // how often the present call is still throttled
	log      []string
	streams  int
}

func (a *recordingAPI) call(format string, args ...any) error {
	if a.left > 0 {
		a.left--
		return &bitmovin.APIError{Status: 429}
	}
	a.left = a.throttle
	a.log = append(a.log, fmt.Sprintf(format, args...))
	return nil
}

func (a *recordingAPI) CreateEncoding(_ context.Context, e bitmovin.Encoding) (bitmovin.Encoding, error) {
	e.ID = "e"
	return e, a.call("encoding %s %v in %s", e.Name, e.Labels, e.CloudRegion)
}

func (a *recordingAPI) CreateStream(_ context.Context, id bitmovin.EncodingID, s bitmovin.Stream) (bitmovin.Stream, error) {
	err := a.call("stream of %s: %s from %s", id, s.CodecConfigID, s.InputStreams[0].InputPath)
	if err == nil {
		a.streams++
	}
	s.ID = bitmovin.StreamID(fmt.Sprintf("s%d", a.streams))
	return s, err
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

// The parts of an encoding are created in the order of the recipe, one call each, and a call that
// is throttled is repeated.
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
		api := &recordingAPI{throttle: throttle}
		p := New(Config{Platform: api, Store: &fakeStore{}})
		id, err := p.CreateEncoding(t.Context(), recipe, j)
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
		logs[throttle] = api.log
	}
	if diff := cmp.Diff(logs[0], logs[1]); diff != "" {
		t.Errorf("throttled (-without +with):\n%s", diff)
	}
	want := []string{
		"encoding film [b/1] [stoker stoker-instance] in AWS_EU_WEST_1",
		"stream of e: v from masters/a.mov",
		"FMP4 of e: [s1] to base/out/a/video/720 ",
		"stream of e: a from masters/a.mov",
		"FMP4 of e: [s2] to base/out/a/audio/128 ",
		"MP4 of e: [s1 s2] to base/out/a/video/720 720.mp4",
		"DASH of e: stream.mpd",
		"HLS of e: master.m3u8",
	}
	if diff := cmp.Diff(want, logs[0]); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

package simulator_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// step is a call that creates something. Words in capitals stand for the ids of earlier steps.
type step struct{ as, path, body string }

// run makes the calls in order and returns the ids by the names of the steps.
func (a *api) run(steps []step) map[string]string {
	a.t.Helper()
	ids := map[string]string{}
	for _, s := range steps {
		var pairs []string
		for _, name := range slices.Backward(slices.SortedFunc(mapKeys(ids), func(x, y string) int { return len(x) - len(y) })) {
			pairs = append(pairs, name, ids[name])
		}
		ids[s.as] = a.create(fill(s.path, pairs...), fill(s.body, pairs...))
	}
	return ids
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// What a client does for video on demand beyond a plain ladder. Each row begins with an input, an
// output, a video configuration and an encoding, and ends with a start.
func TestFeatures(t *testing.T) {
	const enc = "/encoding/encodings/ENC"
	outputs := `"outputs":[{"outputId":"OUT","outputPath":"films/one"}]`
	from := func(source string) string {
		return `{"codecConfigId":"VIDEO","inputStreams":[` + source + `]}`
	}
	file := `{"inputId":"IN","inputPath":"a.mp4"}`
	muxing := step{"MUX", enc + "/muxings/fmp4", `{"segmentLength":4,"streams":[{"streamId":"STREAM"}],` + outputs + `}`}
	stream := step{"STREAM", enc + "/streams", from(file)}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"trimming", []step{
			{"INGEST", enc + "/input-streams/ingest", file},
			{"CUT", enc + "/input-streams/trimming/time-based", `{"inputStreamId":"INGEST","offset":10,"duration":90}`},
			{"STREAM", enc + "/streams", from(`{"inputStreamId":"CUT"}`)},
			muxing,
		}},
		{"concatenation", []step{
			{"LOGO", enc + "/input-streams/ingest", file},
			{"FILM", enc + "/input-streams/ingest", file},
			{"PART", enc + "/input-streams/trimming/timecode-track", `{"inputStreamId":"FILM","startTimeCode":"10:00:00:00","endTimeCode":"10:01:00:00"}`},
			{"ALL", enc + "/input-streams/concatenation", `{"concatenation":[{"inputStreamId":"LOGO","position":0},{"inputStreamId":"PART","position":1,"isMain":true}]}`},
			{"STREAM", enc + "/streams", from(`{"inputStreamId":"ALL"}`)},
			muxing,
		}},
		{"audio mix", []step{
			{"LEFT", enc + "/input-streams/ingest", file},
			{"MIX", enc + "/input-streams/audio-mix", `{"channelLayout":"STEREO","audioMixChannels":[{"inputStreamId":"LEFT","outputChannelType":"FRONT_LEFT","sourceChannels":[{"type":"FRONT_LEFT","gain":1}]}]}`},
			{"DD", "/encoding/configurations/audio/dolby-digital", `{"name":"d","bitrate":448000,"loudnessControl":{"mode":"PASSTHROUGH"}}`},
			{"STREAM", enc + "/streams", `{"codecConfigId":"DD","inputStreams":[{"inputStreamId":"MIX"}]}`},
			muxing,
		}},
		{"MP2 in a transport stream", []step{
			{"MP2", "/encoding/configurations/audio/mp2", `{"name":"m","bitrate":192000}`},
			{"STREAM", enc + "/streams", `{"codecConfigId":"MP2","inputStreams":[` + file + `]}`},
			{"MUX", enc + "/muxings/broadcast-ts", `{"filename":"a.ts","streams":[{"streamId":"STREAM"}],` + outputs + `}`},
		}},
		{"filters", []step{
			stream,
			{"TEXT", "/encoding/filters/text", `{"name":"t","text":"review copy"}`},
			{"WATER", "/encoding/filters/enhanced-watermark", `{"image":"https://media.example.com/logo.png","top":10}`},
			{"SHARP", "/encoding/filters/deinterlace", `{}`},
			muxing,
		}},
		{"keyframes and a playlist with tags", []step{
			stream,
			{"KEY", enc + "/keyframes", `{"time":30}`},
			muxing,
			{"HLS", "/encoding/manifests/hls", `{"manifestName":"main.m3u8",` + outputs + `}`},
			{"AUDIO", "/encoding/manifests/hls/HLS/media/audio", `{"groupId":"a","segmentPath":"a","encodingId":"ENC","streamId":"STREAM","muxingId":"MUX","uri":"a.m3u8","language":"en"}`},
			{"VARIANT", "/encoding/manifests/hls/HLS/streams", `{"audio":"a","encodingId":"ENC","streamId":"STREAM","muxingId":"MUX","segmentPath":"v","uri":"v.m3u8"}`},
			{"TAG", "/encoding/manifests/hls/HLS/streams/VARIANT/custom-tags", `{"positionMode":"KEYFRAME","keyframeId":"KEY","data":"#EXT-X-AD"}`},
			{"OFMEDIA", "/encoding/manifests/hls/HLS/media/AUDIO/custom-tags", `{"positionMode":"TIME","time":1,"data":"#EXT-X-AD"}`},
		}},
		{"DRM and a custom DASH manifest", []step{
			stream, muxing,
			{"CENC", enc + "/muxings/fmp4/MUX/drm/cenc", `{"key":"cab5b529ae28d5cc5e3e7bc3fd4a544d","kid":"08eecef4b026deec395234d94218273d","encryptionMode":"CTR",` + outputs + `}`},
			{"SPEKE", enc + "/muxings/fmp4/MUX/drm/speke", `{"provider":{"url":"https://keys.example.com"},"systemIds":["a"],` + outputs + `}`},
			{"DASH", "/encoding/manifests/dash", `{"manifestName":"main.mpd",` + outputs + `}`},
			{"PERIOD", "/encoding/manifests/dash/DASH/periods", `{}`},
			{"SET", "/encoding/manifests/dash/DASH/periods/PERIOD/adaptationsets/video", `{}`},
			{"REP", "/encoding/manifests/dash/DASH/periods/PERIOD/adaptationsets/SET/representations/fmp4/drm", `{"encodingId":"ENC","muxingId":"MUX","drmId":"CENC","type":"TEMPLATE","segmentPath":"v"}`},
			{"PROT", "/encoding/manifests/dash/DASH/periods/PERIOD/adaptationsets/SET/contentprotection", `{"encodingId":"ENC","muxingId":"MUX","drmId":"CENC"}`},
		}},
		{"thumbnails, sprites, captions and sidecars", []step{
			stream, muxing,
			{"THUMB", enc + "/streams/STREAM/thumbnails", `{"pattern":"t-%number%.png","interval":10,"height":320,` + outputs + `}`},
			{"SPRITE", enc + "/streams/STREAM/sprites", `{"spriteName":"s.jpg","vttName":"s.vtt","hTiles":5,"vTiles":5,"unit":"SECONDS","distance":10,` + outputs + `}`},
			{"SCC", enc + "/streams/STREAM/captions/608-708/scc", `{"input":{"inputId":"IN","inputPath":"a.scc"}}`},
			{"VTT", enc + "/captions/scc", `{"input":{"inputId":"IN","inputPath":"a.scc"},"fileName":"a.vtt","outputFormat":"WEBVTT",` + outputs + `}`},
			{"SIDE", enc + "/sidecars/webvtt", `{"inputId":"IN","inputPath":"a.vtt",` + outputs + `}`},
			{"BURN", enc + "/streams/STREAM/burn-in-subtitles/srt", `{"input":{"inputId":"IN","inputPath":"a.srt"},"characterEncoding":"UTF-8"}`},
			{"DASH", "/encoding/manifests/dash", `{"manifestName":"main.mpd",` + outputs + `}`},
			{"PERIOD", "/encoding/manifests/dash/DASH/periods", `{}`},
			{"IMAGES", "/encoding/manifests/dash/DASH/periods/PERIOD/adaptationsets/image", `{}`},
			{"REP", "/encoding/manifests/dash/DASH/periods/PERIOD/adaptationsets/IMAGES/representations/sprite", `{"encodingId":"ENC","streamId":"STREAM","spriteId":"SPRITE","segmentPath":"s"}`},
		}},
		{"smooth streaming", []step{
			stream,
			{"MUX", enc + "/muxings/mp4", `{"filename":"a.ismv","fragmentDuration":4000,"streams":[{"streamId":"STREAM"}],` + outputs + `}`},
			{"SMOOTH", "/encoding/manifests/smooth", `{"serverManifestName":"a.ism","clientManifestName":"a.ismc",` + outputs + `}`},
			{"REP", "/encoding/manifests/smooth/SMOOTH/representations/mp4", `{"encodingId":"ENC","muxingId":"MUX","mediaFile":"a.ismv"}`},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAPI(t, &simulator.Simulator{})
			st := a.storage()
			ids := a.run(append([]step{{"ENC", "/encoding/encodings", `{"name":"film"}`}}, fillSteps(tt.steps, "IN", st.input, "OUT", st.output, "VIDEO", st.video)...))
			a.must("POST", "/encoding/encodings/"+ids["ENC"]+"/start", "")
			enc, _ := a.sim.FindEncoding(ids["ENC"])
			if len(enc.Streams) != 1 || len(enc.Muxings) != 1 || enc.Status != simulator.Running {
				t.Errorf("encoding %+v", enc)
			}
			for name, id := range ids {
				path := ""
				for _, s := range tt.steps {
					if s.as == name {
						path = s.path
					}
				}
				if path == "" {
					continue
				}
				var pairs []string
				for n, id := range ids {
					if len(n) > 1 {
						pairs = append(pairs, "/"+n+"/", "/"+id+"/")
					}
				}
				path = strings.TrimSuffix(fill(path+"/", pairs...), "/")
				if got := a.must("GET", path+"/"+id, ""); got["id"] != id {
					t.Errorf("%s reads back as %v", name, got)
				}
				if got := a.must("GET", path, ""); got["totalCount"] == 0.0 {
					t.Errorf("%s: the list is empty", path)
				}
			}
		})
	}
}

// fillSteps replaces words at whole JSON texts, so that IN does not change INGEST.
func fillSteps(steps []step, pairs ...string) []step {
	var quoted []string
	for i := 0; i < len(pairs); i += 2 {
		quoted = append(quoted, `"`+pairs[i]+`"`, `"`+pairs[i+1]+`"`)
	}
	var all []step
	for _, s := range steps {
		all = append(all, step{s.as, s.path, fill(s.body, quoted...)})
	}
	return all
}

func TestStreamFilters(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{Encoders: -1})
	st := a.storage()
	enc := a.prepared(st, "a")
	crop := a.create("/encoding/filters/crop", `{"left":10}`)
	snap, _ := a.sim.FindEncoding(enc)
	path := "/encoding/encodings/" + enc + "/streams/" + snap.Streams[0].ID + "/filters"
	a.refused("POST", path, `[{"id":"nobody","position":0}]`, 400, simulator.CodeReference)
	a.refused("POST", path, `{"id":"nobody"}`, 400, simulator.CodeInvalid)
	a.must("POST", path, fill(`[{"id":"CROP","position":0}]`, "CROP", crop))
	want := []any{map[string]any{"id": crop, "position": 0.0}}
	if diff := cmp.Diff(want, a.must("GET", path, "")["filters"]); diff != "" {
		t.Errorf("filters (-want +got):\n%s", diff)
	}
	a.must("DELETE", path+"/"+crop, "")
	if got, _ := a.must("GET", path, "")["filters"].([]any); len(got) != 0 {
		t.Errorf("filters after the deletion: %v", got)
	}
}

// A part needs what it names, and what it is in.
func TestPartMistakes(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{Encoders: -1})
	st := a.storage()
	enc, other := "/encoding/encodings/"+a.prepared(st, "a"), "/encoding/encodings/"+a.prepared(st, "b")
	snap, _ := a.sim.FindEncoding(strings.TrimPrefix(enc, "/encoding/encodings/"))
	muxing := enc + "/muxings/fmp4/" + snap.Muxings[0].ID
	elsewhere := a.create(other+"/input-streams/ingest", fill(`{"inputId":"IN","inputPath":"a"}`, "IN", st.input))
	for _, tt := range []struct {
		name, path, body string
		status, code     int
	}{
		{"no encoding", "/encoding/encodings/nobody/keyframes", `{"time":1}`, 404, simulator.CodeNotFound},
		{"no stream", enc + "/streams/nobody/thumbnails", `{}`, 404, simulator.CodeNotFound},
		{"no muxing", enc + "/muxings/fmp4/nobody/drm/cenc", `{}`, 404, simulator.CodeNotFound},
		{"a muxing of another kind", strings.Replace(muxing, "fmp4", "ts", 1) + "/drm/speke", `{}`, 404, simulator.CodeNotFound},
		{"no such DRM", muxing + "/drm/rot13", `{}`, 404, simulator.CodeNotFound},
		{"no manifest", "/encoding/manifests/hls/nobody/streams", `{}`, 404, simulator.CodeNotFound},
		{"required", enc + "/input-streams/ingest", `{}`, 400, simulator.CodeInvalid},
		{"an unknown input", enc + "/input-streams/ingest", `{"inputId":"x","inputPath":"p"}`, 400, simulator.CodeReference},
		{"an input stream of another encoding", enc + "/input-streams/trimming/time-based", fill(`{"inputStreamId":"X"}`, "X", elsewhere), 400, simulator.CodeReference},
		{"an unknown input stream within a list", enc + "/input-streams/concatenation", `{"concatenation":[{"inputStreamId":"x","position":0}]}`, 400, simulator.CodeReference},
		{"an unknown input stream of a stream", enc + "/streams", fill(`{"codecConfigId":"VIDEO","inputStreams":[{"inputStreamId":"x"}]}`, "VIDEO", st.video), 400, simulator.CodeReference},
		{"an unknown output", muxing + "/drm/speke", `{"provider":{"url":"u"},"systemIds":["a"],"outputs":[{"outputId":"x","outputPath":"p"}]}`, 400, simulator.CodeReference},
	} {
		t.Run(tt.name, func(t *testing.T) { a.t = t; a.refused("POST", tt.path, tt.body, tt.status, tt.code) })
	}
	a.t = t
	key := a.create(enc+"/keyframes", `{"time":1}`)
	a.must("POST", enc+"/start", "")
	a.refused("POST", enc+"/keyframes", `{"time":2}`, 400, simulator.CodeState)
	a.refused("DELETE", enc+"/keyframes/"+key, "", 400, simulator.CodeState)
}

// With TakeForeignIDs, a client may name what exists in a real account, but not what it has deleted.
func TestForeignIDs(t *testing.T) {
	const foreign = "6f1c2d34-0000-4000-8000-000000000001"
	body := func(id string) string {
		return fill(`{"inputStreams":[{"inputId":"ID","inputPath":"p"}],"codecConfigId":"ID"}`, "ID", id)
	}
	a := newAPI(t, &simulator.Simulator{Encoders: -1, TakeForeignIDs: true})
	st := a.storage()
	streams := "/encoding/encodings/" + a.prepared(st, "a") + "/streams"
	a.create(streams, body(foreign))
	a.refused("POST", streams, body("nobody"), 400, simulator.CodeReference)
	a.refused("POST", streams, body(st.output), 400, simulator.CodeReference)
	a.must("DELETE", "/encoding/inputs/http/"+st.input, "")
	a.refused("POST", streams, body(st.input), 400, simulator.CodeReference)

	strict := newAPI(t, &simulator.Simulator{Encoders: -1})
	strict.refused("POST", "/encoding/encodings/"+strict.prepared(strict.storage(), "a")+"/streams", body(foreign), 400, simulator.CodeReference)
}

package simulator_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

func TestLedger(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{})
		a.key = "0123456789"
		out := a.create("/encoding/outputs/s3", `{"bucketName":"b","accessKey":"AK","secretKey":"SK"}`)
		time.Sleep(time.Second)
		enc := a.create("/encoding/encodings", `{"name":"n"}`)
		a.must("GET", "/encoding/encodings?status=QUEUED", "")
		a.refused("POST", "/encoding/encodings/"+enc+"/start", "", 400, simulator.CodeInvalid)
		a.must("POST", "/encoding/outputs/"+out+"/check-permissions", `{"path":"p"}`)
		a.must("DELETE", "/encoding/encodings/"+enc, "")
		a.refused("GET", "/nowhere", "not json", 404, simulator.CodeNotFound)
		start := time.Now().Add(-time.Second)
		later := start.Add(time.Second)
		one := "/encoding/encodings/" + enc
		want := []simulator.Entry{
			{Seq: 1, Time: start, Method: "POST", Route: "POST /encoding/outputs/s3", Path: "/encoding/outputs/s3", RequestBody: json.RawMessage(`{"accessKey":"***","bucketName":"b","secretKey":"***"}`), Status: 201, Effect: true},
			{Seq: 2, Time: later, Method: "POST", Route: "POST /encoding/encodings", Path: "/encoding/encodings", EncodingID: enc, RequestBody: json.RawMessage(`{"name":"n"}`), Status: 201, Effect: true},
			{Seq: 3, Time: later, Method: "GET", Route: "GET /encoding/encodings", Path: "/encoding/encodings", Query: "status=QUEUED", Status: 200},
			{Seq: 4, Time: later, Method: "POST", Route: startRoute, Path: one + "/start", EncodingID: enc, Status: 400, Code: simulator.CodeInvalid},
			{Seq: 5, Time: later, Method: "POST", Route: "POST /encoding/outputs/{id}/check-permissions", Path: "/encoding/outputs/" + out + "/check-permissions", RequestBody: json.RawMessage(`{"path":"p"}`), Status: 200},
			{Seq: 6, Time: later, Method: "DELETE", Route: "DELETE /encoding/encodings/{id}", Path: one, EncodingID: enc, Status: 200, Effect: true},
			{Seq: 7, Time: later, Method: "GET", Path: "/nowhere", RequestBody: json.RawMessage(`"(8 bytes, not JSON)"`), Status: 404, Code: simulator.CodeNotFound},
		}
		for i := range want {
			want[i].Key = "0123…"
		}
		if diff := cmp.Diff(want, a.sim.Ledger()); diff != "" {
			t.Errorf("ledger (-want +got):\n%s", diff)
		}
	})
}

func TestLedgerLimit(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{LedgerLimit: 3})
	for range 10 {
		a.must("GET", "/encoding/inputs", "")
	}
	var seqs []int64
	for _, e := range a.sim.Ledger() {
		seqs = append(seqs, e.Seq)
	}
	if diff := cmp.Diff([]int64{8, 9, 10}, seqs); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if stats := a.sim.ReadStats(); stats.Calls != 10 || stats.CallsBy["GET /encoding/inputs"][200] != 10 {
		t.Errorf("counts %d and %v, want 10", stats.Calls, stats.CallsBy)
	}
}

func TestStartsSurviveDeletion(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{})
		enc := a.started(a.storage(), "a")
		a.idle()
		a.must("DELETE", "/encoding/encodings/"+enc, "")
		if got := len(a.sim.Starts(enc)); got != 1 {
			t.Errorf("%d starts after the deletion, want 1", got)
		}
		if snap, ok := a.sim.FindEncoding(enc); !ok || !snap.Deleted {
			t.Errorf("snapshot %+v, %v", snap, ok)
		}
		if got := a.sim.Encodings(); len(got) != 0 {
			t.Errorf("%d encodings left", len(got))
		}
	})
}

func TestPages(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{Encoders: -1})
	enc := a.started(a.storage(), "a")
	get := func(path string, into any) int {
		t.Helper()
		rec := httptest.NewRecorder()
		a.sim.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		if into != nil {
			if err := json.Unmarshal(rec.Body.Bytes(), into); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		return rec.Code
	}
	var stats simulator.Stats
	var encodings []simulator.Encoding
	var entries, since []simulator.Entry
	get("/simulator/stats", &stats)
	get("/simulator/encodings", &encodings)
	get("/simulator/ledger?encoding="+enc, &entries)
	get("/simulator/ledger?since=5", &since)
	if stats.Starts != 1 || stats.Calls != 7 {
		t.Errorf("statistics %+v", stats)
	}
	if diff := cmp.Diff(a.sim.Encodings()[0].Muxings, encodings[0].Muxings); diff != "" {
		t.Errorf("muxings (-want +got):\n%s", diff)
	}
	if len(entries) != 4 || len(since) != 2 {
		t.Errorf("%d entries of the encoding and %d since the fifth, want 4 and 2", len(entries), len(since))
	}
	for path, want := range map[string]int{"/simulator/ledger?since=x": 400, "/simulator/x": 404} {
		if got := get(path, nil); got != want {
			t.Errorf("%s: status %d, want %d", path, got, want)
		}
	}
}

func TestSnapshot(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{Encoders: -1})
	st := a.storage()
	id := a.prepared(st, "film")
	a.must("POST", "/encoding/encodings/"+id+"/start", `{"scheduling":{"priority":70}}`)
	enc, _ := a.sim.FindEncoding(id)
	want := []simulator.Muxing{{
		ID: enc.Muxings[0].ID, Type: "FMP4", SegmentLength: 4,
		Streams: []simulator.StreamRef{{StreamID: enc.Streams[0].ID}},
		Outputs: []simulator.Output{{OutputID: st.output, OutputPath: "out/film", ACL: []simulator.ACLEntry{{Permission: "PUBLIC_READ"}}}},
	}}
	if diff := cmp.Diff(want, enc.Muxings); diff != "" {
		t.Errorf("muxings (-want +got):\n%s", diff)
	}
	wantInputs := []simulator.InputStream{{InputID: st.input, InputPath: "a.mp4", SelectionMode: "AUTO"}}
	if diff := cmp.Diff(wantInputs, enc.Streams[0].InputStreams); diff != "" || enc.Streams[0].CodecConfigID != st.video {
		t.Errorf("stream of %s (-want +got):\n%s", enc.Streams[0].CodecConfigID, diff)
	}
	if enc.Priority != 70 || enc.Status != simulator.Queued || len(enc.Starts) != 1 || !strings.Contains(string(enc.StartRequest), "70") {
		t.Errorf("snapshot %+v", enc)
	}
	if r, _ := a.sim.FindResource(st.video); r.Type != "H264" || !strings.Contains(string(r.Fields), `"height":480`) {
		t.Errorf("resource %+v", r)
	}
	if got := len(a.sim.Resources()); got != 3 {
		t.Errorf("%d resources, want 3", got)
	}
}

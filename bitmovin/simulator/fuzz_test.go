package simulator_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// Whatever a client sends, it is answered with a whole envelope and a status
// below 500, and what it left behind can be looked at.
func FuzzBodies(f *testing.F) {
	f.Add(0, `{"name":"n"}`)
	f.Add(1, `{"NAME":1,"host":"h","name":{}}`)
	f.Add(2, `{"name":"x","bitrate":1,"customData":[]}`)
	f.Add(3, `{"inputStreams":[{"inputId":"IN","inputPath":"p"}],"codecConfigId":"VIDEO","mode":[]}`)
	f.Add(4, `{"streams":[{"streamId":"STREAM"}],"segmentLength":{},"OUTPUTS":3}`)
	f.Add(5, `{"scheduling":{"priority":1e3}}`)
	f.Add(6, text(templateYAML))
	f.Add(6, text("metadata: {type: VOD, name: .nan}\nencodings: {a: {start: }}\n? [x]\n: y"))
	f.Add(6, `{"metadata":{"type":"VOD"},"encodings":{"e":{"start":{"properties":{"x":[1e999]}}}}}`)
	f.Add(6, text(strings.Replace(templateYAML, "manifests:", "manifests:\n  dash:\n    d: {properties: {outputs: [{outputId: OUT, outputPath: o}]}, periods: {p: {adaptationsets: {video: {v: {properties: {}}}, representations: {fmp4: {r: {properties: {}}}}}}}}", 1)))
	f.Add(7, `{"url":"http://x/","signature":{"key":"k"}}`)
	f.Add(8, `{"encodingId":"ENC","outputs":[{"outputId":"OUT","outputPath":"p"}]}`)
	f.Add(9, `{"priority":null}`)
	f.Fuzz(func(t *testing.T, route int, body string) {
		a := newAPI(t, &simulator.Simulator{})
		st := a.storage()
		enc := a.prepared(st, "fuzzed")
		snap, _ := a.sim.FindEncoding(enc)
		one := "/encoding/encodings/" + enc
		paths := []string{
			"/encoding/encodings", "/encoding/inputs/http", "/encoding/configurations/video/h264",
			one + "/streams", one + "/muxings/ts", one + "/start", "/encoding/templates/start",
			hooks + "/error", "/encoding/manifests/hls/default", one + "/reprioritize",
		}
		path := paths[(route%len(paths)+len(paths))%len(paths)]
		body = fill(body, "VIDEO", st.video, "STREAM", snap.Streams[0].ID, "OUT", st.output, "ENC", enc, `"IN"`, `"`+st.input+`"`)
		r := a.call("POST", path, body)
		if r.status >= 500 || !json.Valid([]byte(r.body)) || !strings.Contains(r.body, `"requestId"`) {
			t.Errorf("POST %s %q: status %d: %s", path, body, r.status, r.body)
		}
		for _, list := range []string{"/encoding/inputs?name=x", "/encoding/configurations?name=x", one + "/streams", one + "/muxings"} {
			a.must("GET", list, "")
		}
		a.sim.Encodings()
		a.sim.Resources()
		if _, err := json.Marshal(a.sim.Ledger()); err != nil {
			t.Errorf("ledger: %v", err)
		}
	})
}

func FuzzParseFaultPlan(f *testing.F) {
	f.Add("0.05")
	f.Add("reset=0.01,html502=0.02,504started=0.02,hang:1s=0.01")
	f.Fuzz(func(t *testing.T, text string) {
		plan, err := simulator.ParseFaultPlan(text)
		if err != nil {
			return
		}
		sum := 0.0
		for _, g := range plan.Rates {
			if !(g.Rate >= 0) || g.Fault.Kind == simulator.NoFault {
				t.Errorf("%q: rate %+v", text, g)
			}
			sum += g.Rate
		}
		if sum > 1.000001 {
			t.Errorf("%q: rates add up to %v", text, sum)
		}
	})
}

// FuzzSearch: a query is understood or refused, and quoting finds any name.
func FuzzSearch(f *testing.F) {
	f.Add("film", `name:film*`)
	f.Add(`a "b" \c`, `labels:"x" AND name:y`)
	f.Fuzz(func(t *testing.T, name, query string) {
		a := newAPI(t, &simulator.Simulator{})
		body, err := json.Marshal(map[string]string{"name": name})
		if err != nil {
			t.Fatal(err)
		}
		if a.call("POST", "/encoding/encodings", string(body)).status != 201 {
			return // an empty name
		}
		stored := a.sim.Encodings()[0].Name
		quoted := `name:"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(stored) + `"`
		if got := a.must("GET", "/encoding/encodings?search="+url.QueryEscape(quoted), ""); got["totalCount"] != 1.0 {
			t.Errorf("%q is not found by %s", stored, quoted)
		}
		if r := a.call("GET", "/encoding/encodings?search="+url.QueryEscape(query), ""); r.status != 200 && r.status != 400 {
			t.Errorf("%q: status %d", query, r.status)
		}
	})
}

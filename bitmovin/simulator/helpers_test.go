package simulator_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// api is a client of one simulator that fails its test on surprises.
type api struct {
	t   testing.TB
	sim *simulator.Simulator
	key string
}

func newAPI(t testing.TB, sim *simulator.Simulator) *api {
	t.Cleanup(sim.Close)
	if sim.Seed == 0 {
		sim.Seed = 1
	}
	return &api{t: t, sim: sim, key: "key"}
}

// reply is a decoded answer.
type reply struct {
	status int
	header http.Header
	body   string
	result map[string]any
	code   int
	fields []string // of the error's details
}

// call makes a request; the body is JSON text.
func (a *api) call(method, path, body string) reply {
	a.t.Helper()
	r, err := a.try(method, path, body)
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// try makes a request that may get no answer.
func (a *api) try(method, path, body string) (reply, error) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, "http://api.test/v1"+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", a.key)
	resp, err := a.sim.Client().Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode, header: resp.Header}
	text, err := io.ReadAll(resp.Body)
	r.body = string(text)
	if err != nil {
		return r, err
	}
	r.decode(text)
	return r, nil
}

func (r *reply) decode(text []byte) {
	var envelope struct {
		Data struct {
			Result  map[string]any
			Code    int
			Details []struct{ Field string }
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if decoder.Decode(&envelope) != nil {
		return // HTML and the like; the test looks at the body
	}
	r.result, r.code = envelope.Data.Result, envelope.Data.Code
	for _, d := range envelope.Data.Details {
		if d.Field != "" {
			r.fields = append(r.fields, d.Field)
		}
	}
}

// must makes a request that succeeds and returns data.result.
func (a *api) must(method, path, body string) map[string]any {
	a.t.Helper()
	r := a.call(method, path, body)
	if r.status/100 != 2 || r.result == nil {
		a.t.Fatalf("%s %s: status %d: %s", method, path, r.status, r.body)
	}
	return r.result
}

// create makes a POST that succeeds and returns the new id.
func (a *api) create(path, body string) string {
	a.t.Helper()
	id, _ := a.must("POST", path, body)["id"].(string)
	if id == "" {
		a.t.Fatalf("POST %s: no id", path)
	}
	return id
}

// refused makes a request that is refused.
func (a *api) refused(method, path, body string, status, code int) reply {
	a.t.Helper()
	r := a.call(method, path, body)
	if r.status != status || r.code != code {
		a.t.Fatalf("%s %s: status %d, code %d, want %d and %d: %s", method, path, r.status, r.code, status, code, r.body)
	}
	return r
}

func fill(body string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(body)
}

// storage is what encodings of a test share.
type storage struct{ input, output, video string }

func (a *api) storage() storage {
	a.t.Helper()
	return storage{
		input:  a.create("/encoding/inputs/http", `{"host":"h.example"}`),
		output: a.create("/encoding/outputs/s3", `{"bucketName":"b","accessKey":"AK","secretKey":"SK"}`),
		video:  a.create("/encoding/configurations/video/h264", `{"name":"v","height":480,"bitrate":800000}`),
	}
}

// prepared creates an encoding that can be started.
func (a *api) prepared(st storage, name string) string {
	a.t.Helper()
	enc := a.create("/encoding/encodings", fill(`{"name":"NAME"}`, "NAME", name))
	stream := a.create("/encoding/encodings/"+enc+"/streams", fill(
		`{"inputStreams":[{"inputId":"IN","inputPath":"a.mp4","selectionMode":"AUTO"}],"codecConfigId":"VIDEO"}`,
		"IN", st.input, "VIDEO", st.video))
	a.create("/encoding/encodings/"+enc+"/muxings/fmp4", fill(
		`{"streams":[{"streamId":"STREAM"}],"segmentLength":4.0,"outputs":[{"outputId":"OUT","outputPath":"out/NAME","acl":[{"permission":"PUBLIC_READ"}]}]}`,
		"STREAM", stream, "OUT", st.output, "NAME", name))
	return enc
}

func (a *api) start(enc string) {
	a.t.Helper()
	a.must("POST", "/encoding/encodings/"+enc+"/start", "")
}

func (a *api) started(st storage, name string) string {
	a.t.Helper()
	enc := a.prepared(st, name)
	a.start(enc)
	return enc
}

func (a *api) status(enc string) string {
	a.t.Helper()
	status, _ := a.must("GET", "/encoding/encodings/"+enc+"/status", "")["status"].(string)
	return status
}

func (a *api) await(enc string, status simulator.Status) {
	a.t.Helper()
	if err := a.sim.AwaitStatus(a.t.Context(), enc, status); err != nil {
		a.t.Fatal(err)
	}
}

func (a *api) idle() {
	a.t.Helper()
	if err := a.sim.AwaitIdle(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
}

// names returns the name of every item of a list.
func names(list map[string]any) []string {
	var all []string
	items, _ := list["items"].([]any)
	for _, item := range items {
		object, _ := item.(map[string]any)
		name, _ := object["name"].(string)
		all = append(all, name)
	}
	return all
}

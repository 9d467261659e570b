package dispatcher

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// wrongs are the wrong answers to try for each call.
var wrongs = []string{"400", "404", "409", "410", "an unknown id", "an empty id", "another object"}

// wrongCall is a call that is answered wrongly where it concerns one batch.
type wrongCall struct {
	name     string
	route    string                      // method and path, as a regular expression
	template bool                        // the batch has a template
	known    bool                        // an earlier process has created the resources that its jobs share
	act      func(w *world, b job.Batch) // makes the call happen, if it does not by itself
	long     bool                        // its jobs run for longer than an hour
	// account says that the call is about the account as a whole, so that every batch waits.
	account bool
}

func cancelled(w *world, b job.Batch) {
	if _, err := w.store.UpdateBatch(w.ctx, b.ID, time.Now(), func(b *job.Batch) error { return b.Cancel("enough") }); err != nil {
		w.t.Fatal(err)
	}
}

var wrongCalls = []wrongCall{
	{name: "create input", route: `POST /encoding/inputs/https$`},
	{name: "create output", route: `POST /encoding/outputs/gcs$`},
	{name: "create configuration", route: `POST /encoding/configurations/video/h265$`},
	{name: "find input", route: `GET /encoding/inputs/https\?`},
	{name: "find output", route: `GET /encoding/outputs/gcs\?`},
	{name: "find configuration", route: `GET /encoding/configurations/video/h265\?`},
	{name: "read input", route: `GET /encoding/inputs/[0-9a-f-]{36}`, known: true},
	{name: "read output", route: `GET /encoding/outputs/[0-9a-f-]{36}`, known: true},
	{name: "read configuration", route: `GET /encoding/configurations/[0-9a-f-]{36}`, known: true},
	{name: "create encoding", route: `POST /encoding/encodings$`},
	{name: "create stream", route: `POST /encoding/encodings/ID/streams`},
	{name: "create muxing", route: `POST /encoding/encodings/ID/muxings/`},
	{name: "create manifest", route: `POST /encoding/manifests/dash/default`},
	{name: "start", route: `POST /encoding/encodings/ID/start`},
	{name: "start template", route: `POST /encoding/templates/start`, template: true},
	{name: "status", route: `GET /encoding/encodings/ID/status`, long: true},
	{name: "stop", route: `POST /encoding/encodings/ID/stop`, long: true, act: func(w *world, b job.Batch) {
		w.await(b.ID, 5*time.Minute, "a running job", func(b job.Batch) bool { return b.Counts.Running > 0 })
		cancelled(w, b)
	}},
	{name: "delete", route: `DELETE /encoding/encodings/ID`, act: func(w *world, b job.Batch) {
		for range 3000 {
			if slices.ContainsFunc(w.jobs(b.ID), func(j job.Job) bool { return j.Prepared() }) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		cancelled(w, b)
	}},
	{name: "reprioritize", route: `POST /encoding/encodings/ID/reprioritize`, act: func(w *world, b job.Batch) {
		w.await(b.ID, 5*time.Minute, "a queued job", func(b job.Batch) bool { return b.Counts.Queued+b.Counts.Running > 0 })
		if _, err := w.store.UpdateBatch(w.ctx, b.ID, time.Now(), func(b *job.Batch) error { b.Priority = 95; return nil }); err != nil {
			w.t.Fatal(err)
		}
	}},
	{name: "count", route: `GET /encoding/encodings\?.*status=QUEUED`, account: true},
	{name: "list running", route: `GET /encoding/encodings\?.*status=RUNNING`, long: true},
	{name: "sweep", route: `GET /encoding/encodings\?.*search=`, account: true},
	{name: "any list", route: `GET /encoding/encodings\?`, account: true},
	{name: "ping", route: `GET /encoding/inputs\?`},
}

// wrongPlatform is a platform that answers one call wrongly.
type wrongPlatform struct {
	sim    *simulator.Simulator
	way    http.RoundTripper
	call   wrongCall
	route  *regexp.Regexp
	how    string
	on     atomic.Bool
	batch  string          // only calls for this batch are answered wrongly
	others string          // the id of another batch's encoding, for wrong answers
	spared map[string]bool // ids of resources that other batches use
	calls  atomic.Int64
	wrong  atomic.Int64
}

var anyID = regexp.MustCompile(`/encodings/([0-9a-f-]{36})`)

// concerned reports whether a request is to be answered wrongly.
func (p *wrongPlatform) concerned(r *http.Request, body []byte) bool {
	if !p.on.Load() {
		return false
	}
	path := strings.TrimPrefix(r.URL.Path, "/v1")
	named := string(body)
	if id := anyID.FindStringSubmatch(path); id != nil {
		e, ok := p.sim.FindEncoding(id[1])
		if !ok {
			return false
		}
		path, named = strings.Replace(path, id[1], "ID", 1), e.Name
	}
	if p.spared[path[strings.LastIndexByte(path, '/')+1:]] {
		return false
	}
	if r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	ofBatch := !strings.Contains(path, "/encodings") || r.Method == http.MethodGet && !strings.Contains(path, "ID") || strings.Contains(named, p.batch)
	return p.route.MatchString(r.Method+" "+path) && ofBatch
}

func (p *wrongPlatform) RoundTrip(r *http.Request) (*http.Response, error) {
	p.calls.Add(1)
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	if !p.concerned(r, body) {
		return p.way.RoundTrip(r)
	}
	p.wrong.Add(1)
	var status int
	if _, err := fmt.Sscan(p.how, &status); err == nil {
		resp := &http.Response{Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Body: http.NoBody}
		return answer(resp, status, `{"status":"ERROR","data":{"code":1,"message":"no"}}`)
	}
	resp, err := p.way.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	return rename(resp, map[string]string{
		"an unknown id": "00000000-0000-4000-8000-000000000000", "an empty id": "", "another object": p.others,
	}[p.how])
}

// rename changes the id of the object in an answer.
func rename(resp *http.Response, id string) (*http.Response, error) {
	var page map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return nil, err
	}
	data, _ := page["data"].(map[string]any)
	result, _ := data["result"].(map[string]any)
	items, _ := result["items"].([]any)
	for _, object := range append(items, result) {
		for _, field := range []string{"id", "encodingId"} {
			if fields, _ := object.(map[string]any); fields != nil && fields[field] != nil {
				fields[field] = id
			}
		}
	}
	body, err := json.Marshal(page)
	if err != nil {
		return nil, err
	}
	return answer(resp, resp.StatusCode, string(body))
}

// concernedBatch makes a batch use storages and codecs that no other batch uses.
func concernedBatch(t *testing.T, template bool) func(*job.Batch) {
	t.Helper()
	return func(b *job.Batch) {
		if template {
			ladder(t)(b)
		} else {
			b.Recipe.Videos = []job.Video{{Name: "hevc", Codec: job.H265, Height: 1080, CRF: 23}}
			b.Recipe.Audios, b.Recipe.Muxings = nil, []job.Muxing{{Container: job.FMP4}}
			b.Recipe.Manifests = []job.Manifest{{Format: job.DASH}}
		}
		b.Input.Name, b.Output.Name, b.Priority = "https", "gcs", 90
	}
}

// hourlyCalls is how many calls may be made in an hour in which one call is always answered
// wrongly, hourlyWrong how many of them may be that call: at most two a minute for each of three
// jobs, and some while the pauses grow. About five hundred are counts and lists, which are made
// every ten seconds anyway while encodings run.
const hourlyCalls, hourlyWrong = 1500, 500

// A call that is always answered wrongly is repeated after pauses that grow. The account's status
// shows a problem, and no other batch waits.
func TestWrongAnswers(t *testing.T) {
	for n, call := range wrongCalls {
		for m, how := range wrongs {
			if !exhaustive && (n+m)%2 != 0 || !inSample((n+m)/2, 4) {
				continue // each call with half of the ways; a sample of these under the race detector
			}
			t.Run(call.name+" "+how, func(t *testing.T) { oneWrongHour(t, call, how) })
		}
	}
}

func oneWrongHour(t *testing.T, call wrongCall, how string) {
	t.Helper()
	sim := &simulator.Simulator{Seed: 1, Encoders: 5, Duration: 30 * time.Second, Latency: 20 * time.Millisecond, StopDelay: time.Second}
	inWorld(t, sim, func(w *world) {
		p := &wrongPlatform{sim: sim, way: sim.Client().Transport, call: call, route: regexp.MustCompile(call.route), how: how, spared: map[string]bool{}}
		w.network = p.RoundTrip
		sim.EncodingDuration = func(e simulator.Encoding) time.Duration {
			return map[bool]time.Duration{true: 2 * time.Hour}[call.long && p.on.Load() && strings.Contains(e.Name, p.batch)]
		}
		w.run()
		first := w.awaitEnd(w.submit(1, nil).ID, 5*time.Minute)
		p.others = w.jobs(first.ID)[0].EncodingID
		for _, r := range sim.Resources() {
			p.spared[r.ID] = true
		}
		batches := []string{first.ID}
		if call.known {
			batches = append(batches, w.awaitEnd(w.submit(1, concernedBatch(t, false)).ID, 5*time.Minute).ID)
		}
		w.halt()
		b := w.submit(3, concernedBatch(t, call.template))
		p.batch = b.ID
		p.on.Store(true)
		other := w.submit(4, nil)
		before := p.calls.Load()
		w.run()
		if call.act != nil {
			call.act(w, b)
		}
		begin := time.Now()
		for !call.account {
			if o, err := w.store.Batch(w.ctx, other.ID); err != nil || o.State.Terminal() || time.Since(begin) > 10*time.Minute {
				break
			}
			time.Sleep(time.Second)
		}
		took := time.Since(begin)
		time.Sleep(time.Hour - took)
		s, _ := w.store.AccountStatus("default")
		b, _ = w.store.Batch(w.ctx, b.ID)
		calls := p.calls.Load() - before
		w.t.Logf("%d calls, %d wrong; other batch %v; %s %+v; problem %q; breaker %s", calls, p.wrong.Load(), took, b.State, b.Counts, s.Problem, s.Breaker)
		if calls > hourlyCalls || p.wrong.Load() > hourlyWrong {
			w.t.Errorf("%d calls in an hour, %d of them answered wrongly", calls, p.wrong.Load())
		}
		if took > 8*time.Minute {
			w.t.Errorf("the other batch has not ended after %v", took)
		}
		if b.Counts.Unfinished() > b.Counts.Running && s.Problem == "" {
			w.t.Errorf("batch is %s with %+v, and the account shows no problem", b.State, b.Counts)
		}
		w.audit(append(batches, b.ID, other.ID)...)
	})
}

// A platform contradicts itself: its lists show the resources that jobs share, and no other call
// knows them, however often they are created anew. Few encodings are created and deleted
// meanwhile, and jobs use attempts, so that the batch ends.
func TestContradiction(t *testing.T) {
	for name, route := range map[string]string{
		"configuration": `(GET /encoding/configurations/[0-9a-f-]{36}|POST /encoding/encodings/ID/streams)`,
		"output":        `(GET /encoding/outputs/[0-9a-f-]{36}|POST /encoding/encodings/ID/muxings)`,
		"template":      `(GET /encoding/outputs/[0-9a-f-]{36}|POST /encoding/templates/start)`,
	} {
		t.Run(name, func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 3, Duration: 30 * time.Second, Latency: 20 * time.Millisecond}
			inWorld(t, sim, func(w *world) {
				p := &wrongPlatform{sim: sim, way: sim.Client().Transport, route: regexp.MustCompile(route), how: "404", spared: map[string]bool{}}
				w.network = p.RoundTrip
				w.run()
				first := w.awaitEnd(w.submit(1, nil).ID, 5*time.Minute)
				for _, r := range sim.Resources() {
					p.spared[r.ID] = true
				}
				b := w.submit(200, concernedBatch(t, name == "template"))
				p.batch = b.ID
				p.on.Store(true)
				other := w.submit(4, nil)
				begin, before := time.Now(), p.calls.Load()
				created := w.calls("POST /encoding/encodings")
				w.awaitEnd(other.ID, 8*time.Minute)
				time.Sleep(time.Hour - time.Since(begin))
				s, _ := w.store.AccountStatus("default")
				b, _ = w.store.Batch(w.ctx, b.ID)
				calls, made := p.calls.Load()-before, w.calls("POST /encoding/encodings")-created-4
				w.t.Logf("%d calls, %d encodings made, %d resources; %+v; problem %q", calls, made, len(sim.Resources()), b.Counts, s.Problem)
				if made > 40 || calls > hourlyCalls {
					w.t.Errorf("%d encodings were made, in %d calls", made, calls)
				}
				if s.Problem == "" || s.Problems[b.ID].Text == "" || s.Repeats["prepare"]+s.Repeats["start"] == 0 {
					w.t.Errorf("problem %q, repeats %v", s.Problem, s.Repeats)
				}
				used := 0
				for _, j := range w.jobs(b.ID) {
					used += j.Attempt
				}
				if used == 0 {
					w.t.Error("no attempt was used: the batch would never end")
				}
				w.audit(first.ID, b.ID, other.ID)
			})
		})
	}
}

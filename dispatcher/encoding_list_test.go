package dispatcher

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// twist says how a platform mistreats query parameters of its list of encodings, by parameter:
// ignored, nothing, or the HTTP status with which it refuses them.
type twist map[string]string

const (
	ignored = "ignored"
	nothing = "nothing" // the parameter is accepted, and selects nothing
	broken5 = "500"
)

// selectsNothing are values that select nothing, by parameter.
var selectsNothing = map[string]string{
	"search": "labels:nobody", "name": "nobody", "status": "TRANSFER_ERROR", "createdAtNewerThan": "2100-01-01T00:00:00Z",
	"offset": "1000000",
}

// twisted is the transport to a platform with a twist.
func twisted(inner http.RoundTripper, how twist) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/encoding/encodings") {
			return inner.RoundTrip(r)
		}
		query := r.URL.Query()
		for name, what := range how {
			if !query.Has(name) {
				continue
			}
			switch what {
			case ignored:
				query.Del(name)
			case nothing:
				query.Set(name, selectsNothing[name])
			default:
				status, err := strconv.Atoi(what)
				if err != nil {
					return nil, err
				}
				return respond(r, status, `{"requestId":"r","status":"ERROR","data":{"code":1002,"message":"`+name+` is not supported"}}`), nil
			}
		}
		r = r.Clone(r.Context())
		r.URL.RawQuery = query.Encode()
		resp, err := inner.RoundTrip(r)
		if err != nil || how["labels"] == "" {
			return resp, err
		}
		return withoutLabels(resp)
	}
}

func respond(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}
}

// withoutLabels removes the labels from the answer to a list call.
func withoutLabels(resp *http.Response) (*http.Response, error) {
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var body struct {
		RequestID string `json:"requestId"`
		Status    string `json:"status"`
		Data      struct {
			Result map[string]any `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, err
	}
	items, _ := body.Data.Result["items"].([]any)
	for _, item := range items {
		if encoding, ok := item.(map[string]any); ok {
			delete(encoding, "labels")
		}
	}
	if text, err = json.Marshal(body); err != nil {
		return nil, err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return resp, nil
}

// foreignClient is a client of other people with the same API key, and no limit on creating encodings.
func (w *world) foreignClient() *bitmovin.Client {
	w.t.Helper()
	client, err := bitmovin.New(bitmovin.Options{
		APIKey: func() (string, error) { return "test-key", nil }, HTTPClient: w.sim.Client(),
		Governor: bitmovin.NewGovernor(bitmovin.Limits{bitmovin.ClassEncodingCreate: 1 << 30}),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

// createForeign creates n encodings of other people with the given labels.
func (w *world) createForeign(n int, labels ...string) (ids []bitmovin.EncodingID) {
	w.t.Helper()
	client := w.foreignClient()
	for i := range n {
		e, err := client.CreateEncoding(w.ctx, bitmovin.Encoding{Name: fmt.Sprintf("foreign %d", i), Labels: labels}, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

// twists are the platforms to try, by name.
func twists() map[string]twist {
	all := map[string]twist{
		"no labels":                     {"labels": ignored},
		"no labels, no search":          {"labels": ignored, "search": "400"},
		"neither search nor time":       {"search": "400", "createdAtNewerThan": "400"},
		"neither, and no status":        {"search": "400", "createdAtNewerThan": "422", "status": "405"},
		"nothing but pages":             {"search": "400", "createdAtNewerThan": "400", "status": "400", "name": "400", "includeTotalCount": "400", "limit": "400"},
		"not even offset":               {"search": "400", "createdAtNewerThan": "400", "status": "400", "name": "400", "includeTotalCount": "400", "limit": "400", "offset": "400"},
		"all ignored":                   {"search": ignored, "createdAtNewerThan": ignored, "status": ignored, "name": ignored, "includeTotalCount": ignored, "limit": ignored},
		"all find nothing":              {"search": nothing, "createdAtNewerThan": nothing, "status": nothing, "name": nothing},
		"search finds nothing, no time": {"search": nothing, "createdAtNewerThan": "400"},
		"name and time find nothing":    {"name": nothing, "createdAtNewerThan": nothing},
	}
	for _, name := range []string{"search", "name", "status", "createdAtNewerThan", "includeTotalCount", "limit", "offset"} {
		for _, how := range []string{"400", "404", "405", "410", "422", broken5, ignored, nothing} {
			if how != nothing || selectsNothing[name] != "" {
				all[name+" "+how] = twist{name: how}
			}
		}
	}
	return all
}

// A process is killed while a start has no answer yet, and the next one meets a platform that
// refuses or ignores a query parameter of its lists. All jobs succeed with one start each.
func TestTwistedLists(t *testing.T) {
	all := twists()
	for n, name := range slices.Sorted(maps.Keys(all)) {
		how := all[name]
		for _, templates := range []bool{false, true} {
			if !exhaustive && templates != (n%2 == 0) || !inSample(n, 7) {
				continue
			}
			t.Run(fmt.Sprintf("%s templates=%v", name, templates), func(t *testing.T) { restartTwisted(t, how, templates) })
		}
	}
}

const twistedJobs = 14

func restartTwisted(t *testing.T, how twist, templates bool) {
	t.Helper()
	sim := &simulator.Simulator{
		Seed: 1, Encoders: 3, Duration: time.Minute, Latency: 50 * time.Millisecond, QueueLimit: -1,
		TakeAnyStart: true, OmitTotalCount: true, Unlimited: true,
	}
	start := map[bool]string{false: "POST /encoding/encodings/{id}/start", true: templatesStart}[templates]
	sim.Fault = func(c simulator.Call) simulator.Fault {
		if c.Route == start && c.Nth == 5 {
			return simulator.Fault{Kind: simulator.HangFault, After: true}
		}
		return simulator.Fault{}
	}
	inWorld(t, sim, func(w *world) {
		w.createForeign(130)
		first := newMortal(0)
		w.mortal = first
		w.run()
		var b job.Batch
		if templates {
			b = w.submitLadder(twistedJobs, nil)
		} else {
			b = w.submit(twistedJobs, nil)
		}
		w.await(b.ID, time.Hour, "a start without an answer", func(job.Batch) bool { return w.calls(start) >= 4 && w.sim.ReadStats().Starts >= 5 })
		time.Sleep(time.Second)
		close(first.dead)
		w.reopen(w.path)
		w.createForeign(130)
		w.mortal, w.network = nil, twisted(w.sim.Client().Transport, how)
		w.run()
		w.endsWithOneStartEach(b)
	})
}

// endsWithOneStartEach waits for the end of a batch of twistedJobs jobs, all of which must succeed
// after one start at the platform.
func (w *world) endsWithOneStartEach(b job.Batch) {
	w.t.Helper()
	b = w.awaitEnd(b.ID, 3*time.Hour)
	if starts := w.sim.ReadStats().Starts; b.State != job.BatchSucceeded || starts != twistedJobs {
		w.t.Errorf("batch is %s with %+v after %d starts, want %d", b.State, b.Counts, starts, twistedJobs)
	}
	w.audit(b.ID)
}

// The answer to the start of a template is lost, and the process goes on. On each of these
// platforms it finds the encoding before it would repeat the start.
func TestTwistedLookUp(t *testing.T) {
	all := twists()
	for n, name := range slices.Sorted(maps.Keys(all)) {
		how := all[name]
		if !inSample(n, 7) {
			continue // a sample of them, under the race detector
		}
		t.Run(name, func(t *testing.T) {
			sim := &simulator.Simulator{
				Seed: 1, Encoders: 3, Duration: time.Minute, Latency: 50 * time.Millisecond, QueueLimit: -1, Unlimited: true,
			}
			sim.Fault = func(c simulator.Call) simulator.Fault {
				switch {
				case c.Route != templatesStart:
				case c.Nth == 3:
					return simulator.Fault{Kind: simulator.JSONFault, After: true}
				case c.Nth == 6:
					return simulator.Fault{Kind: simulator.JSONFault} // the start is not made
				}
				return simulator.Fault{}
			}
			inWorld(t, sim, func(w *world) {
				w.createForeign(130)
				w.network = twisted(w.sim.Client().Transport, how)
				w.run()
				b := w.submitLadder(twistedJobs, nil)
				w.endsWithOneStartEach(b)
			})
		})
	}
}

// The job table is a restored backup. On each of these platforms the encodings that it does not
// know are found and adopted.
func TestTwistedListsAfterABackup(t *testing.T) {
	all := twists()
	for n, name := range slices.Sorted(maps.Keys(all)) {
		how := all[name]
		for _, templates := range []bool{false, true} {
			if !exhaustive && templates != (n%2 != 0) || !inSample(n, 7) {
				continue // TestTwistedLists tries the other half
			}
			t.Run(fmt.Sprintf("%s templates=%v", name, templates), func(t *testing.T) { restoreTwisted(t, how, templates) })
		}
	}
}

func restoreTwisted(t *testing.T, how twist, templates bool) {
	t.Helper()
	sim := &simulator.Simulator{
		Seed: 1, Encoders: 3, Duration: time.Minute, Latency: 50 * time.Millisecond, QueueLimit: -1,
		TakeAnyStart: true, OmitTotalCount: true, Unlimited: true,
	}
	inWorld(t, sim, func(w *world) {
		w.createForeign(130)
		w.run()
		var b job.Batch
		if templates {
			b = w.submitLadder(twistedJobs, nil)
		} else {
			b = w.submit(twistedJobs, nil)
		}
		time.Sleep(90 * time.Second)
		backup := w.backup()
		time.Sleep(2 * time.Minute)
		w.reopen(backup)
		w.createForeign(130)
		w.network = twisted(w.sim.Client().Transport, how)
		w.run()
		w.endsWithOneStartEach(b)
	})
}

package simulator_test

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// receiver is a webhook endpoint that needs no network.
type receiver struct {
	mu     sync.Mutex
	status int
	got    []received
}

type received struct {
	method, url, signature string
	body                   []byte
	event                  struct {
		EventID, EventType, ResourceID, TriggeredForResourceID, WebhookID, TriggeredAt string
		Encoding                                                                       struct{ ID, Name string }
	}
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	in := received{method: req.Method, url: req.URL.String(), signature: req.Header.Get("Bitmovin-Signature"), body: body}
	if err := json.Unmarshal(body, &in.event); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, in)
	rec := httptest.NewRecorder()
	rec.WriteHeader(r.status)
	return rec.Result(), nil
}

func (r *receiver) events() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

const hooks = "/notifications/webhooks/encoding/encodings"

func TestWebhooks(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		in := &receiver{status: 200}
		a := newAPI(t, &simulator.Simulator{
			WebhookClient: &http.Client{Transport: in},
			Outcome: func(enc simulator.Encoding, _ int) simulator.Outcome {
				return simulator.Outcome{Status: simulator.Status(enc.Name)}
			},
		})
		st := a.storage()
		signed := a.call("POST", hooks+"/finished", `{"url":"http://hook/finished","signature":{"type":"HMAC","key":"SECRET"}}`)
		if signed.status != 201 || signed.result["eventType"] != "ENCODING_FINISHED" || signed.result["signature"] != nil {
			t.Errorf("created %d: %s", signed.status, signed.body)
		}
		a.create(hooks+"/error", `{"url":"http://hook/error","method":"PUT"}`)
		if r := a.call("POST", hooks+"/transfer-error", `{"url":"http://hook/transfer"}`); r.status != 202 {
			t.Errorf("transfer-error webhook: status %d, want 202", r.status)
		}
		ids := make(map[string]string)
		for _, name := range []string{"FINISHED", "ERROR", "TRANSFER_ERROR", "CANCELED"} {
			ids[name] = a.prepared(st, name)
		}
		own := a.create(hooks+"/"+ids["FINISHED"]+"/finished", `{"url":"http://hook/own"}`)
		for _, id := range ids {
			a.start(id)
		}
		a.idle()

		got := make(map[string]string)
		for _, e := range in.events() {
			got[e.method+" "+e.url] = e.event.EventType + " " + e.event.Encoding.Name
			if e.event.ResourceID != ids[e.event.Encoding.Name] || e.event.TriggeredForResourceID != e.event.ResourceID {
				t.Errorf("event about %q and %q", e.event.ResourceID, e.event.TriggeredForResourceID)
			}
			if e.event.TriggeredAt != "2000-01-01T00:00:30.000000000Z" {
				t.Errorf("triggered at %s", e.event.TriggeredAt)
			}
			if e.url == "http://hook/own" && e.event.WebhookID != own {
				t.Errorf("webhook id %s, want %s", e.event.WebhookID, own)
			}
			if e.url != "http://hook/finished" {
				continue
			}
			mac := hmac.New(sha512.New, []byte("SECRET"))
			mac.Write(e.body)
			if want := hex.EncodeToString(mac.Sum(nil)); e.signature != want {
				t.Errorf("signature %s, want %s", e.signature, want)
			}
		}
		want := map[string]string{
			"POST http://hook/finished": "ENCODING_FINISHED FINISHED",
			"POST http://hook/own":      "ENCODING_FINISHED FINISHED",
			"PUT http://hook/error":     "ENCODING_ERROR ERROR",
			"POST http://hook/transfer": "ENCODING_TRANSFER_ERROR TRANSFER_ERROR",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestWebhookMuting(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		in := &receiver{status: 500}
		a := newAPI(t, &simulator.Simulator{WebhookClient: &http.Client{Transport: in}, Duration: time.Second})
		st := a.storage()
		hook := a.create(hooks+"/finished", `{"url":"http://hook/"}`)
		muted := func() any { return a.must("GET", "/notifications/"+hook, "")["muted"] }
		run := func(n int) {
			for range n {
				a.started(st, "a")
				a.idle()
			}
		}
		run(9)
		in.answer(204)
		run(1) // one success, and counting starts again
		in.answer(500)
		run(9)
		if muted() != false {
			t.Fatal("muted after nine failures in a row")
		}
		run(1)
		if muted() != true {
			t.Fatal("not muted after ten failures in a row")
		}
		run(5)
		if got := len(in.events()); got != 20 {
			t.Errorf("%d deliveries, want 20 and none after muting", got)
		}
		in.answer(200)
		a.must("POST", "/notifications/"+hook+"/unmute", "")
		run(1)
		if got := len(in.events()); got != 21 || muted() != false {
			t.Errorf("%d deliveries after un-muting, want 21", got)
		}
		a.must("POST", "/notifications/"+hook+"/mute", "")
		run(1)
		if got := len(in.events()); got != 21 {
			t.Errorf("%d deliveries after muting by hand, want 21", got)
		}
		if stats := a.sim.ReadStats(); stats.WebhooksDelivered != 2 || stats.WebhooksFailed != 19 {
			t.Errorf("delivered %d, failed %d, want 2 and 19", stats.WebhooksDelivered, stats.WebhooksFailed)
		}
	})
}

func TestWebhookDuplicatesAndLosses(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		in := &receiver{status: 200}
		times := map[string]int{}
		a := newAPI(t, &simulator.Simulator{
			WebhookClient: &http.Client{Transport: in},
			Deliver:       func(d simulator.Delivery) int { return times[d.EncodingID] },
		})
		st := a.storage()
		a.create(hooks+"/finished", `{"url":"http://hook/"}`)
		lost, twice := a.prepared(st, "lost"), a.prepared(st, "twice")
		times[twice] = 2
		a.start(lost)
		a.start(twice)
		a.idle()
		got := in.events()
		if len(got) != 2 || got[0].event.Encoding.Name != "twice" || got[0].event.EventID != got[1].event.EventID {
			t.Errorf("events %+v", got)
		}
	})
}

func TestWebhookRules(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{})
	for _, body := range []string{
		`{}`, `{"url":"nowhere"}`, `{"url":"ftp://x/"}`, `{"url":"http://x/","method":"GET"}`,
		`{"url":"http://x/","signature":{"type":"HMAC"}}`, `{"url":"http://x/","signature":{"type":"RSA","key":"k"}}`,
	} {
		a.refused("POST", hooks+"/finished", body, 400, simulator.CodeInvalid)
	}
	a.refused("POST", hooks+"/nobody/finished", `{"url":"http://x/"}`, 404, simulator.CodeNotFound)
	enc := a.create("/encoding/encodings", `{"name":"n"}`)
	for _, path := range []string{hooks + "/finished", hooks + "/" + enc + "/error"} {
		var last string
		for range 5 {
			last = a.create(path, `{"url":"http://x/"}`)
		}
		a.refused("POST", path, `{"url":"http://x/"}`, 403, simulator.CodeWebhooks)
		if got := a.must("GET", path, ""); got["totalCount"] != 5.0 {
			t.Errorf("GET %s: %v webhooks, want 5", path, got["totalCount"])
		}
		a.must("GET", path+"/"+last, "")
		a.must("DELETE", path+"/"+last, "")
		a.refused("GET", path+"/"+last, "", 404, simulator.CodeNotFound)
		a.create(path, `{"url":"http://x/"}`)
	}
	if got := a.must("GET", "/notifications", ""); got["totalCount"] != 10.0 {
		t.Errorf("%v notifications, want 10", got["totalCount"])
	}
}

func TestCloseAbandonsDeliveries(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		arrived := make(chan struct{})
		a := newAPI(t, &simulator.Simulator{WebhookClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			close(arrived)
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}})
		a.create(hooks+"/finished", `{"url":"http://hook/"}`)
		a.started(a.storage(), "a")
		<-arrived
		begin := time.Now()
		a.sim.Close() // the bubble fails if a goroutine is left
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("Close waited for %v", waited)
		}
	})
}

// The default client delivers over a real connection.
func TestWebhookOverHTTP(t *testing.T) {
	got := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Content-Type")
	}))
	defer server.Close()
	a := newAPI(t, &simulator.Simulator{Duration: time.Millisecond})
	a.create(hooks+"/finished", `{"url":"`+server.URL+`"}`)
	a.started(a.storage(), "a")
	if contentType := <-got; contentType != "application/json" {
		t.Errorf("content type %q", contentType)
	}
	a.idle()
	if stats := a.sim.ReadStats(); stats.WebhooksDelivered != 1 {
		t.Errorf("%d delivered, want 1", stats.WebhooksDelivered)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNotificationStates(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{WebhookClient: &http.Client{Transport: &receiver{status: 200}}})
		hook := a.create(hooks+"/finished", `{"url":"http://hook/"}`)
		state := func() any {
			items, _ := a.must("GET", "/notifications/"+hook+"/states", "")["items"].([]any)
			object, _ := items[0].(map[string]any)
			return object["state"]
		}
		if got := state(); got != "RESOLVED" {
			t.Errorf("state %v before any event", got)
		}
		a.started(a.storage(), "a")
		a.idle()
		if got := state(); got != "FIRED" {
			t.Errorf("state %v after an event", got)
		}
	})
}

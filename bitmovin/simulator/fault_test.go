package simulator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

const startRoute = "POST /encoding/encodings/{id}/start"

func TestFaults(t *testing.T) {
	cut := func(r reply, err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
	status := func(want int, content, body string) func(reply, error) bool {
		return func(r reply, err error) bool {
			return err == nil && r.status == want && r.header.Get("Content-Type") == content && strings.Contains(r.body, body)
		}
	}
	half := func(r reply, err error) bool {
		return cut(r, err) && r.status == 200 && strings.HasPrefix(r.body, `{"requestId":`) && !strings.HasSuffix(r.body, "}}")
	}
	tests := []struct {
		name  string
		fault simulator.Fault
		seen  func(reply, error) bool
		told  int // ledger
	}{
		{"json", simulator.Fault{Kind: simulator.JSONFault}, status(503, "application/json", `"code":1,`), 503},
		{"json code", simulator.Fault{Kind: simulator.JSONFault, Status: 403, Code: 8003}, status(403, "application/json", `"code":8003,`), 403},
		{"html", simulator.Fault{Kind: simulator.HTMLFault}, status(502, "text/html", "<h1>502 Bad Gateway</h1>"), 502},
		{"html 504", simulator.Fault{Kind: simulator.HTMLFault, Status: 504}, status(504, "text/html", "504 Gateway Timeout"), 504},
		{"429", simulator.Fault{Kind: simulator.RateLimitFault}, status(429, "application/json", `"ERROR"`), 429},
		{"empty", simulator.Fault{Kind: simulator.EmptyFault}, func(r reply, err error) bool {
			return err == nil && r.status == 200 && r.body == ""
		}, 200},
		{"reset", simulator.Fault{Kind: simulator.ResetFault}, cut, 0},
		{"truncate", simulator.Fault{Kind: simulator.TruncateFault}, half, 0},
		{"hang", simulator.Fault{Kind: simulator.HangFault, Delay: time.Minute}, cut, 0},
	}
	for _, tt := range tests {
		for _, after := range []bool{false, true} {
			name := tt.name + " before"
			if after {
				name = tt.name + " after"
			}
			t.Run(name, func(t *testing.T) {
				bubble.Test(t, func(t *testing.T) {
					fault := tt.fault
					fault.After = after
					sim := &simulator.Simulator{Encoders: -1, Fault: func(c simulator.Call) simulator.Fault {
						if c.Route == startRoute && c.Nth == 1 {
							return fault
						}
						return simulator.Fault{}
					}}
					a := newAPI(t, sim)
					enc := a.prepared(a.storage(), "a")
					r, err := a.try("POST", "/encoding/encodings/"+enc+"/start", "")
					if !tt.seen(r, err) {
						t.Errorf("client saw status %d, error %v: %s", r.status, err, r.body)
					}
					if r.status == 429 && r.header.Get("X-Ratelimit-Remaining") != "0" {
						t.Error("429 with a budget left")
					}
					want := "CREATED"
					if after {
						want = "QUEUED"
					}
					if got := a.status(enc); got != want {
						t.Errorf("encoding is %s, want %s", got, want)
					}
					var entry simulator.Entry
					for _, e := range sim.Ledger() {
						if e.Route == startRoute {
							entry = e
						}
					}
					if entry.Effect != after || entry.Status != tt.told || entry.Fault == "" || entry.EncodingID != enc {
						t.Errorf("ledger entry %+v", entry)
					}
					if after {
						return
					}
					a.start(enc) // the second call is not disturbed
				})
			})
		}
	}
}

func TestHangUntilTheClientLeaves(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{Fault: func(simulator.Call) simulator.Fault {
			return simulator.Fault{Kind: simulator.HangFault}
		}})
		client := a.sim.Client()
		client.Timeout = 90 * time.Second
		begin := time.Now()
		resp, err := client.Get("http://x/v1/encoding/encodings?X-Api-Key=k")
		if err == nil {
			resp.Body.Close()
			t.Fatal("no error")
		}
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 90*time.Second {
			t.Errorf("%v after %v, want a time-out after 90s", err, time.Since(begin))
		}
		// Close sends those home that still hang.
		gone := make(chan error, 1)
		go func() {
			_, err := a.try("GET", "/encoding/encodings", "")
			gone <- err
		}()
		synctest.Wait()
		a.sim.Close()
		if err := <-gone; !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// The same faults reach a client over a real connection.
func TestFaultsOverHTTP(t *testing.T) {
	kind := make(chan simulator.FaultKind, 1)
	sim := &simulator.Simulator{Fault: func(simulator.Call) simulator.Fault {
		return simulator.Fault{Kind: <-kind}
	}}
	defer sim.Close()
	server := httptest.NewServer(sim)
	defer server.Close()
	get := func(k simulator.FaultKind) (int, string, error) {
		kind <- k
		req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/v1/encoding/inputs", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Api-Key", "k")
		req.Close = true // or the client repeats a GET on a connection that was cut
		resp, err := server.Client().Do(req)
		if err != nil {
			return 0, "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body), err
	}
	if status, body, err := get(simulator.NoFault); status != 200 || err != nil || !strings.HasSuffix(body, "}") {
		t.Errorf("undisturbed: %d, %v: %s", status, err, body)
	}
	if _, _, err := get(simulator.ResetFault); !errors.Is(err, io.EOF) {
		t.Errorf("reset: %v, want EOF", err)
	}
	if status, body, err := get(simulator.TruncateFault); status != 200 || body == "" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("truncated: %d, %v: %q", status, err, body)
	}
	if status, body, err := get(simulator.EmptyFault); status != 200 || body != "" || err != nil {
		t.Errorf("empty: %d, %v: %q", status, err, body)
	}
}

func TestFaultHookKnowsTheCall(t *testing.T) {
	var calls []simulator.Call
	a := newAPI(t, &simulator.Simulator{Fault: func(c simulator.Call) simulator.Fault {
		calls = append(calls, c)
		return simulator.Fault{}
	}})
	st := a.storage()
	one, two := a.prepared(st, "one"), a.prepared(st, "two")
	calls = nil
	a.start(one)
	a.must("GET", "/encoding/encodings/"+two+"/status?x=1", "")
	a.must("POST", "/encoding/encodings/"+two+"/start", "{}")
	a.refused("POST", "/encoding/encodings/"+two+"/start", "", 400, simulator.CodeState)
	statusRoute := "GET /encoding/encodings/{id}/status"
	want := []simulator.Call{
		{Method: "POST", Route: startRoute, Path: "/encoding/encodings/" + one + "/start", Key: "key", Body: []byte{}, EncodingID: one, Name: "one", Nth: 1, NthOfEncoding: 1},
		{Method: "GET", Route: statusRoute, Path: "/encoding/encodings/" + two + "/status", Query: "x=1", Key: "key", Body: []byte{}, EncodingID: two, Name: "two", Nth: 1, NthOfEncoding: 1},
		{Method: "POST", Route: startRoute, Path: "/encoding/encodings/" + two + "/start", Key: "key", Body: []byte("{}"), EncodingID: two, Name: "two", Nth: 2, NthOfEncoding: 1},
		{Method: "POST", Route: startRoute, Path: "/encoding/encodings/" + two + "/start", Key: "key", Body: []byte{}, EncodingID: two, Name: "two", Nth: 3, NthOfEncoding: 2},
	}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestParseFaultPlan(t *testing.T) {
	got, err := simulator.ParseFaultPlan(" reset=0.01, html502=0.02,504started=0.02,hang=0.01,hang:10s=0.1,json500=0,429=0.5,truncate-lost=0.1,8005=0.05")
	if err != nil {
		t.Fatal(err)
	}
	want := simulator.FaultPlan{Rates: []simulator.FaultRate{
		{Rate: 0.01, Fault: simulator.Fault{Kind: simulator.ResetFault}},
		{Rate: 0.02, Fault: simulator.Fault{Kind: simulator.HTMLFault, Status: 502}},
		{Rate: 0.02, Fault: simulator.Fault{Kind: simulator.JSONFault, Status: 504, After: true}},
		{Rate: 0.01, Fault: simulator.Fault{Kind: simulator.HangFault}},
		{Rate: 0.1, Fault: simulator.Fault{Kind: simulator.HangFault, Delay: 10 * time.Second}},
		{Rate: 0, Fault: simulator.Fault{Kind: simulator.JSONFault, Status: 500}},
		{Rate: 0.5, Fault: simulator.Fault{Kind: simulator.RateLimitFault}},
		{Rate: 0.1, Fault: simulator.Fault{Kind: simulator.TruncateFault}},
		{Rate: 0.05, Fault: simulator.Fault{Kind: simulator.JSONFault, Status: 403, Code: simulator.CodeQuota5}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	for _, text := range []string{"x", "reset", "reset=x", "reset=2", "reset=-1", "reset=NaN", "-0.1", "1.1", "html200=0.1", "htmlx=0.1", "started=0.1", "hang:x=0.1", "hang:-1s=0.1", "8003=0.1", "8008=0.1", "reset=0.6,empty=0.6", "empty=0.1,"} {
		if plan, err := simulator.ParseFaultPlan(text); err == nil {
			t.Errorf("%q is accepted: %v", text, plan)
		}
	}
	if plan, err := simulator.ParseFaultPlan(""); err != nil || len(plan.Rates) > 0 {
		t.Errorf("empty: %v, %v", plan, err)
	}
}

func TestFaultPlan(t *testing.T) {
	plan, err := simulator.ParseFaultPlan("0.2")
	if err != nil {
		t.Fatal(err)
	}
	run := func(seed uint64) (faults []string) {
		a := newAPI(t, &simulator.Simulator{Seed: seed, Faults: plan, Unlimited: true})
		for range 2000 {
			_, _ = a.try("GET", "/encoding/inputs", "") // judged by the ledger
		}
		for _, e := range a.sim.Ledger() {
			faults = append(faults, e.Fault)
		}
		return faults
	}
	first := run(3)
	if diff := cmp.Diff(first, run(3)); diff != "" {
		t.Errorf("the same seed gave other faults:\n%s", diff)
	}
	kinds := make(map[string]int)
	for _, f := range first {
		kinds[f]++
	}
	if undisturbed := kinds[""]; undisturbed < 1500 || undisturbed > 1700 {
		t.Errorf("%d of 2000 calls undisturbed, want about 1600", undisturbed)
	}
	if len(kinds) != 11 {
		t.Errorf("%d kinds of fault and undisturbed, want 11: %v", len(kinds), kinds)
	}
}

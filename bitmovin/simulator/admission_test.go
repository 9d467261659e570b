package simulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// Every refusal carries the whole error envelope; SDKs crash without it.
func TestErrorEnvelope(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{APIKeys: []string{"good"}})
	for _, tt := range []struct {
		key, method, path string
		status, code      int
	}{
		{"", "GET", "/encoding/encodings", 401, simulator.CodeUnauthorized},
		{"bad", "GET", "/encoding/encodings", 401, simulator.CodeUnauthorized},
		{"good", "GET", "/encoding/nothing", 404, simulator.CodeNotFound},
		{"good", "GET", "/encoding/encodings/x", 404, simulator.CodeNotFound},
		{"good", "GET", "/encoding/encodings/", 200, 0},
		{"good", "PATCH", "/encoding/encodings", 405, simulator.CodeMethod},
		{"good", "POST", "/encoding/encodings", 400, simulator.CodeInvalid},
	} {
		a.key = tt.key
		r := a.refused(tt.method, tt.path, "", tt.status, tt.code)
		if tt.status == 200 {
			continue
		}
		var envelope struct {
			RequestID, Status string
			Data              struct {
				Code                      int
				Message, DeveloperMessage string
				Links                     []any
				Details                   []struct{ ID, Date, Type, Text string }
			}
		}
		if err := json.Unmarshal([]byte(r.body), &envelope); err != nil {
			t.Fatalf("%v: %v", tt, err)
		}
		d := envelope.Data
		if envelope.RequestID == "" || envelope.Status != "ERROR" || d.Message == "" || d.DeveloperMessage == "" ||
			d.Links == nil || len(d.Details) == 0 || d.Details[0].Type != "ERROR" || d.Details[0].Text == "" {
			t.Errorf("%s %s: incomplete envelope: %s", tt.method, tt.path, r.body)
		}
		if _, err := time.Parse(time.RFC3339, d.Details[0].Date); err != nil {
			t.Errorf("%s %s: date of the detail: %v", tt.method, tt.path, err)
		}
	}
}

func TestKeyInTheQuery(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{})
	a.key = ""
	a.must("GET", "/encoding/inputs?limit=5&X-Api-Key=in-the-query", "")
	if got := a.sim.Ledger()[0]; got.Key != "in-t…" || got.Query != "limit=5" {
		t.Errorf("ledger has key %q and query %q", got.Key, got.Query)
	}
}

func TestRateLimit(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{})
		time.Sleep(45500 * time.Millisecond)
		headers := func(r reply) []string {
			return []string{r.header.Get("x-ratelimit-limit"), r.header.Get("x-ratelimit-remaining"), r.header.Get("x-ratelimit-reset")}
		}
		for i := range 60 {
			r := a.call("GET", "/encoding/encodings", "")
			if r.status != 200 {
				t.Fatalf("call %d: status %d", i+1, r.status)
			}
			if i == 0 && !cmp.Equal(headers(r), []string{"60", "59", "15"}) {
				t.Errorf("headers of the first call: %v", headers(r))
			}
		}
		over := a.refused("GET", "/encoding/encodings?status=QUEUED", "", 429, simulator.CodeTooMany)
		if !cmp.Equal(headers(over), []string{"60", "0", "15"}) {
			t.Errorf("headers over the limit: %v", headers(over))
		}
		// Another method, group and key have budgets of their own.
		enc := a.create("/encoding/encodings", `{"name":"n"}`)
		a.must("GET", "/encoding/encodings/"+enc+"/status", "")
		other := &api{t, a.sim, "other"}
		other.must("GET", "/encoding/encodings", "")
		time.Sleep(14499 * time.Millisecond)
		a.refused("GET", "/encoding/encodings", "", 429, simulator.CodeTooMany)
		time.Sleep(time.Millisecond)
		a.must("GET", "/encoding/encodings", "")
		stats := a.sim.ReadStats()
		if stats.RateLimited != 2 || stats.CallsBy["GET /encoding/encodings"][429] != 2 {
			t.Errorf("%d calls over the limit, want 2", stats.RateLimited)
		}
	})
}

func TestLimitsCanBeReplaced(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{Limits: []simulator.Limit{
			{Group: "start", Method: "POST", Calls: 1},
			{Group: "inputs", Method: "GET", Calls: 0},
		}})
		st := a.storage()
		a.started(st, "a")
		a.refused("POST", "/encoding/encodings/"+a.prepared(st, "b")+"/start", "", 429, simulator.CodeTooMany)
		for range 5000 {
			a.must("GET", "/encoding/inputs", "")
		}
	})
}

func TestUnlimited(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{Unlimited: true})
	for range 200 {
		if r := a.call("GET", "/encoding/encodings", ""); r.status != 200 || r.header.Get("X-Ratelimit-Limit") != "" {
			t.Fatalf("status %d, headers %v", r.status, r.header)
		}
	}
}

func TestLatency(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{Latency: 40 * time.Millisecond})
		begin := time.Now()
		a.create("/encoding/encodings", `{"name":"n"}`)
		if took := time.Since(begin); took != 40*time.Millisecond {
			t.Errorf("took %v, want 40ms", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", "http://x/v1/encoding/encodings", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Api-Key", "k")
		resp, err := a.sim.Client().Do(req)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want a deadline exceeded", err)
		}
		if resp != nil {
			resp.Body.Close()
		}
	})
}

func TestClose(t *testing.T) {
	a := newAPI(t, &simulator.Simulator{})
	enc := a.started(a.storage(), "a")
	a.sim.Close()
	a.sim.Close()
	a.refused("GET", "/encoding/encodings", "", 503, simulator.CodeUnavailable)
	if _, ok := a.sim.FindEncoding(enc); !ok {
		t.Error("snapshots are gone after Close")
	}
}

// The same seed gives the same ids and the same failures, another seed others.
func TestSeed(t *testing.T) {
	run := func(seed uint64) (ids []string, failed []string) {
		bubble.Test(t, func(t *testing.T) {
			a := newAPI(t, &simulator.Simulator{Seed: seed, FailRate: 0.3, Duration: time.Minute, QueueLimit: -1, Unlimited: true})
			st := a.storage()
			for i := range 200 {
				ids = append(ids, a.started(st, "job-"+string(rune('a'+i%26))))
			}
			a.idle()
			for _, enc := range a.sim.Encodings() {
				if enc.Status == simulator.Error {
					failed = append(failed, enc.ID)
				}
			}
		})
		return ids, failed
	}
	ids1, failed1 := run(7)
	ids2, failed2 := run(7)
	if !cmp.Equal(ids1, ids2) || !cmp.Equal(failed1, failed2) {
		t.Error("the same seed gave different runs")
	}
	ids3, failed3 := run(8)
	if cmp.Equal(ids1, ids3) || len(failed3) == 0 {
		t.Error("another seed gave the same run, or none failed")
	}
	if n := len(failed1); n < 40 || n > 80 {
		t.Errorf("%d of 200 failed, want about 60", n)
	}
}

func TestFailRateHint(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newAPI(t, &simulator.Simulator{FailRate: 1, Duration: time.Minute})
		enc := a.started(a.storage(), "a")
		a.await(enc, simulator.Error)
		if got := a.sim.ReadStats().Makespan; got != 30*time.Second {
			t.Errorf("failed after %v, want half of a minute", got)
		}
		task := a.must("GET", "/encoding/encodings/"+enc+"/status", "")
		failure, _ := task["error"].(map[string]any)
		if failure["retryHint"] != "RETRY" || task["progress"] != 50.0 {
			t.Errorf("task %v", task)
		}
	})
}

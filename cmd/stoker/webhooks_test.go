package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// proxy passes requests for a public address to the service.
type proxy struct{ service atomic.Pointer[string] }

func (p *proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	inner := r.Clone(r.Context())
	inner.URL.Scheme, inner.URL.Host = "http", *p.service.Load()
	return http.DefaultTransport.RoundTrip(inner)
}

// accountWebhooks reads the state of the account's webhooks.
func accountWebhooks(t *testing.T, s serving) (w struct {
	Problem   string `json:"problem"`
	UsedCount int64  `json:"used_count"`
},
) {
	t.Helper()
	got := command{}.run(t.Context(), "accounts", "-o", "json", "--server", s.grpc)
	var accounts []struct {
		Webhooks json.RawMessage `json:"webhooks"`
	}
	if err := json.Unmarshal([]byte(got.stdout), &accounts); err != nil || len(accounts) != 1 || accounts[0].Webhooks == nil {
		t.Fatalf("queue: %v: %s%s", err, got.stdout, got.stderr)
	}
	if err := json.Unmarshal(accounts[0].Webhooks, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestServeTakesWebhooks(t *testing.T) {
	way := new(proxy)
	env := serviceEnv(t, &simulator.Simulator{Duration: 300 * time.Millisecond, WebhookClient: &http.Client{Transport: way}})
	env["STOKER_WEBHOOK_URL"], env["STOKER_WEBHOOK_KEY"] = "https://stoker.example.com", "0123456789abcdef"
	s := startService(t, env)
	way.service.Store(&s.http)
	for deadline := time.Now().Add(longEnough); ; {
		w := accountWebhooks(t, s)
		if w.Problem == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not registered: %s", w.Problem)
		}
	}
	submitted := command{stdin: "input_path\na.mov\n"}.run(t.Context(), "submit", "-", "--watch", "--server", s.grpc)
	if submitted.code != exitOK {
		t.Fatalf("submit: exit code %d: %s", submitted.code, submitted.stderr)
	}
	for deadline := time.Now().Add(longEnough); accountWebhooks(t, s).UsedCount != 1; {
		if time.Now().After(deadline) {
			t.Fatalf("%+v, want one delivery used", accountWebhooks(t, s))
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.http+"/webhooks/bitmovin/default", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // nothing is read from it
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("an unsigned delivery was answered with %s", response.Status)
	}
}

package gateway_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"google.golang.org/grpc"

	"github.com/stokerd/stoker/internal/gateway"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/internal/testkit/jobtable"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
)

// face is a gateway before a server with a real job table. The test plays the dispatcher.
type face struct {
	t      *testing.T
	store  *store.Store
	server *server.Server
	grpc   *grpc.Server
	web    *httptest.Server
}

// newFace serves over HTTP/1.1 or, with TLS, over HTTP/2.
func newFace(t *testing.T, withTLS bool) *face {
	t.Helper()
	return newFaceFor(t, withTLS, identity.Config{})
}

// newFaceFor is newFace for callers who prove who they are in some ways.
func newFaceFor(t *testing.T, withTLS bool, callers identity.Config) *face {
	t.Helper()
	f := &face{t: t, store: jobtable.Open(t, filepath.Join(t.TempDir(), "stoker.db"))}
	f.store.PublishAccountStatus(job.AccountStatus{ID: job.DefaultName, QueueTarget: 3, PlatformQueuedCount: -1, Breaker: job.BreakerClosed})
	t.Cleanup(func() {
		if err := f.store.Close(); err != nil {
			t.Error(err)
		}
	})
	kept := store.NewAccessTable(f.store)
	identifier, err := identity.New(t.Context(), callers, kept, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	f.server, err = server.New(server.Config{Store: f.store, Access: kept, Identifier: identifier, Catalog: server.Catalog{
		Profiles: map[string]job.Recipe{job.DefaultName: job.DefaultRecipe()},
		Storages: map[string]server.Storage{job.DefaultName: {Input: true, Output: true}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	f.store.SetOnChange(f.server.Changed)
	f.grpc = grpc.NewServer(f.server.Options()...)
	f.server.Register(f.grpc)
	t.Cleanup(f.grpc.Stop)
	handler, err := gateway.New(gateway.Config{
		GRPC: f.grpc, WithRequest: server.WithRequest, Services: services(f.grpc), Listen: "127.0.0.1:7072", URL: "https://stoker.example.com/encodes",
		Page: fstest.MapFS{
			"index.html":     {Data: []byte("<!doctype html><title>Stoker</title>")},
			"assets/page.js": {Data: bytes.Repeat([]byte("// the page\n"), 1000)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.web = httptest.NewUnstartedServer(handler)
	if withTLS {
		f.web.EnableHTTP2 = true
		f.web.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
		f.web.StartTLS()
	} else {
		f.web.Config.Protocols = new(http.Protocols)
		f.web.Config.Protocols.SetHTTP1(true)
		f.web.Config.Protocols.SetUnencryptedHTTP2(true)
		f.web.Start()
	}
	t.Cleanup(f.web.Close)
	t.Cleanup(f.server.Shutdown)
	return f
}

// services are the services of the contract.
func services(g *grpc.Server) []string {
	var names []string
	for name := range g.GetServiceInfo() {
		if strings.HasPrefix(name, "stoker.") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// answer is what came back.
type answer struct {
	*http.Response
	body string
}

// json is the body as JSON.
func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%s: %v\n%s", a.Status, err, a.body)
	}
	return m
}

// do makes a request. Headers are pairs.
func (f *face) do(method, path, body string, headers ...string) answer {
	f.t.Helper()
	resp := f.open(method, path, body, headers...)
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	_ = resp.Body.Close() // it was read
	return answer{resp.Response, string(text)}
}

// opened is an answer that the test reads. It is closed at the end of the test.
type opened struct{ *http.Response }

// open makes a request whose answer the test reads.
func (f *face) open(method, path, body string, headers ...string) opened {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.web.URL+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := f.web.Client().Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = resp.Body.Close() }) // once more does no harm
	return opened{resp}
}

// call makes a call as plain JSON, such as call("BatchService/GetBatch", `{"batch_id": "1"}`).
func (f *face) call(method, body string) answer {
	f.t.Helper()
	return f.do(http.MethodPost, "/stoker.v1."+method, body, "Content-Type", "application/json")
}

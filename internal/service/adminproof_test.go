package service_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/service"
	"github.com/stokerd/stoker/internal/testkit/certs"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// Operators of other machines have to prove who they are.
func TestAdminPagesOverTheNetwork(t *testing.T) {
	ca := certs.NewCA(t, "test")
	pair := ca.Server(t)
	file := filepath.Join(t.TempDir(), "stoker.yaml")
	text := fmt.Sprintf(`
tls: {cert_file: %s, key_file: %s, client_ca_file: %s}
auth:
  mode: required
  certificates:
    - {name: "spiffe://example.com/ops", role: admin}
    - {name: "spiffe://example.com/prometheus", role: viewer}
    - {name: "spiffe://example.com/team", role: operator, accounts: [default]}
`, pair.Cert, pair.Key, ca.File)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := platform.Env(platform.Serve(t, &simulator.Simulator{}))
	env["STOKER_DB"] = filepath.Join(t.TempDir(), "stoker.db")
	env["STOKER_LISTEN"], env["STOKER_HTTP_LISTEN"], env["STOKER_WEB_LISTEN"], env["STOKER_ADMIN_LISTEN"] = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "0.0.0.0:0"
	cfg, err := config.Load(config.Sources{File: file, Getenv: func(name string) string { return env[name] }})
	if err != nil {
		t.Fatal(err)
	}
	s, err := service.New(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	_, port, err := net.SplitHostPort(s.Address("--admin-listen"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		who            string
		metrics, pprof int
	}{{"", 401, 401}, {"stranger", 401, 401}, {"team", 403, 403}, {"prometheus", 200, 403}, {"ops", 200, 200}} {
		files := client.TLSFiles{CA: ca.File}
		if tt.who != "" {
			own := ca.Client(t, "spiffe://example.com/"+tt.who)
			files.Cert, files.Key = own.Cert, own.Key
		}
		tls, err := files.Config()
		if err != nil {
			t.Fatal(err)
		}
		web := &http.Client{Transport: &http.Transport{TLSClientConfig: tls}}
		for path, want := range map[string]int{"/metrics": tt.metrics, "/debug/pprof/": tt.pprof} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://127.0.0.1:"+port+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := web.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close() // nothing is read from it
			if response.StatusCode != want {
				t.Errorf("%s of %q: %s, want %d", path, tt.who, response.Status, want)
			}
		}
		web.CloseIdleConnections()
	}
	cancel(errStop)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

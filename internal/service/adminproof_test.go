package service_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
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
	var logged bytes.Buffer
	s, err := service.New(t.Context(), cfg, slog.New(slog.NewTextHandler(&logged, nil)), nil)
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
			text, err := io.ReadAll(response.Body)
			if err := errors.Join(err, response.Body.Close()); err != nil {
				t.Fatal(err)
			}
			// Who is refused here is counted and logged like whoever makes a call.
			if counted := "stoker_callers_refused_total 4\n"; tt.who == "prometheus" && want == 200 && !strings.Contains(string(text), counted) {
				t.Errorf("after four requests of strangers there is no %q", counted)
			}
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
	for _, want := range []string{`method=/metrics address=127.0.0.1 why="no proof"`, `why="no rule is for a name of the certificate"`} {
		if text := logged.String(); !strings.Contains(text, want) {
			t.Errorf("the log has no %s:\n%s", want, text)
		}
	}
}

// A page whose name was pointed to this machine is of the same origin as the admin pages, to the browser that shows it.
func TestAdminPagesByForeignNames(t *testing.T) {
	env := platform.Env(platform.Serve(t, &simulator.Simulator{}))
	env["STOKER_DB"] = filepath.Join(t.TempDir(), "stoker.db")
	s := mustServe(t, env)
	address := s.Address("--admin-listen")
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		address: 200, "localhost:" + port: 200, "127.0.0.1:9000": 200, "[::1]:9000": 200,
		"evil.example:" + port: 421, "127.0.0.1.evil.example": 421, "192.0.2.1": 421,
	} {
		for _, path := range []string{"/metrics", "/debug/pprof/"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = host
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close() // nothing is read from it
			if response.StatusCode != want {
				t.Errorf("%s by the name %s: %s, want %d", path, host, response.Status, want)
			}
		}
	}
}

package service_test

import (
	"context"
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
	"github.com/stokerd/stoker/internal/testkit/lockedbuffer"
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
	var log lockedbuffer.Buffer
	s, err := service.New(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, nil)), nil)
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
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close() // it was read
			if tt.who == "ops" && path == "/metrics" && !strings.Contains(string(text), "stoker_callers_refused_total 4\n") {
				t.Error("the callers that are not known are not counted")
			}
			if response.StatusCode != want {
				t.Errorf("%s of %q: %s, want %d", path, tt.who, response.Status, want)
			}
		}
		web.CloseIdleConnections()
	}
	for _, want := range []string{
		`msg="caller refused" method=/metrics address=127.0.0.1 why=`, `msg="call refused" method=/metrics address=127.0.0.1 principal=certificate:spiffe://example.com/team`,
		`msg="call refused" method=/debug/pprof/ address=127.0.0.1 principal=certificate:spiffe://example.com/prometheus`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in\n%s", want, log.String())
		}
	}
	cancel(errStop)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// On loopback nobody proves who they are, and no page of another origin may have its browser read there.
func TestAdminPagesByForeignNames(t *testing.T) {
	for _, open := range []bool{false, true} {
		t.Run(fmt.Sprintf("open %t", open), func(t *testing.T) {
			env := platform.Env(platform.Serve(t, &simulator.Simulator{}))
			env["STOKER_DB"] = filepath.Join(t.TempDir(), "stoker.db")
			if open { // whoever trusts the network says so, and others come by any name
				env["STOKER_ADMIN_LISTEN"], env["STOKER_INSECURE_LISTEN"] = "0.0.0.0:0", "true"
			}
			_, port, err := net.SplitHostPort(mustServe(t, env).Address("--admin-listen"))
			if err != nil {
				t.Fatal(err)
			}
			web := &http.Client{Transport: &http.Transport{}}
			defer web.CloseIdleConnections()
			for host, want := range map[string]int{
				"127.0.0.1:" + port: 200, "localhost:" + port: 200, "[::1]:9": 200, "stoker.localhost": 200,
				"rebound.example.com:" + port: 421, "192.0.2.1": 421, "localhost.example.com": 421,
			} {
				if open {
					want = http.StatusOK
				}
				for _, path := range []string{"/metrics", "/debug/pprof/"} {
					request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+port+path, nil)
					if err != nil {
						t.Fatal(err)
					}
					request.Host = host
					response, err := web.Do(request)
					if err != nil {
						t.Fatal(err)
					}
					_ = response.Body.Close() // nothing is read from it
					if response.StatusCode != want {
						t.Errorf("%s at %s: %s, want %d", path, host, response.Status, want)
					}
				}
			}
		})
	}
}

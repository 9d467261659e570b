package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"

	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/internal/testkit/certs"
	"github.com/stokerd/stoker/internal/transport"
)

// endpoint is a gRPC server with nothing but the health service.
type endpoint struct {
	address      string
	certificates *transport.Certificates
	log          *bytes.Buffer
	health       *health.Server
	proven       chan string // the name that the certificate of each caller proves; empty: none
}

func newEndpoint(t *testing.T, files transport.Files) *endpoint {
	t.Helper()
	e := &endpoint{log: new(bytes.Buffer), health: health.NewServer(), proven: make(chan string, 1000)}
	var err error
	if e.certificates, err = transport.LoadCertificates(files, slog.New(slog.NewTextHandler(e.log, nil))); err != nil {
		t.Fatal(err)
	}
	l := mustListen(t, "127.0.0.1:0", transport.Limits{}, nil)
	g := grpc.NewServer(grpc.Creds(e.certificates.Credentials()), grpc.UnaryInterceptor(
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			p, _ := peer.FromContext(ctx)
			name := ""
			if info, ok := p.AuthInfo.(credentials.TLSInfo); ok && len(info.State.VerifiedChains) > 0 {
				name = info.State.VerifiedChains[0][0].URIs[0].String()
			}
			e.proven <- name
			return handle(ctx, req)
		}))
	healthpb.RegisterHealthServer(g, e.health)
	go func() { _ = g.Serve(l) }() // it ends when the server stops
	t.Cleanup(g.Stop)
	e.address = l.Addr().String()
	return e
}

// call makes one call on a connection of its own.
func (e *endpoint) call(t *testing.T, files client.TLSFiles) error {
	t.Helper()
	config, err := files.Config()
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(e.address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // the call is over
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, errors.New("no answer"))
	defer cancel()
	_, err = healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	return err
}

func TestClientCertificates(t *testing.T) {
	ca, clients, strange := certs.NewCA(t, "servers"), certs.NewCA(t, "clients"), certs.NewCA(t, "strange")
	server := ca.Server(t)
	e := newEndpoint(t, transport.Files{Cert: server.Cert, Key: server.Key, ClientCA: clients.File})
	of := func(p certs.Pair) client.TLSFiles { return client.TLSFiles{CA: ca.File, Cert: p.Cert, Key: p.Key} }
	if err := e.call(t, of(clients.Client(t, "spiffe://example.com/ci"))); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	if name := <-e.proven; name != "spiffe://example.com/ci" {
		t.Errorf("the certificate proves %q", name)
	}
	if err := e.call(t, client.TLSFiles{CA: ca.File}); err != nil {
		t.Errorf("without a certificate, which a token may replace: %v", err)
	}
	if name := <-e.proven; name != "" {
		t.Errorf("no certificate proves %q", name)
	}
	expired := clients.Issue(t, x509.Certificate{NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
	for name, files := range map[string]client.TLSFiles{
		"expired": of(expired), "of another CA": of(strange.Client(t, "spiffe://example.com/ci")), "server of another CA": {CA: strange.File}, "server of no CA of the system": {},
	} {
		if err := e.call(t, files); err == nil {
			t.Errorf("%s: the call was served", name)
		}
	}
}

func TestOldVersionsOfTLS(t *testing.T) {
	ca := certs.NewCA(t, "servers")
	server := ca.Server(t)
	for _, tt := range []struct {
		min, client uint16
		served      bool
	}{{0, tls.VersionTLS12, false}, {0, tls.VersionTLS13, true}, {tls.VersionTLS12, tls.VersionTLS12, true}, {tls.VersionTLS12, tls.VersionTLS11, false}} {
		e := newEndpoint(t, transport.Files{Cert: server.Cert, Key: server.Key, MinVersion: tt.min})
		config, err := client.TLSFiles{CA: ca.File}.Config()
		if err != nil {
			t.Fatal(err)
		}
		config.MinVersion, config.MaxVersion, config.NextProtos = tls.VersionTLS10, tt.client, []string{"h2"}
		conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", e.address)
		if (err == nil) != tt.served {
			t.Errorf("at least %s, client of %s: %v", tls.VersionName(tt.min), tls.VersionName(tt.client), err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}

// TestRotation replaces certificate and CA of clients while calls are made, on connections that last and on
// new ones. Broken files come in between. No call fails.
func TestRotation(t *testing.T) {
	ca, clients := certs.NewCA(t, "servers"), certs.NewCA(t, "clients")
	server := ca.Server(t)
	e := newEndpoint(t, transport.Files{Cert: server.Cert, Key: server.Key, ClientCA: clients.File})
	own := clients.Client(t, "spiffe://example.com/ci")
	files := client.TLSFiles{CA: ca.File, Cert: own.Cert, Key: own.Key}
	config, err := files.Config()
	if err != nil {
		t.Fatal(err)
	}
	lasting, err := grpc.NewClient(e.address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lasting.Close() }() // the calls are over
	done := make(chan struct{})
	go func() {
		for range e.proven {
		}
	}()
	var calls sync.WaitGroup
	var made [2]int
	for n, call := range []func() error{
		func() error { return e.call(t, files) },
		func() error {
			_, err := healthpb.NewHealthClient(lasting).Check(t.Context(), &healthpb.HealthCheckRequest{})
			return err
		},
	} {
		calls.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := call(); err != nil {
					t.Errorf("a call during the rotation: %v", err)
					return
				}
				made[n]++
			}
		})
	}
	first := served(t, e.address, files)
	for range 20 {
		next := ca.Server(t)
		if err := os.Rename(next.Cert, server.Cert); err != nil {
			t.Fatal(err)
		}
		e.certificates.Reload() // the key does not fit yet
		if !e.certificates.Failed() {
			t.Fatal("a certificate with the key of another one was taken up")
		}
		if err := os.Rename(next.Key, server.Key); err != nil {
			t.Fatal(err)
		}
		e.certificates.Reload()
		if e.certificates.Failed() {
			t.Fatalf("the new certificate was not taken up:\n%s", e.log)
		}
		second := served(t, e.address, files)
		if second == first {
			t.Fatal("new connections get the old certificate")
		}
		first = second
	}
	for name, text := range map[string]string{"garbage": "garbage", "nothing": "", "the wrong kind": "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"} {
		if err := os.WriteFile(server.Cert, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e.certificates.Reload()
		e.certificates.Reload()
		if !e.certificates.Failed() || served(t, e.address, files) != first {
			t.Errorf("%s: was taken up", name)
		}
	}
	close(done)
	calls.Wait()
	if made[0] == 0 || made[1] == 0 {
		t.Errorf("%v calls were made during the rotation", made)
	}
	if n := strings.Count(e.log.String(), "cannot be used"); n == 0 || strings.Count(e.log.String(), server.Cert) < n {
		t.Errorf("the log does not say which file cannot be used:\n%s", e.log)
	}
}

// served returns the serial number of the certificate that a new connection gets.
func served(t *testing.T, address string, files client.TLSFiles) string {
	t.Helper()
	config, err := files.Config()
	if err != nil {
		t.Fatal(err)
	}
	config.NextProtos, config.ServerName = []string{"h2"}, "localhost"
	raw, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(raw, config)
	defer func() { _ = conn.Close() }() // nothing was said on it
	if err := conn.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func TestLoadRefuses(t *testing.T) {
	ca := certs.NewCA(t, "servers")
	good, other := ca.Server(t), ca.Server(t)
	expired := ca.Issue(t, x509.Certificate{NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
	early := ca.Issue(t, x509.Certificate{NotBefore: time.Now().Add(time.Hour), NotAfter: time.Now().Add(2 * time.Hour)})
	for _, tt := range []struct {
		files transport.Files
		want  string
	}{
		{transport.Files{Cert: good.Cert, Key: other.Key}, "private key does not match"},
		{transport.Files{Cert: good.Key, Key: good.Key}, good.Key},
		{transport.Files{Cert: "nowhere.crt", Key: good.Key}, "nowhere.crt"},
		{transport.Files{Cert: expired.Cert, Key: expired.Key}, "expired on"},
		{transport.Files{Cert: early.Cert, Key: early.Key}, "not valid before"},
		{transport.Files{Cert: good.Cert, Key: good.Key, ClientCA: good.Key}, "there is no certificate in it"},
	} {
		if _, err := transport.LoadCertificates(tt.files, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.files, err, tt.want)
		}
	}
}

// TestWithdrawnCA takes one CA of two out of the file. What its clients have under way ends, they cannot come back, not
// even by resuming a session, and the others go on.
func TestWithdrawnCA(t *testing.T) {
	ca, stays, goes := certs.NewCA(t, "servers"), certs.NewCA(t, "stays"), certs.NewCA(t, "goes")
	server := ca.Server(t)
	both := filepath.Join(t.TempDir(), "clients.crt")
	trust := func(cas ...*certs.CA) {
		t.Helper()
		var text []byte
		for _, one := range cas {
			part, err := os.ReadFile(one.File)
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, part...)
		}
		if err := os.WriteFile(both, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trust(stays, goes)
	e := newEndpoint(t, transport.Files{Cert: server.Cert, Key: server.Key, ClientCA: both})
	watch := func(config *tls.Config) healthpb.Health_WatchClient {
		t.Helper()
		conn, err := grpc.NewClient(e.address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() }) // the calls are over
		stream, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		return stream
	}
	configOf := func(of *certs.CA) *tls.Config {
		t.Helper()
		own := of.Client(t, "spiffe://example.com/ci")
		config, err := client.TLSFiles{CA: ca.File, Cert: own.Cert, Key: own.Key}.Config()
		if err != nil {
			t.Fatal(err)
		}
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		return config
	}
	kept, gone := configOf(stays), configOf(goes)
	going, ending := watch(kept), watch(gone)
	trust(stays)
	e.certificates.Reload()
	if _, err := ending.Recv(); err == nil {
		t.Error("a watch goes on whose CA is trusted no more")
	}
	if !strings.Contains(e.log.String(), "connections=1") {
		t.Errorf("the log does not say what was ended:\n%s", e.log)
	}
	for name, tt := range map[string]struct {
		config *tls.Config
		served bool
	}{"trusted": {kept, true}, "not any more": {gone, false}} {
		conn, err := grpc.NewClient(e.address, grpc.WithTransportCredentials(credentials.NewTLS(tt.config)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); (err == nil) != tt.served {
			t.Errorf("%s: %v", name, err)
		}
		_ = conn.Close() // the call is over
	}
	e.health.Shutdown() // is news to whoever still watches
	if _, err := going.Recv(); err != nil {
		t.Errorf("a watch of the CA that stays: %v", err)
	}
}

package notifier_test

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stokerd/stoker/internal/notification"
)

// firstConn is a listener whose first connection can die: from then on nothing comes through, and no end is told.
type firstConn struct {
	net.Listener
	accepted atomic.Int64
	dead     atomic.Bool
}

func (l *firstConn) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil || l.accepted.Add(1) > 1 {
		return conn, err
	}
	return &mortalConn{Conn: conn, dead: &l.dead, closed: make(chan struct{})}, nil
}

type mortalConn struct {
	net.Conn
	dead   *atomic.Bool
	once   sync.Once
	closed chan struct{}
}

func (c *mortalConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.dead.Load() {
		<-c.closed
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *mortalConn) Write(p []byte) (int, error) {
	if c.dead.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *mortalConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// A connection by HTTP/2 that has died costs one attempt, and not all of those that follow.
func TestDeadConnection(t *testing.T) {
	if testing.Short() {
		t.Skip("an attempt over a dead connection takes ten seconds")
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	listener := &firstConn{Listener: server.Listener}
	server.Listener, server.EnableHTTP2 = listener, true
	server.StartTLS()
	defer server.Close()
	trust(t, server.Certificate())
	n, e := newSender(), notification.Endpoint{Name: "e", URL: server.URL, AllowPrivate: true}
	if a := n.Test(t.Context(), e); !a.Delivered() {
		t.Fatal(a.Problem)
	}
	listener.dead.Store(true)
	if a := n.Test(t.Context(), e); a.Delivered() {
		t.Fatal("delivered over a dead connection")
	}
	if a := n.Test(t.Context(), e); !a.Delivered() || listener.accepted.Load() != 2 {
		t.Errorf("the attempt after that: %q, after %d connections", a.Problem, listener.accepted.Load())
	}
}

// trust has this process trust a certificate. No other test of this package looks for the system's.
func trust(t *testing.T, c *x509.Certificate) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", file)
}

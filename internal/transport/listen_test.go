package transport_test

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stokerd/stoker/internal/transport"
)

func mustListen(t *testing.T, address string, limits transport.Limits, onRefuse func()) net.Listener {
	t.Helper()
	l, err := transport.Listen(t.Context(), address, limits, onRefuse)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // it may be closed
	return l
}

func mustConnect(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // it may be closed
	return conn
}

func TestUnixSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "stoker.sock")
	l := mustListen(t, "unix://"+path, transport.Limits{}, nil)
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Fatalf("the socket is %v, %v; want mode 0600", info.Mode(), err)
	}
	if transport.Name(l) != "unix://"+path {
		t.Errorf("the listener is called %s", transport.Name(l))
	}
	mustConnect(t, l) // the system accepts it
	if _, err := l.Accept(); err != nil {
		t.Fatal(err)
	}
	if _, err := transport.Listen(t.Context(), "unix://"+path, transport.Limits{}, nil); err == nil || !strings.Contains(err.Error(), "already in use") {
		t.Errorf("a second listener: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Who connects to a Unix socket may give its own end any name. None of them counts as an IP address.
func TestNamesOfUnixSockets(t *testing.T) {
	t.Chdir(t.TempDir())
	l := mustListen(t, "unix://stoker.sock", transport.Limits{}, nil)
	for _, name := range []string{"", "10.1.2.3:80", "@10.1.2.3:80"} {
		dialer := net.Dialer{}
		if name != "" {
			dialer.LocalAddr = &net.UnixAddr{Name: name, Net: "unix"}
		}
		other, err := dialer.DialContext(t.Context(), "unix", "stoker.sock")
		if err != nil {
			t.Fatal(err)
		}
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if a := conn.RemoteAddr(); a.Network() != "unix" || a.String() != "" {
			t.Errorf("%q: the other end is %s %q", name, a.Network(), a)
		}
		_, _ = other.Close(), conn.Close() // nothing was said
	}
}

// A process that died has left its socket.
func TestStaleUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	mustListen(t, "unix://"+path, transport.Limits{}, nil)

	file := filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(file, []byte("needed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := transport.Listen(t.Context(), "unix://"+file, transport.Limits{}, nil); err == nil {
		t.Error("a file that is no socket was replaced")
	}
}

// A process that has more connections to accept than fit its queue is alive, and keeps its socket.
func TestBusyUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.sock")
	busy, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(busy) }() // nothing was said
	if err := errors.Join(syscall.Bind(busy, &syscall.SockaddrUnix{Name: path}), syscall.Listen(busy, 0)); err != nil {
		t.Fatal(err)
	}
	for range 10 { // the queue has room for one or two
		if conn, err := new(net.Dialer).DialContext(t.Context(), "unix", path); err == nil {
			defer func() { _ = conn.Close() }() // nothing was said
		}
	}
	if _, err := transport.Listen(t.Context(), "unix://"+path, transport.Limits{}, nil); err == nil {
		t.Error("the socket of a process that is alive was replaced")
	}
}

// Connections beyond the limits are closed at once, and room is made by those that end.
func TestConnectionLimits(t *testing.T) {
	for name, limits := range map[string]transport.Limits{"in all": {Connections: 2}, "per address": {ConnectionsPerAddress: 2}} {
		t.Run(name, func(t *testing.T) {
			refused := make(chan struct{}, 1)
			l := mustListen(t, "127.0.0.1:0", limits, func() { refused <- struct{}{} })
			accepted := make(chan net.Conn)
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					accepted <- conn
				}
			}()
			mustConnect(t, l)
			first := <-accepted
			mustConnect(t, l)
			<-accepted
			third := mustConnect(t, l)
			<-refused
			if _, err := third.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
				t.Errorf("the connection beyond the limit reads %v, want its end", err)
			}
			_, _ = first.Close(), first.Close() // the second Close makes no more room
			mustConnect(t, l)
			<-accepted
			mustConnect(t, l)
			<-refused
		})
	}
}

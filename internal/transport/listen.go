package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/stokerd/stoker/internal/access"
)

// Limits bound the connections of one listener, before anybody is known.
type Limits struct {
	// Connections is how many connections there may be at a time. Default 10,000.
	Connections int
	// ConnectionsPerAddress is how many of them one IP address may have. Default 2,000. It does not hold for
	// Unix sockets. All addresses of one IPv6 network are one.
	ConnectionsPerAddress int
	// HandshakesPerSecond is how many new connections one IP address may make in a second and, after a pause,
	// ConnectionsPerAddress at once. 0: any number. It is for listeners with TLS, where nobody is known before
	// a handshake, and each costs a millisecond.
	HandshakesPerSecond int
}

// DefaultHandshakes is how many handshakes a second one address may make, unless the configuration says otherwise.
const DefaultHandshakes = 100

// WithDefaults returns the limits with defaults for those that are 0.
func (l Limits) WithDefaults() Limits {
	l.Connections = cmp.Or(l.Connections, 10_000)
	l.ConnectionsPerAddress = cmp.Or(l.ConnectionsPerAddress, 2_000)
	return l
}

// Listen listens on host:port, or on a Unix socket (unix:///path) that only the user of this process may
// connect to. onRefuse is called for each connection that is closed because there are too many.
func Listen(ctx context.Context, address string, limits Limits, onRefuse func()) (net.Listener, error) {
	var l net.Listener
	var err error
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		l, err = listenUnix(ctx, path)
	} else {
		l, err = new(net.ListenConfig).Listen(ctx, "tcp", address)
	}
	if err != nil {
		return nil, err
	}
	return &boundedListener{Listener: l, limits: limits.WithDefaults(), onRefuse: onRefuse, addresses: map[string]*addressUse{}}, nil
}

// boundedListener closes connections beyond its limits as soon as they arrive.
type boundedListener struct {
	net.Listener
	limits   Limits
	onRefuse func()

	mu        sync.Mutex
	all       int
	addresses map[string]*addressUse
	tidied    time.Time // when addresses without connections were last removed
}

// addressUse is what one address does.
type addressUse struct {
	connections int
	handshakes  *rate.Limiter // nil: any number
	frames      frameBudget
}

// idle reports whether it makes no difference if the address is forgotten.
func (u *addressUse) idle(now time.Time) bool {
	return u.connections == 0 && u.frames.full(now) && (u.handshakes == nil || u.handshakes.TokensAt(now) >= float64(u.handshakes.Burst()))
}

// tidyInterval is the time between two searches for addresses that have had no connection for a while.
const tidyInterval = time.Minute

// Accept returns the next connection within the limits.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := host(conn.RemoteAddr())
		if frames, ok := l.take(address); ok {
			return &boundedConn{Conn: conn, frames: frames, after: []func(){func() { l.giveBack(address) }}}, nil
		}
		_ = conn.Close() // nothing was said on it
		l.onRefuse()
	}
}

// take counts a new connection. It reports whether the limits allow it, and returns how many frames it may send
// together with the others of its address.
func (l *boundedListener) take(address string) (frames frameBudget, ok bool) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.limits.Connections {
		return frameBudget{}, false
	}
	if address != "" {
		use := l.use(address, now)
		if use.connections >= l.limits.ConnectionsPerAddress || use.handshakes != nil && !use.handshakes.AllowN(now, 1) {
			return frameBudget{}, false
		}
		use.connections++
		frames = use.frames
	}
	l.all++
	return frames, true
}

// use returns what an address does. l.mu has to be held.
func (l *boundedListener) use(address string, now time.Time) *addressUse {
	if now.Sub(l.tidied) >= tidyInterval {
		l.tidied = now
		for address, use := range l.addresses {
			if use.idle(now) {
				delete(l.addresses, address)
			}
		}
	}
	use := l.addresses[address]
	if use == nil {
		use = &addressUse{frames: newFrameBudget()}
		if l.limits.HandshakesPerSecond > 0 {
			use.handshakes = rate.NewLimiter(rate.Limit(l.limits.HandshakesPerSecond), l.limits.ConnectionsPerAddress)
		}
		l.addresses[address] = use
	}
	return use
}

func (l *boundedListener) giveBack(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if address != "" {
		l.addresses[address].connections--
	}
}

// boundedConn makes room for another connection when it is closed.
type boundedConn struct {
	net.Conn
	frames frameBudget // of its address

	mu     sync.Mutex
	closed bool
	after  []func() // to be called, once, when it is closed
}

// afterClose has f called when the connection is closed: at once if it is.
func (c *boundedConn) afterClose(f func()) {
	c.mu.Lock()
	closed := c.closed
	if !closed {
		c.after = append(c.after, f)
	}
	c.mu.Unlock()
	if closed {
		f()
	}
}

func (c *boundedConn) Close() error {
	c.mu.Lock()
	after := c.after
	c.closed, c.after = true, nil
	c.mu.Unlock()
	err := c.Conn.Close()
	for _, f := range after {
		f()
	}
	return err
}

// RemoteAddr returns the address of the other end, as a [Peer]. The other end of a Unix socket may have any name, also
// one that looks like an IP address: it counts as none.
func (c *boundedConn) RemoteAddr() net.Addr {
	address := c.Conn.RemoteAddr()
	if address.Network() == "unix" {
		address = &net.UnixAddr{Net: "unix"}
	}
	return Peer{address, c}
}

// Peer is the address of the other end of a connection, and can end the connection.
type Peer struct {
	net.Addr
	conn net.Conn
}

// Disconnect closes the connection. Calls on it end.
func (p Peer) Disconnect() { _ = p.conn.Close() } // the other end is not told more

// host returns what counts as the IP address of a peer; empty for a Unix socket.
func host(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return access.Network(tcp.IP.String()).String()
	}
	return ""
}

// errInUse says that another process listens on a Unix socket.
var errInUse = errors.New("address already in use: another process listens on this socket")

// listenUnix listens on a Unix socket of mode 0600, whatever the umask. The socket of a process that has
// died is replaced.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("%s is there already, and is not a socket", path)
	default:
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err == nil {
			_ = conn.Close() // nothing was said on it
		}
		if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, fs.ErrNotExist) { // such as when the other process has too many connections to accept
			return nil, errInUse
		}
	}
	// In a directory that nobody else may enter, nobody can connect before the mode is set.
	private, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(private) }() // it is empty, or of no use
	hidden := filepath.Join(private, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // the name of then is gone
	if err := errors.Join(os.Chmod(hidden, 0o600), os.Rename(hidden, path)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &unixListener{Listener: l, path: path}, nil
}

// unixListener removes its socket when it is closed.
type unixListener struct {
	net.Listener
	path string
	once sync.Once
}

func (l *unixListener) Close() error {
	err := l.Listener.Close()
	l.once.Do(func() { _ = os.Remove(l.path) }) // somebody may have removed it
	return err
}

// Addr returns the address of the socket's final name.
func (l *unixListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Name returns the address of a listener as clients give it: host:port, or unix:///path.
func Name(l net.Listener) string {
	if a := l.Addr(); a.Network() == "unix" {
		return "unix://" + a.String()
	}
	return l.Addr().String()
}

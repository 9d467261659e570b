// Package relay is a relay of TCP connections between a program and a server, for tests. It cuts connections, and
// makes a network that passes nothing on.
package relay

import (
	"net"
	"sync"
	"testing"
)

// Relay passes on what comes to Address. Its methods may be called at any time.
type Relay struct {
	Address string // 127.0.0.1:PORT

	target   string
	listener net.Listener

	mu      sync.Mutex
	resumed sync.Cond
	conns   map[net.Conn]bool
	refuses bool
	frozen  bool
	drops   func(fromServer bool, data []byte) bool
	freezes func(fromServer bool, data []byte) bool
	closed  bool
}

// Start starts a relay to the server at target. It ends with the test.
func Start(t testing.TB, target string) *Relay {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Address: l.Addr().String(), target: target, listener: l, conns: map[net.Conn]bool{}}
	r.resumed.L = &r.mu
	go r.serve()
	t.Cleanup(func() {
		_ = l.Close()
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		r.Thaw()
		r.Cut()
	})
	return r
}

func (r *Relay) serve() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		go r.pass(client)
	}
}

// pass passes one connection on until either end is closed.
func (r *Relay) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	if !r.register(client) {
		return
	}
	server, err := net.Dial("tcp", r.target) //nolint:noctx // it ends with its connection
	if err != nil {
		r.forget(client)
		return
	}
	defer func() { _ = server.Close() }()
	if !r.register(server) {
		r.forget(client)
		return
	}
	var both sync.WaitGroup
	both.Go(func() { r.copy(server, client, false) })
	both.Go(func() { r.copy(client, server, true) })
	both.Wait()
	r.forget(client)
	r.forget(server)
}

// copy passes on what one end sends, and closes both when that ends.
func (r *Relay) copy(to, from net.Conn, fromServer bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !r.mayPass(fromServer, buffer[:n]) {
			return
		}
		if _, writeErr := to.Write(buffer[:n]); err != nil || writeErr != nil {
			return
		}
	}
}

// mayPass waits while nothing is passed on. It returns false if the connection is to be cut.
func (r *Relay) mayPass(fromServer bool, data []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.frozen && !r.closed {
		r.resumed.Wait()
	}
	if r.freezes != nil && r.freezes(fromServer, data) {
		r.frozen, r.freezes = true, nil
	}
	return r.drops == nil || !r.drops(fromServer, data)
}

func (r *Relay) register(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuses || r.closed {
		return false
	}
	r.conns[c] = true
	return true
}

func (r *Relay) forget(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

// Cut cuts all connections that there are.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		_ = c.Close()
	}
}

// Refuse has further connections be closed at once, or no longer.
func (r *Relay) Refuse(refuse bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuses = refuse
}

// CutWhen has a connection be cut in place of passing on data for which drops returns true: of the server, or of
// the program. Nil: none is.
func (r *Relay) CutWhen(drops func(fromServer bool, data []byte) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drops = drops
}

// Freeze has nothing be passed on until [Relay.Thaw]. Connections stay, and new ones are taken.
func (r *Relay) Freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frozen = true
}

// FreezeAfter has nothing be passed on from when data was passed on for which freezes returns true: of the server, or
// of the program.
func (r *Relay) FreezeAfter(freezes func(fromServer bool, data []byte) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.freezes = freezes
}

// Thaw ends [Relay.Freeze] and [Relay.FreezeAfter].
func (r *Relay) Thaw() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frozen, r.freezes = false, nil
	r.resumed.Broadcast()
}

package e2e

import (
	"net"
	"sync"
	"testing"
)

// gate is a proxy between clients and a service, also after the service was started again. It stops
// relaying after a number of bytes from clients, so that the test can do something to either side.
type gate struct {
	service  *service
	listener net.Listener

	mu      sync.Mutex
	left    int             // bytes until it shuts
	reached chan struct{}   // closed when it shuts; nil while it is to stay open
	shut    chan struct{}   // closed when it opens; nil while it is open
	conns   []net.Conn      // to be closed at the end
	copying []chan struct{} // closed when a copy has ended
}

// newGate opens a gate to s.
func newGate(t *testing.T, s *service) *gate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{service: s, listener: listener}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed at the end of the test
			}
			g.join(conn)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-accepting
		g.open()
		for _, conn := range g.conns {
			_ = conn.Close() // most have been closed by one of their ends
		}
		for _, copying := range g.copying {
			<-copying
		}
	})
	return g
}

func (g *gate) address() string { return g.listener.Addr().String() }

// join connects a client with the service, or closes the client's connection if the service is down.
func (g *gate) join(client net.Conn) {
	server, err := net.Dial("tcp", g.service.address)
	if err != nil {
		_ = client.Close() // it will try again
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.conns = append(g.conns, client, server)
	for _, way := range []struct {
		from, to net.Conn
		gated    bool
	}{{client, server, true}, {server, client, false}} {
		done := make(chan struct{})
		g.copying = append(g.copying, done)
		go func() {
			defer close(done)
			g.copy(way.from, way.to, way.gated)
		}()
	}
}

// copy relays the bytes of one side until either side closes. If gated, they have to pass the gate.
func (g *gate) copy(from, to net.Conn, gated bool) {
	defer func() { // the other way ends too
		_ = from.Close()
		_ = to.Close()
	}()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if gated {
			g.pass(n)
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// pass counts bytes and waits while the gate is shut.
func (g *gate) pass(n int) {
	g.mu.Lock()
	g.left -= n
	if g.reached != nil && g.left <= 0 {
		close(g.reached)
		g.reached, g.shut = nil, make(chan struct{})
	}
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		<-shut
	}
}

// after makes the gate shut after so many more bytes, and returns a channel that is closed then.
func (g *gate) after(bytes int) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left, g.reached = bytes, make(chan struct{})
	return g.reached
}

// open lets everything pass again.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

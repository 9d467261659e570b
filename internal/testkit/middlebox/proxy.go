package middlebox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Call is one call on its way through a [Proxy].
type Call struct {
	Method string // for example "/stoker.v1.BatchService/SubmitBatch"
	Number int    // of the method: 0 for the first call
}

// Proxy relays connections to a server. Dial has to be set.
type Proxy struct {
	// Dial connects to the server. If it fails, the proxy closes the client's connection.
	Dial func() (net.Conn, error)
	// Plan returns the fault for a call; nil to pass the call on. Plan is called for one call after the
	// other. Without Plan all calls are passed on.
	Plan func(Call) *Fault

	mu    sync.Mutex
	calls map[string]int
	conns []net.Conn
	done  bool
	open  sync.WaitGroup
}

// Serve relays the connections to l until l is closed.
func (p *Proxy) Serve(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		p.open.Go(func() { p.pass(client) })
	}
}

// Close closes all connections and waits for their goroutines. The listener has to be closed before.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.done = true
	for _, c := range p.conns {
		_ = c.Close() // it may be closed
	}
	p.mu.Unlock()
	p.open.Wait()
}

// Calls returns how many calls of a method there were, broken ones included.
func (p *Proxy) Calls(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[method]
}

// register notes a connection for [Proxy.Close] to close. It returns false after Close: then the caller
// closes the connection.
func (p *Proxy) register(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
	return !p.done
}

// plan returns the fault for the next call of a method.
func (p *Proxy) plan(method string) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		p.calls = map[string]int{}
	}
	call := Call{Method: method, Number: p.calls[method]}
	p.calls[method]++
	if p.Plan == nil {
		return nil
	}
	return p.Plan(call)
}

// pass relays one connection until it ends.
func (p *Proxy) pass(client net.Conn) {
	defer func() { _ = client.Close() }() // the other side may have closed it
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(client, preface); err != nil || !p.register(client) {
		return
	}
	server, err := p.Dial()
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	if _, err := server.Write(preface); err != nil || !p.register(server) {
		return
	}
	c := &connection{proxy: p, client: newSide(client), server: newSide(server), streams: map[uint32]*stream{}}
	var both sync.WaitGroup
	both.Go(func() { c.relay(c.client, c.server, c.fromClient) })
	both.Go(func() { c.relay(c.server, c.client, c.fromServer) })
	both.Wait()
}

// side is one end of a connection. Several goroutines write to it.
type side struct {
	conn net.Conn
	*http2.Framer

	mu      sync.Mutex // held while a frame is written
	encoder *hpack.Encoder
	block   bytes.Buffer // what encoder has encoded
}

func newSide(conn net.Conn) *side {
	s := &side{conn: conn, Framer: http2.NewFramer(conn, conn)}
	s.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	s.MaxHeaderListSize = 1 << 20
	s.encoder = hpack.NewEncoder(&s.block)
	return s
}

// headers writes a HEADERS frame, and CONTINUATION frames if the fields do not fit one. The caller holds
// s.mu.
func (s *side) headers(id uint32, fields []hpack.HeaderField, end bool) error {
	s.block.Reset()
	for _, f := range fields {
		if err := s.encoder.WriteField(f); err != nil {
			return err
		}
	}
	rest, last := s.block.Bytes(), false
	for first := true; !last; first = false {
		n := min(len(rest), 16_384)
		last = n == len(rest)
		var err error
		if first {
			err = s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: rest[:n], EndStream: end, EndHeaders: last})
		} else {
			err = s.WriteContinuation(id, last, rest[:n])
		}
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// do calls write with the lock held.
func (s *side) do(write func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return write()
}

// connection is a client's connection and the proxy's own connection to the server for it.
type connection struct {
	proxy          *Proxy
	client, server *side

	mu      sync.Mutex
	streams map[uint32]*stream
}

// stream is one call.
type stream struct {
	id     uint32
	fault  *Fault // nil: the call is passed on
	broken bool   // the fault has happened: nothing more is passed on
	opened bool   // the headers of an answer have been sent to the client
	sent   int    // DATA frames that have been sent to the client
}

func (c *connection) findStream(id uint32) *stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.streams[id]
}

// relay copies frames from one side to the other, except those that handle keeps. It ends when either side
// fails, and closes both.
func (c *connection) relay(from, to *side, handle func(http2.Frame) (bool, error)) {
	defer func() {
		_ = from.conn.Close()
		_ = to.conn.Close()
	}()
	for {
		f, err := from.ReadFrame()
		if err != nil {
			return
		}
		if ping, ok := f.(*http2.PingFrame); ok { // the proxy answers PINGs itself
			if !ping.IsAck() {
				err = from.do(func() error { return from.WritePing(true, ping.Data) })
			}
			if err != nil {
				return
			}
			continue
		}
		kept, err := handle(f)
		if err != nil {
			return
		}
		if kept {
			if d, ok := f.(*http2.DataFrame); ok && len(d.Data()) > 0 {
				// The sender counts the frame against the connection's window. The other side, which does not
				// get the frame, will not reopen the window.
				err = from.do(func() error { return from.WriteWindowUpdate(0, uint32(len(d.Data()))) })
			}
		} else {
			err = to.do(func() error { return to.forward(f) })
		}
		if err != nil {
			return
		}
	}
}

var errFrame = errors.New("unexpected frame")

// forward writes a frame that came from the other side. The caller holds s.mu.
func (s *side) forward(f http2.Frame) error {
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		return s.headers(f.StreamID, f.Fields, f.StreamEnded())
	case *http2.DataFrame:
		return s.WriteData(f.StreamID, f.StreamEnded(), f.Data())
	case *http2.RSTStreamFrame:
		return s.WriteRSTStream(f.StreamID, f.ErrCode)
	case *http2.WindowUpdateFrame:
		return s.WriteWindowUpdate(f.StreamID, f.Increment)
	case *http2.GoAwayFrame:
		return s.WriteGoAway(f.LastStreamID, f.ErrCode, f.DebugData())
	case *http2.SettingsFrame:
		if f.IsAck() {
			return s.WriteSettingsAck()
		}
		var all []http2.Setting
		_ = f.ForeachSetting(func(one http2.Setting) error { // never fails
			all = append(all, one)
			return nil
		})
		return s.WriteSettings(slices.Clip(all)...)
	case *http2.PriorityFrame, *http2.UnknownFrame:
		return nil
	}
	return fmt.Errorf("%w: %T", errFrame, f)
}

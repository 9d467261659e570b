package attack

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// session is an HTTP/2 connection that does what no client does.
type session struct {
	net.Conn
	framer *http2.Framer
	closed chan struct{} // when the service has closed the connection

	mu      sync.Mutex
	changed *sync.Cond
	windows map[uint32]int // what may be sent on each stream; 0 is the connection
	dead    bool
	next    uint32
}

// openSession connects, and reads what the service sends. With deaf it reads nothing.
func openSession(t *testing.T, address string, deaf bool, settings ...http2.Setting) *session {
	t.Helper()
	s := &session{Conn: dial(t, address), closed: make(chan struct{}), windows: map[uint32]int{0: 65_535}, next: 1}
	s.changed = sync.NewCond(&s.mu)
	s.framer = http2.NewFramer(s.Conn, s.Conn)
	s.framer.AllowIllegalWrites = true
	if _, err := s.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	if err := s.framer.WriteSettings(settings...); err != nil {
		t.Fatal(err)
	}
	if !deaf {
		go s.read()
	}
	return s
}

// read notes window updates until the connection ends.
func (s *session) read() {
	defer func() {
		s.mu.Lock()
		s.dead = true
		s.changed.Broadcast()
		s.mu.Unlock()
		close(s.closed)
	}()
	for {
		f, err := s.framer.ReadFrame()
		if err != nil {
			return
		}
		s.mu.Lock()
		switch f := f.(type) {
		case *http2.WindowUpdateFrame:
			if f.StreamID == 0 {
				s.windows[0] += int(f.Increment)
			} else if _, open := s.windows[f.StreamID]; open {
				s.windows[f.StreamID] += int(f.Increment)
			}
			s.changed.Broadcast()
		case *http2.RSTStreamFrame:
			delete(s.windows, f.StreamID)
			s.changed.Broadcast()
		case *http2.HeadersFrame:
			if f.StreamEnded() {
				delete(s.windows, f.StreamID)
				s.changed.Broadcast()
			}
		}
		s.mu.Unlock()
	}
}

// call sends the headers of a call and returns its stream.
func (s *session) call(method string, more ...hpack.HeaderField) (uint32, error) {
	return s.callAt("stoker", method, more...)
}

// callAt is call for a server of a name.
func (s *session) callAt(name, method string, more ...hpack.HeaderField) (uint32, error) {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	fields := append([]hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: method},
		{Name: ":authority", Value: name},
		{Name: "content-type", Value: "application/grpc"},
		{Name: "te", Value: "trailers"},
	}, more...)
	for _, f := range fields {
		f.Sensitive = true // no entry in the table, so that blocks do not depend on each other
		if err := e.WriteField(f); err != nil {
			return 0, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.next
	s.next += 2
	s.windows[id] = 65_535
	return id, s.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true})
}

// send sends data on a stream as the windows allow, until the stream has ended.
func (s *session) send(stream uint32, data []byte, end bool) error {
	for {
		s.mu.Lock()
		window, open := s.windows[stream]
		for open && !s.dead && len(data) > 0 && min(window, s.windows[0]) <= 0 {
			s.changed.Wait()
			window, open = s.windows[stream]
		}
		if s.dead || !open {
			s.mu.Unlock()
			return io.ErrClosedPipe
		}
		n := min(len(data), window, s.windows[0], 16<<10)
		s.windows[stream] -= n
		s.windows[0] -= n
		err := s.framer.WriteData(stream, end && n == len(data), data[:n])
		s.mu.Unlock()
		if data = data[n:]; err != nil || len(data) == 0 {
			return err
		}
	}
}

// head is what goes before a message of so many bytes.
func head(length int) []byte {
	return binary.BigEndian.AppendUint32([]byte{0}, uint32(length))
}

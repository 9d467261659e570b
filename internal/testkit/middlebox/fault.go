package middlebox

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Moment is when the proxy breaks a call.
type Moment int

// The moments.
const (
	// Instead breaks the call when the client has sent its whole request. The server gets nothing of it.
	Instead Moment = iota
	// Afterwards breaks the call when the server has sent its whole answer. Nothing of the answer reaches
	// the client.
	Afterwards
	// Midway breaks the call after the first DATA frame of the answer, when the server sends more.
	Midway
)

// Fault is when and how a call is broken.
type Fault struct {
	Moment Moment
	Way    Way
}

// Way is what the client gets of a broken call.
type Way struct {
	// Name describes the way in the names of tests.
	Name string

	write func(c *connection, s *stream) error
}

// errCut makes the proxy close both connections.
var errCut = errors.New("the connection is cut")

// Reset ends the call with RST_STREAM and a code.
func Reset(code http2.ErrCode) Way {
	return Way{"RST_STREAM " + code.String(), func(c *connection, s *stream) error {
		return c.client.WriteRSTStream(s.id, code)
	}}
}

// GoAway sends GOAWAY with a code, and then closes the connection.
func GoAway(code http2.ErrCode) Way {
	return Way{"GOAWAY " + code.String(), func(c *connection, s *stream) error {
		if err := c.client.WriteGoAway(s.id, code, []byte("going away")); err != nil {
			return err
		}
		return errCut
	}}
}

// Cut closes the connection without sending a frame.
func Cut() Way {
	return Way{"a cut connection", func(*connection, *stream) error { return errCut }}
}

// Silence sends nothing more of the call, and keeps the connection open.
func Silence() Way {
	return Way{"silence", func(*connection, *stream) error { return nil }}
}

// HalfFrame closes the connection in the middle of a frame, which is also the middle of a message.
func HalfFrame() Way {
	return Way{"a connection cut in a frame", func(c *connection, s *stream) error {
		if err := c.open(s); err != nil {
			return err
		}
		frame := binary.BigEndian.AppendUint32([]byte{0, 4, 0, byte(http2.FrameData), 0}, s.id) // the header of a frame of 1 KiB
		if _, err := c.client.conn.Write(append(frame, half...)); err != nil {
			return err
		}
		return errCut
	}}
}

// half is the first bytes of a message of 1,000 bytes.
var half = append([]byte{0, 0, 0, 3, 232}, "only this"...)

// HalfMessage sends the first bytes of a message, and ends the answer without trailers.
func HalfMessage() Way {
	return Way{"half a message", func(c *connection, s *stream) error {
		if err := c.open(s); err != nil {
			return err
		}
		return c.client.WriteData(s.id, true, half)
	}}
}

// HalfMessageOK sends the first bytes of a message, and then trailers with the status OK.
func HalfMessageOK() Way {
	return Way{"half a message, and OK", func(c *connection, s *stream) error {
		if err := c.open(s); err != nil {
			return err
		}
		if err := c.client.WriteData(s.id, false, half); err != nil {
			return err
		}
		return c.client.headers(s.id, []hpack.HeaderField{{Name: "grpc-status", Value: "0"}}, true)
	}}
}

// NoTrailers ends the answer without trailers.
func NoTrailers() Way {
	return Way{"no trailers", func(c *connection, s *stream) error {
		if err := c.open(s); err != nil {
			return err
		}
		return c.client.WriteData(s.id, true, nil)
	}}
}

// Page sends an HTML page with an HTTP status. If the client has got headers of the answer already, it is
// [Reset] with INTERNAL_ERROR instead, as proxies do.
func Page(status int) Way {
	return Way{fmt.Sprintf("a page with %d", status), func(c *connection, s *stream) error {
		if s.opened {
			return c.client.WriteRSTStream(s.id, http2.ErrCodeInternal)
		}
		fields := []hpack.HeaderField{{Name: ":status", Value: fmt.Sprint(status)}, {Name: "content-type", Value: "text/html"}}
		if err := c.client.headers(s.id, fields, false); err != nil {
			return err
		}
		return c.client.WriteData(s.id, true, []byte("<html><body><h1>The server cannot be reached</h1></body></html>"))
	}}
}

// Status ends the call with a gRPC status that the proxy makes itself.
func Status(code int, message string) Way {
	return Way{fmt.Sprintf("gRPC status %d", code), func(c *connection, s *stream) error {
		fields := []hpack.HeaderField{{Name: "grpc-status", Value: fmt.Sprint(code)}, {Name: "grpc-message", Value: message}}
		if !s.opened {
			fields = append([]hpack.HeaderField{{Name: ":status", Value: "200"}, {Name: "content-type", Value: "application/grpc"}}, fields...)
		}
		return c.client.headers(s.id, fields, true)
	}}
}

// open sends the headers of an answer to the client, unless they have been sent.
func (c *connection) open(s *stream) error {
	if s.opened {
		return nil
	}
	s.opened = true
	return c.client.headers(s.id, []hpack.HeaderField{{Name: ":status", Value: "200"}, {Name: "content-type", Value: "application/grpc"}}, false)
}

// fromClient handles a frame from the client. If kept, the server must not get the frame.
func (c *connection) fromClient(f http2.Frame) (kept bool, err error) {
	id := f.Header().StreamID
	if h, ok := f.(*http2.MetaHeadersFrame); ok && c.findStream(id) == nil {
		s := &stream{id: id, fault: c.proxy.plan(h.PseudoValue("path"))}
		c.mu.Lock()
		c.streams[id] = s
		c.mu.Unlock()
	}
	s := c.findStream(id)
	if s == nil {
		return false, nil
	}
	c.mu.Lock()
	broken, instead := s.broken, s.fault != nil && s.fault.Moment == Instead
	c.mu.Unlock()
	if instead && !broken && ends(f) {
		return true, c.breakNow(s)
	}
	return broken || instead, nil
}

// fromServer handles a frame from the server. If kept, the client must not get the frame.
func (c *connection) fromServer(f http2.Frame) (kept bool, err error) {
	s := c.findStream(f.Header().StreamID)
	if s == nil {
		return false, nil
	}
	_, data := f.(*http2.DataFrame)
	_, headers := f.(*http2.MetaHeadersFrame)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.broken:
		return true, nil
	case s.fault == nil:
		return false, nil
	case s.fault.Moment == Afterwards && (headers || data):
		if ends(f) {
			return true, c.breakLocked(s)
		}
		return true, nil
	case s.fault.Moment == Midway && s.sent > 0 && (headers || data):
		err := c.server.do(func() error { return c.server.WriteRSTStream(s.id, http2.ErrCodeCancel) })
		return true, errors.Join(err, c.breakLocked(s))
	}
	s.opened = s.opened || headers
	if data {
		s.sent++
	}
	return false, nil
}

// ends reports whether a frame is the last one that its sender sends in the stream.
func ends(f http2.Frame) bool {
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		return f.StreamEnded()
	case *http2.DataFrame:
		return f.StreamEnded()
	}
	return false
}

func (c *connection) breakNow(s *stream) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.breakLocked(s)
}

// breakLocked breaks a stream by its fault. The caller holds c.mu.
func (c *connection) breakLocked(s *stream) error {
	s.broken = true
	return c.client.do(func() error { return s.fault.Way.write(c, s) })
}

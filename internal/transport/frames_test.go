package transport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// sent is a connection on which a client has sent something.
type sent struct {
	net.Conn
	io.Reader
}

func (s sent) Read(p []byte) (int, error) { return s.Reader.Read(p) }

// received reads what a client of an address sends on a new connection, and returns the error that ends it; nil if
// all of it may arrive.
func received(t *testing.T, address frameBudget, write func(*http2.Framer) error) error {
	t.Helper()
	var data bytes.Buffer
	data.WriteString(http2.ClientPreface)
	if err := write(http2.NewFramer(&data, nil)); err != nil {
		t.Fatal(err)
	}
	_, err := io.Copy(io.Discard, newFrameGuard(sent{Reader: &data}, address))
	return err
}

func resets(n int) func(*http2.Framer) error {
	return func(f *http2.Framer) error {
		for i := range n {
			if err := f.WriteRSTStream(uint32(2*i+1), http2.ErrCodeCancel); err != nil {
				return err
			}
		}
		return nil
	}
}

func pings(n int) func(*http2.Framer) error {
	return func(f *http2.Framer) error {
		for range n {
			if err := f.WritePing(false, [8]byte{}); err != nil {
				return err
			}
		}
		return nil
	}
}

// data writes n frames with so many bytes each.
func data(n, size int) func(*http2.Framer) error {
	return func(f *http2.Framer) error {
		for range n {
			if err := f.WriteData(1, false, make([]byte, size)); err != nil {
				return err
			}
		}
		return nil
	}
}

// Frames without data are bounded for each connection, and for each address: who is cut off does not begin anew by
// connecting anew.
func TestFrames(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		check := func(what string, err, want error) {
			t.Helper()
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		address, other := newFrameBudget(), newFrameBudget()
		check("10,000 resets", received(t, address, resets(resetsAtOnce)), nil)
		check("one more, on another connection", received(t, address, resets(1)), ErrTooManyFrames)
		check("pings of the address", received(t, address, pings(100)), nil)
		check("resets of another address", received(t, other, resets(resetsAtOnce)), nil)
		if address.full(time.Now()) {
			t.Error("an address that has cancelled streams is forgotten")
		}
		time.Sleep(time.Second)
		check("resets of a second later", received(t, address, resets(resetsPerSecond)), nil)
		check("one more", received(t, address, resets(1)), ErrTooManyFrames)

		time.Sleep(time.Minute)
		if !address.full(time.Now()) {
			t.Error("an address is not forgotten after a pause")
		}
		check("too many pings", received(t, address, pings(frameBurst+1)), ErrTooManyFrames)
		for range addressFrames - 1 {
			check("pings on more connections", received(t, address, pings(frameBurst)), nil)
		}
		check("pings beyond those of an address", received(t, address, pings(frameBurst)), ErrTooManyFrames)
		check("frames full of data", received(t, address, data(10, 16<<10)), nil)
		check("data in crumbs", received(t, other, data(frameBurst+1_000, 1)), ErrTooManyFrames)
		check("a Unix socket", received(t, frameBudget{}, resets(resetsAtOnce)), nil)
	})
}

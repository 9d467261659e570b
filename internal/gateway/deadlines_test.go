package gateway

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// pipeListener accepts connections that a test makes.
type pipeListener struct {
	conns chan net.Conn
	close func()
}

func (l *pipeListener) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l *pipeListener) Close() error {
	l.close()
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// converse serves a handler in simulated time and calls f with the client's end of a connection.
func converse(t *testing.T, handler http.HandlerFunc, f func(t *testing.T, client net.Conn)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		listener := &pipeListener{conns: make(chan net.Conn, 1)}
		listener.close = sync.OnceFunc(func() { close(listener.conns) })
		web := &http.Server{Handler: withDeadlines(handler), ReadHeaderTimeout: time.Second}
		served := make(chan error, 1)
		go func() { served <- web.Serve(listener) }()
		client, server := net.Pipe()
		listener.conns <- server
		f(t, client)
		_ = client.Close()
		_ = web.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// A stream on which nothing happens stays open, and its client is told what comes hours later.
func TestQuietStreamStaysOpen(t *testing.T) {
	converse(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for range 3 {
			select {
			case <-time.After(2 * time.Hour):
			case <-r.Context().Done():
				t.Error("the request has ended")
				return
			}
			_, _ = io.WriteString(w, "message\n")
			_ = http.NewResponseController(w).Flush()
		}
	}, func(t *testing.T, client net.Conn) {
		_, err := io.WriteString(client, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(client)
		if err != nil || bytes.Count(text, []byte("message")) != 3 {
			t.Errorf("read %q, %v", text, err)
		}
	})
}

// A client that reads nothing for longer than it may is cut off.
func TestClientThatDoesNotRead(t *testing.T) {
	var failed time.Duration
	converse(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		began := time.Now()
		for time.Since(began) < time.Hour {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				failed = time.Since(began)
				return
			}
		}
	}, func(t *testing.T, client net.Conn) {
		_, err := io.WriteString(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if failed == 0 || failed > stallTimeout {
			t.Errorf("the write failed after %s, want %s", failed, stallTimeout)
		}
	})
}

// A client that sends the next part of its request too late is cut off, one that is merely slow is not.
func TestClientThatDoesNotSend(t *testing.T) {
	for _, tt := range []struct {
		pause time.Duration
		whole bool
	}{{stallTimeout - time.Second, true}, {stallTimeout + time.Second, false}} {
		var got int64
		var failure error
		converse(t, func(_ http.ResponseWriter, r *http.Request) {
			got, failure = io.Copy(io.Discard, r.Body)
		}, func(t *testing.T, client net.Conn) {
			go func() { _, _ = io.Copy(io.Discard, client) }()
			_, _ = io.WriteString(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
			for range 10 {
				time.Sleep(tt.pause)
				_, _ = io.WriteString(client, "ten bytes.") // fails once the server has hung up
			}
			synctest.Wait()
		})
		if whole := failure == nil && got == 100; whole != tt.whole {
			t.Errorf("a byte every %s: read %d bytes, %v", tt.pause, got, failure)
		}
	}
}

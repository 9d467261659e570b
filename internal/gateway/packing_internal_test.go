package gateway

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// packed asks, for somebody elsewhere unless from is empty, a stream of messages, each of which is flushed, and returns
// the answer.
func packed(t *testing.T, accept, media, from string, messages <-chan []byte) (http.Header, io.Reader) {
	t.Helper()
	server := httptest.NewServer(withDeadlines(withPacking(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", media)
		for {
			var m []byte
			select {
			case <-r.Context().Done():
				return
			case next, more := <-messages:
				if !more {
					return
				}
				m = next
			}
			for part := range bytes.SplitAfterSeq(m, []byte("\n")) {
				_, _ = w.Write(part) // a client that has hung up is none of this test
			}
			_ = http.NewResponseController(w).Flush()
		}
	}))))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	call, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	call.Header.Set("Accept-Encoding", accept)
	if from != "" {
		call.Header.Set("X-Forwarded-For", from)
	}
	resp, err := server.Client().Do(call)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp.Header, resp.Body
}

// Each message of a packed stream arrives when it is flushed, whatever its size, and the file ends as one of gzip does.
func TestPackedStream(t *testing.T) {
	noise := make([]byte, 300<<10)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	messages := make(chan []byte, 1)
	messages <- []byte("first\n") // so that there is a header to read
	header, received := packed(t, "gzip, deflate, br", "application/connect+proto", "192.0.2.1", messages)
	if got := header.Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("Content-Encoding is %q", got)
	}
	file, err := gzip.NewReader(received)
	if err != nil {
		t.Fatal(err)
	}
	receive := func(want []byte) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(file, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("a message of %d bytes came as %.40q: %v", len(want), got, err)
		}
	}
	receive([]byte("first\n"))
	large := []byte(strings.Repeat("a line that repeats itself\n", 100_000))
	for _, m := range [][]byte{[]byte("small\n"), large, []byte("s\n"), noise, large[:minPacked], []byte("end\n")} {
		messages <- m
		receive(m)
	}
	close(messages)
	if n, err := file.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("after the end came %d bytes and %v", n, err)
	}
}

func TestPackedStreamIsSmall(t *testing.T) {
	messages := make(chan []byte, 1)
	large := []byte(strings.Repeat("a line that repeats itself\n", 100_000))
	messages <- large
	close(messages)
	_, received := packed(t, "gzip", linesType, "192.0.2.1", messages)
	body, err := io.ReadAll(received)
	if err != nil || len(body) > len(large)/50 {
		t.Errorf("%d bytes were packed to %d: %v", len(large), len(body), err)
	}
}

// Who does not ask for it, or is on this machine, gets nothing packed, and what is no stream is not packed.
func TestNotPacked(t *testing.T) {
	for name, tt := range map[string]struct{ accept, media, from string }{
		"not asked for":   {"identity", "application/connect+proto", "192.0.2.1"},
		"no stream":       {"gzip", "application/json", "192.0.2.1"},
		"on this machine": {"gzip", "application/connect+proto", ""},
	} {
		messages := make(chan []byte, 1)
		messages <- []byte("plain\n")
		close(messages)
		header, received := packed(t, tt.accept, tt.media, tt.from, messages)
		body, err := io.ReadAll(received)
		if err != nil || string(body) != "plain\n" || header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %q in %q: %v", name, body, header.Get("Content-Encoding"), err)
		}
	}
}

// What a client takes is what its header says, weights included.
func TestTakesGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "identity": false, "br, x-gzip": false, "gzip;q=0": false, "br, gzip; q=0.000": false, "*": false,
		"gzip": true, "deflate, GZIP;q=0.5, br": true, "gzip;q=1": true,
	} {
		r := &http.Request{Header: http.Header{"Accept-Encoding": {header}}}
		if got := takesGzip(r); got != want {
			t.Errorf("%q: got %t, want %t", header, got, want)
		}
	}
}

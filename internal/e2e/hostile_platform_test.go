package e2e

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// hostileAnswer is an answer of a platform, or of something on the way to it, that no client expects.
type hostileAnswer struct {
	name string
	// answer answers a request. elsewhere is the address of another host.
	answer func(w http.ResponseWriter, r *http.Request, elsewhere string)
}

const (
	// hugeBody is the size of a huge answer, in bytes.
	hugeBody = 100 << 20
	// hostileRequests is how many requests in a row are answered so.
	hostileRequests = 6
	// mostGrowth is how much more memory a service may take because of them, in kB. An answer is read
	// up to 8 MiB, by some workers side by side.
	mostGrowth = 150 << 10
	// mostSaid is how much a service may log about them, in bytes.
	mostSaid = 64 << 10
)

var hostileAnswers = []hostileAnswer{
	{"huge", func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Content-Length", strconv.Itoa(hugeBody))
		pour(w, hugeBody)
	}},
	{"endless", func(w http.ResponseWriter, r *http.Request, _ string) {
		for r.Context().Err() == nil {
			if !pour(w, 1<<20) {
				return
			}
		}
	}},
	{"unpacks to much more", func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		pour(packed, hugeBody)
		_ = packed.Close() // the client has left
	}},
	{"deeply nested", func(w http.ResponseWriter, _ *http.Request, _ string) {
		_, _ = io.WriteString(w, strings.Repeat(`{"data":[`, 500_000))
	}},
	{"headers without end", func(w http.ResponseWriter, _ *http.Request, _ string) {
		for i := range 100_000 {
			w.Header().Set("X-"+strconv.Itoa(i), strings.Repeat("x", 100))
		}
	}},
	{"sends the caller elsewhere", func(w http.ResponseWriter, r *http.Request, elsewhere string) {
		http.Redirect(w, r, elsewhere+r.URL.Path, http.StatusTemporaryRedirect)
	}},
	{"sends the caller in a circle", func(w http.ResponseWriter, r *http.Request, _ string) {
		http.Redirect(w, r, r.URL.Path, http.StatusPermanentRedirect)
	}},
	{"ids that are paths", func(w http.ResponseWriter, _ *http.Request, _ string) {
		_, _ = io.WriteString(w, `{"status":"SUCCESS","data":{"result":{"id":"../inputs/a\nb","encodingId":"../../x","items":[{"id":"a/b\r\nc","name":"x"}],"totalCount":1}}}`)
	}},
	{"not HTTP", func(w http.ResponseWriter, _ *http.Request, _ string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte(strings.Repeat("\x00\xff", 1<<20))) // the client has left
		_ = conn.Close()
	}},
}

// pour writes n bytes of JSON that has not ended. It reports whether all of them could be written.
func pour(w io.Writer, n int) bool {
	part := []byte(strings.Repeat(" ", 1<<16))
	for ; n > 0; n -= len(part) {
		if _, err := w.Write(part); err != nil {
			return false
		}
	}
	return true
}

// TestHostilePlatform has something answer in the platform's place that sends what no client expects. The service
// neither grows nor fills its log, the key reaches no other host, and when the platform answers again the
// batch goes on by itself: nothing is lost or paid twice.
func TestHostilePlatform(t *testing.T) {
	t.Parallel()
	for _, m := range hostileAnswers {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			meet(t, m)
		})
	}
}

func meet(t *testing.T, m hostileAnswer) {
	t.Helper()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host was asked for %s, with the key %q", r.URL, r.Header.Get("X-Api-Key"))
	}))
	t.Cleanup(elsewhere.Close)
	sim := &simulator.Simulator{Seed: 1, Encoders: 5, Duration: 100 * time.Millisecond}
	var left atomic.Int64
	met := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := left.Add(-1); {
		case n > 0:
			m.answer(w, r, elsewhere.URL)
			return
		case n == 0:
			defer close(met)
			m.answer(w, r, elsewhere.URL)
			return
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		sim.Close()
		web.CloseClientConnections()
		web.Close()
	})
	s := newService(t, web.URL+"/v1", "STOKER_POLL_INTERVAL=500ms")
	life := s.run()
	before := peak(t, life)
	left.Store(hostileRequests)
	inputs := titles(8)
	h := s.follow(s.submit(inputs, time.Second))
	select {
	case <-met:
	case <-time.After(2 * processTimeout):
		t.Fatalf("the service has not made %d calls: %d left", hostileRequests, left.Load())
	}
	ended := h.end(2 * processTimeout)
	most := mostGrowth
	if raceDetector {
		most *= 3 // the detector keeps a shadow of all memory
	}
	if grown := peak(t, life) - before; grown > most {
		t.Errorf("the service grew by %d MiB, want at most %d", grown>>10, most>>10)
	}
	if said := len(life.said()); said > mostSaid {
		t.Errorf("the service said %d bytes, want at most %d", said, mostSaid)
	}
	s.verdict(sim, ended, inputs, retries, func(string) want { return want{} })
	if got := ended.GetCounts().GetSucceeded(); got != int64(len(inputs)) {
		t.Errorf("%d of %d jobs succeeded: %v", got, len(inputs), ended.GetCounts())
	}
}

// peak is the most memory that a process has had resident, in kB.
func peak(t *testing.T, p *process) (kilobytes int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(after, &kilobytes); err != nil {
		t.Fatal(err)
	}
	return kilobytes
}

package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/service"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// configuration has two accounts and a template beside what the environment sets.
const configuration = `
accounts:
  - id: default
    api_key_env: BITMOVIN_API_KEY
    queue_target: 3
  - id: archive
    api_key_env: BITMOVIN_API_KEY
    queue_target: 2
templates:
  mp4-download: mp4-download.yaml
`

// world is a service that can be stopped and started again, behind a door at which browsers see it. The door
// can be shut, and held so that nothing is answered.
type world struct {
	t      *testing.T
	aside  map[string]string // environment of another service, on a simulator of its own: it takes no encoder from this one
	config *config.Config
	door   *httptest.Server

	mu      sync.Mutex
	running *running // nil while the service is stopped
	shut    bool
	held    chan struct{} // closed when the door is let go; nil while it is not held
}

// running is a service that runs.
type running struct {
	web  *url.URL
	stop context.CancelCauseFunc
	done chan error
}

// newWorld starts a service on a simulator with four encoders.
func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	example, err := os.ReadFile("../../examples/templates/mp4-download.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"stoker.yaml": []byte(configuration), "mp4-download.yaml": example} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sim := &simulator.Simulator{Encoders: 4, Unlimited: true, EncodingDuration: duration, Outcome: outcome}
	env := platform.Env(platform.Serve(t, sim))
	cfg, err := config.Load(config.Sources{
		File: filepath.Join(dir, "stoker.yaml"), Getenv: func(name string) string { return env[name] },
		Flags: map[string]string{
			"listen": "127.0.0.1:0", "http-listen": "", "admin-listen": "", "web-listen": "127.0.0.1:0", "db": filepath.Join(dir, "stoker.db"), "poll-interval": "1s",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, aside: platform.Env(platform.Serve(t, &simulator.Simulator{Encoders: 4, Unlimited: true, EncodingDuration: duration})), config: cfg}
	w.door = httptest.NewServer(http.HandlerFunc(w.pass))
	w.start()
	t.Cleanup(func() {
		w.stop()
		w.door.CloseClientConnections()
		w.door.Close()
	})
	return w
}

// duration is an hour for assets whose path begins with "long", and a moment for all others.
func duration(e simulator.Encoding) time.Duration {
	if strings.HasPrefix(e.InputPath(), "long") {
		return time.Hour
	}
	return 20 * time.Millisecond
}

// outcome lets encodings fail: every one of an asset whose path begins with "broken", "missing" or "markup", and
// the first one of an asset whose path begins with "flaky".
func outcome(e simulator.Encoding, run int) simulator.Outcome {
	failed := func(code int, category string, hint simulator.RetryHint, text string) simulator.Outcome {
		return simulator.Outcome{
			Status: simulator.Error, After: 20 * time.Millisecond,
			Error:    &simulator.TaskError{Code: code, Category: category, Text: text, RetryHint: hint},
			Messages: []simulator.Message{{Type: "ERROR", Text: text}},
		}
	}
	switch path := e.InputPath(); {
	case strings.HasPrefix(path, "broken"):
		return failed(10003, "DECODING ERROR", simulator.NoRetry, "The input file could not be decoded")
	case strings.HasPrefix(path, "missing"):
		return failed(20001, "DOWNLOAD ERROR", simulator.NoRetry, "Input not found")
	case strings.HasPrefix(path, "markup"):
		return failed(10001, "READ ERROR", simulator.NoRetry, "<b>Bold</b> & sent by the platform")
	case strings.HasPrefix(path, "flaky") && run == 1:
		return failed(60001, "ENCODING ERROR", simulator.Retry, "An encoder instance was lost while it was working")
	}
	return simulator.Outcome{}
}

// start starts the service, unless it runs.
func (w *world) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running != nil {
		return
	}
	ctx, stop := context.WithCancelCause(context.Background())
	s, err := service.New(ctx, w.config, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		w.t.Errorf("start the service: %v", err)
		stop(err)
		return
	}
	address, err := url.Parse(s.WebAddress())
	if err != nil {
		w.t.Errorf("address of the page: %v", err)
	}
	w.running = &running{web: address, stop: stop, done: make(chan error, 1)}
	go func(r *running) { r.done <- s.Run(ctx) }(w.running)
}

// stop stops the service and waits for its end, unless it is stopped.
func (w *world) stop() {
	w.mu.Lock()
	r := w.running
	w.running = nil
	w.mu.Unlock()
	if r == nil {
		return
	}
	r.stop(errors.New("the test stops the service"))
	if err := <-r.done; err != nil {
		w.t.Errorf("the service ended with %v", err)
	}
}

// pass is the door: a proxy to the service that runs.
func (w *world) pass(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	target, shut, held := w.running, w.shut, w.held
	w.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-r.Context().Done():
			return
		}
	}
	if shut || target == nil {
		panic(http.ErrAbortHandler) // closes the connection, as a server that is not there
	}
	// Without it the first bytes of an answer close the body of the request, and a proxy that has not yet read that body's end
	// takes this for an error and cuts off the answer.
	if err := http.NewResponseController(rw).EnableFullDuplex(); err != nil {
		w.t.Errorf("the door: %v", err)
	}
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target.web)
			p.Out.Host = target.web.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	proxy.ServeHTTP(rw, r)
}

// control lets the tests in web/test act on the world: a POST of nothing to /stop, /start, /shut, /open, /hold
// and /release. A POST of /guarded starts a service that asks for tokens, and tells what there is of it. A GET of /cpu tells the processor time of this process, and one of /direct where the service is.
func (w *world) control() http.Handler {
	mux := http.NewServeMux()
	act := func(name string, act func()) {
		mux.HandleFunc("POST /"+name, func(rw http.ResponseWriter, _ *http.Request) {
			act()
			rw.WriteHeader(http.StatusNoContent)
		})
	}
	act("stop", w.stop)
	act("start", w.start)
	act("shut", func() {
		w.mu.Lock()
		w.shut = true
		w.mu.Unlock()
		w.door.CloseClientConnections()
	})
	act("open", func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.shut = false
	})
	act("hold", func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.held = make(chan struct{})
	})
	act("release", func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.held != nil {
			close(w.held)
			w.held = nil
		}
	})
	mux.HandleFunc("POST /guarded", func(rw http.ResponseWriter, r *http.Request) {
		g, err := startGuarded(r.Context(), w.t, w.aside)
		if err != nil {
			w.t.Errorf("start a service that asks for tokens: %v", err)
		}
		if err := json.NewEncoder(rw).Encode(g); err != nil {
			w.t.Errorf("answer: %v", err)
		}
	})
	mux.HandleFunc("GET /cpu", func(rw http.ResponseWriter, _ *http.Request) {
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			w.t.Errorf("processor time: %v", err)
		}
		seconds := time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
		if err := json.NewEncoder(rw).Encode(map[string]float64{"seconds": seconds}); err != nil {
			w.t.Errorf("answer: %v", err)
		}
	})
	mux.HandleFunc("GET /direct", func(rw http.ResponseWriter, _ *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		address := ""
		if w.running != nil {
			address = w.running.web.String()
		}
		if err := json.NewEncoder(rw).Encode(map[string]string{"url": address}); err != nil {
			w.t.Errorf("answer: %v", err)
		}
	})
	return mux
}

// environ is what the tests in web/test need to know.
func (w *world) environ(control string) []string {
	return append(os.Environ(), fmt.Sprintf("STOKER_PAGE=%s/", w.door.URL), "STOKER_CONTROL="+control)
}

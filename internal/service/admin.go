package service

import (
	"bytes"
	"cmp"
	"net/http"
	"net/http/pprof"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/gateway"
	"github.com/stokerd/stoker/server"
)

// newAdminServer makes the server of what is for operators. Where other machines can reach it, they prove who they are.
// On loopback without a certificate, nobody does, and a page of any origin could have its browser read it by a name that
// points here; so it is reached by a name of this machine alone. A certificate has the name already, and no browser
// reaches a Unix socket.
func (s *Service) newAdminServer(cfg *config.Config) (_ *http.Server, err error) {
	pages := s.adminEndpoints(s.metrics.Handler())
	_, isSocket := config.SocketPath(cfg.AdminListen)
	switch open := slices.Contains(cfg.Open(), config.Listener{Setting: settingAdmin, Address: cfg.AdminListen}); {
	case open && s.identifier.Required():
		pages = withProof(s.identifier, server.NewRefusals(s.server), pages)
	case !open && !isSocket && s.certificates == nil:
		if pages, err = gateway.RequireOwnName(cfg.AdminListen, "ask for localhost, or for the host of --admin-listen", pages); err != nil {
			return nil, err
		}
	}
	own := s.certificates.NewHTTPServer(pages, s.log)
	own.WriteTimeout = 0 // each endpoint has its own
	return own, nil
}

// adminEndpoints serves what is for operators: /metrics, and /debug/pprof.
func (s *Service) adminEndpoints(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", withWriteDeadline(0, &scrapes{render: metrics, limiter: rate.NewLimiter(scrapesPerSecond, scrapeBurst)}))
	for pattern, handler := range map[string]http.HandlerFunc{
		"GET /debug/pprof/": pprof.Index, "GET /debug/pprof/symbol": pprof.Symbol, "POST /debug/pprof/symbol": pprof.Symbol,
	} {
		mux.Handle(pattern, withWriteDeadline(0, handler))
	}
	// These two watch the process for as long as the caller asks, by default 30 s and 1 s. The command line,
	// which pprof would show as well, is left out.
	mux.Handle("GET /debug/pprof/profile", withWriteDeadline(30*time.Second, http.HandlerFunc(pprof.Profile)))
	mux.Handle("GET /debug/pprof/trace", withWriteDeadline(time.Second, http.HandlerFunc(pprof.Trace)))
	mux.HandleFunc("GET /debug/pprof/cmdline", http.NotFound)
	return mux
}

// writeTime is how long a reader of the admin endpoints may take for an answer once it is being written, and
// maxProfile the longest time that a profile may cover.
const writeTime, maxProfile = 15 * time.Second, 5 * time.Minute

// withWriteDeadline lets readers go that do not read. usual is how long handler works before it writes, unless
// the query has seconds.
func withWriteDeadline(usual time.Duration, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		works := usual
		if seconds, err := strconv.ParseFloat(r.FormValue("seconds"), 64); err == nil && seconds > 0 {
			works = time.Duration(min(seconds, maxProfile.Seconds()) * float64(time.Second))
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(works + writeTime)) // every connection has one
		handler.ServeHTTP(w, r)
	})
}

const (
	// scrapesPerSecond and scrapeBurst are how many answers of /metrics are sent, to all readers together. A
	// Prometheus asks once in some seconds.
	scrapesPerSecond, scrapeBurst = 20, 40
	// metricsAge is how old the metrics in an answer may be.
	metricsAge = time.Second
)

// scrapes answers /metrics. Metrics are collected at most once a second, however many ask.
type scrapes struct {
	render  http.Handler
	limiter *rate.Limiter

	mu   sync.Mutex
	last *recordedAnswer
	time time.Time // when last was collected
}

func (s *scrapes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.limiter.Allow() {
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Connection", "close")
		writeText(w, http.StatusTooManyRequests, "metrics are read "+strconv.Itoa(scrapesPerSecond)+" times a second by now; come back in a second")
		return
	}
	answer := s.collect(r)
	w.Header().Set("Content-Type", answer.header.Get("Content-Type"))
	w.WriteHeader(cmp.Or(answer.status, http.StatusOK))
	_, _ = w.Write(answer.body.Bytes()) // the caller may have hung up
}

// collect returns the metrics as they are, or were less than a second ago, in the format that every reader
// takes.
func (s *scrapes) collect(r *http.Request) *recordedAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.last == nil || now.Sub(s.time) >= metricsAge {
		plain := r.Clone(r.Context())
		plain.Header = http.Header{}
		s.last, s.time = &recordedAnswer{header: http.Header{}}, now
		s.render.ServeHTTP(s.last, plain)
	}
	return s.last
}

// recordedAnswer keeps an answer.
type recordedAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *recordedAnswer) Header() http.Header         { return a.header }
func (a *recordedAnswer) WriteHeader(status int)      { a.status = status }
func (a *recordedAnswer) Write(p []byte) (int, error) { return a.body.Write(p) }

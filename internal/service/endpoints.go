package service

import (
	"io"
	"net/http"

	"github.com/stokerd/stoker/webhook"
)

// endpoints serves what strangers may reach: /healthz, always 200 while the process answers; /readyz, see
// [readiness]; and the platform's webhooks, which are signed.
func (s *Service) endpoints() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		ready, text := s.readiness.check(r.Context())
		if !ready {
			status = http.StatusServiceUnavailable
		}
		writeText(w, status, text)
	})
	mux.Handle(webhook.Pattern, s.webhooks)
	return mux
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // the caller may have hung up
}

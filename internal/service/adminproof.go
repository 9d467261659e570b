package service

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/gateway"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/server"
)

// guardAdmin lets the right callers through to what is for operators. Where other machines can reach it they prove who
// they are. On this machine nobody is asked, and only names of this machine count: the browser of an operator makes
// requests for every page that is open in it, and to a page whose name was pointed here it would show the answers.
func (s *Service) guardAdmin(cfg *config.Config, pages http.Handler) http.Handler {
	listener := config.Listener{Setting: settingAdmin, Address: cfg.AdminListen}
	switch {
	case !slices.Contains(cfg.Open(), listener):
		return gateway.RequireOwnName(cfg.AdminListen, "ask for localhost, or for the address of --admin-listen", pages)
	case s.identifier.Required():
		return s.withProof(pages)
	}
	return pages
}

// withProof lets only callers in that prove who they are: admins and, where the path is /metrics, whoever may see
// every account. The answer to others is the same whatever was wrong; they are counted, logged and limited as those of
// calls are.
func (s *Service) withProof(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller := webCaller(r)
		p, err := s.identifier.Identify(r.Context(), caller)
		switch {
		case err != nil && server.NoteStranger(r.Context(), s.server, r.URL.Path, caller.Address, err):
			w.Header().Set("Retry-After", "60")
			writeText(w, http.StatusTooManyRequests, "too many calls from this address with no valid proof of who calls")
		case err != nil:
			w.Header().Set("WWW-Authenticate", "Bearer")
			writeText(w, http.StatusUnauthorized, "the caller is not known")
		case p.Role == access.Admin, r.URL.Path == "/metrics" && !p.Bound():
			handler.ServeHTTP(w, r)
		default:
			writeText(w, http.StatusForbidden, "this needs the role admin")
		}
	})
}

// webCaller is what the caller of an HTTP request shows of itself.
func webCaller(r *http.Request) identity.Caller {
	c := identity.Caller{
		Authorization: r.Header.Values("Authorization"),
		Header:        func(name string) []string { return r.Header.Values(strings.ToLower(name)) },
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		c.Address = host
	}
	c.Certificate, c.ProvenUntil = identity.ShownCertificate(r.TLS)
	return c
}

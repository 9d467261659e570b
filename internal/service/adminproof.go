package service

import (
	"context"
	"net"
	"net/http"
	"strings"

	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/identity"
)

// refusals are told of requests that are refused.
type refusals interface {
	NoteStranger(ctx context.Context, page, address string, err error) (tooMany bool)
	NoteRefusal(ctx context.Context, page, address string, p *access.Principal)
}

// withProof lets only callers in that prove who they are: admins and, where the path is /metrics, whoever may see
// every account. The answer to others is the same whatever was wrong.
func withProof(identifier *identity.Identifier, noted refusals, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller := webCaller(r)
		p, err := identifier.Identify(r.Context(), caller)
		switch {
		case err != nil && noted.NoteStranger(r.Context(), r.URL.Path, caller.Address, err):
			w.Header().Set("Retry-After", "60")
			writeText(w, http.StatusTooManyRequests, "too many requests from this address with no valid proof of who makes them")
		case err != nil:
			w.Header().Set("WWW-Authenticate", "Bearer")
			writeText(w, http.StatusUnauthorized, "the caller is not known")
		case p.Role == access.Admin, r.URL.Path == "/metrics" && !p.Bound():
			handler.ServeHTTP(w, r)
		default:
			noted.NoteRefusal(r.Context(), r.URL.Path, caller.Address, p)
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

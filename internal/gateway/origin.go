package gateway

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"connectrpc.com/connect"
)

// ownNames are the names by which this server may be reached.
type ownNames map[string]bool

// newOwnNames allows the host of the listener, and that of a URL which may be empty.
func newOwnNames(listen, address string) (ownNames, error) {
	own := ownNames{}
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" { // a Unix socket has no name
		own[strings.ToLower(host)] = true
	}
	if address != "" {
		u, err := url.Parse(address)
		if err != nil {
			return nil, fmt.Errorf("URL: %w", err)
		}
		own[strings.ToLower(u.Hostname())] = true
	}
	return own, nil
}

// RequireOwnName refuses, with 421, requests that reached a listener by a name that is not its own, as [New] does. The
// names are those that always mean this machine, the host of listen, and the address to which the request is connected.
func RequireOwnName(listen, advice string, next http.Handler) (http.Handler, error) {
	own, err := newOwnNames(listen, "")
	if err != nil {
		return nil, err
	}
	return own.require(advice, next), nil
}

// require refuses requests with a foreign Host header, with advice on what to do.
func (own ownNames) require(advice string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !own.has(r) {
			writeError(w, http.StatusMisdirectedRequest, connect.CodePermissionDenied,
				fmt.Sprintf("%q is not a name of this server: %s", r.Host, advice))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// has reports whether a request came by a name of this server: one that is configured, one that always
// means this machine, or the address to which it is connected.
func (own ownNames) has(r *http.Request) bool {
	host := strings.ToLower(r.Host)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if own[host] || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	if ip.IsLoopback() {
		return true
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && local.AddrPort().Addr().Unmap() == ip.Unmap()
}

// origins refuses calls that a page of another origin makes.
type origins struct{ *http.CrossOriginProtection }

// newOrigins allows the origin of a URL, which may be empty, beside that of the request itself.
func newOrigins(address string) (origins, error) {
	o := origins{http.NewCrossOriginProtection()}
	if address == "" {
		return o, nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return origins{}, fmt.Errorf("URL: %w", err)
	}
	return o, o.AddTrustedOrigin(u.Scheme + "://" + u.Host)
}

func (o origins) require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o.Check(r) != nil {
			writeError(w, http.StatusForbidden, connect.CodePermissionDenied, "a page of another origin may not make calls")
			return
		}
		next.ServeHTTP(w, r)
	})
}

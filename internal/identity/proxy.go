package identity

import (
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/stokerd/stoker/internal/access"
)

// Proxy is a header that names who called a proxy, and the proxies that are trusted to set it. They have to
// remove the header from what they are sent.
type Proxy struct {
	Header    string         // in lower case
	Addresses []netip.Prefix // of the proxies
	Names     []string       // of the certificates of proxies, as [Match] takes them
	Unix      bool           // whoever calls by a Unix socket is a proxy
	Rules     []Rule
}

// trusts reports whether a caller is one of the proxies.
func (p *Proxy) trusts(c Caller) bool {
	if c.Address == "" {
		return p.Unix
	}
	if address, err := netip.ParseAddr(c.Address); err == nil {
		address = address.Unmap().WithZone("")
		if slices.ContainsFunc(p.Addresses, func(prefix netip.Prefix) bool { return prefix.Contains(address) }) {
			return true
		}
	}
	return p.isNamed(c.Certificate)
}

// isNamed reports whether a certificate, or nil, is that of one of the proxies.
func (p *Proxy) isNamed(c *x509.Certificate) bool {
	return c != nil && slices.ContainsFunc(certificateNames(c), func(name string) bool {
		return slices.ContainsFunc(p.Names, func(pattern string) bool { return Match(pattern, name) })
	})
}

// maxName is the length of the longest name that others choose for a principal, in bytes.
const maxName = 200

// identify returns the principal that a proxy names. What the proxy says counts no longer than its certificate, if it
// has shown one.
func (p *Proxy) identify(names []string, proxy Caller) (*access.Principal, error) {
	if len(names) > 1 {
		return nil, refuse("the proxy names more than one caller")
	}
	name := strings.TrimSpace(names[0])
	if !plainName(name) {
		return nil, refuse("the proxy names a caller that cannot be")
	}
	r, ok := find(p.Rules, name)
	if !ok {
		return nil, refuse("no rule is for the caller that the proxy names")
	}
	principal := r.principal(access.ProxyKind, principalName(name))
	principal.ExpireTime = proxy.ProvenUntil
	return principal, nil
}

// plainName reports whether a name that others have chosen can be shown.
func plainName(name string) bool {
	return name != "" && len(name) <= maxName && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsGraphic(r) || r == unicode.ReplacementChar || unicode.IsSpace(r)
	})
}

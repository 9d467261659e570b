package identity

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"github.com/stokerd/stoker/internal/access"
)

// ShownCertificate returns the certificate that the other end of a connection has shown, and when it proves nothing any
// more: when it expires, or each chain to a CA has a certificate that does. It is nil if none was shown.
func ShownCertificate(s *tls.ConnectionState) (c *x509.Certificate, provenUntil time.Time) {
	if s == nil {
		return nil, time.Time{}
	}
	for _, chain := range s.VerifiedChains { // none is empty
		first := slices.MinFunc(chain, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
		if c == nil || first.NotAfter.After(provenUntil) {
			c, provenUntil = chain[0], first.NotAfter
		}
	}
	return c, provenUntil
}

// certificateNames lists the names of whoever has a certificate: URIs such as SPIFFE ids, DNS names and
// e-mail addresses. The common name is no name: nothing says whose it is. A DNS name with a wildcard is that
// of many. A name that looks like one of another kind is none: a CA may let others choose the names of one kind. Nor is
// one that cannot be shown: a certificate can have line breaks in a DNS name.
func certificateNames(c *x509.Certificate) []string {
	var names []string
	for _, uri := range c.URIs {
		if name := uri.String(); isURI(name) {
			names = append(names, name)
		}
	}
	for _, name := range c.DNSNames {
		if !strings.Contains(name, "*") && !isURI(name) && !strings.Contains(name, "@") {
			names = append(names, name)
		}
	}
	for _, address := range c.EmailAddresses {
		if strings.Contains(address, "@") && !isURI(address) {
			names = append(names, address)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return !plainName(name) })
}

// identifyCertificate returns the principal of a certificate that was verified. The rules are tried in their
// order, so that of several names the one that the configuration names first counts.
func identifyCertificate(rules []Rule, c Caller) (*access.Principal, error) {
	names := certificateNames(c.Certificate)
	for _, r := range rules {
		for _, name := range names {
			if Match(r.Name, name) {
				p := r.principal(access.CertificateKind, principalName(name))
				p.ExpireTime = c.ProvenUntil
				return p, nil
			}
		}
	}
	return nil, refuse("no rule is for a name of the certificate")
}

package identity

import (
	"crypto/x509"
	"slices"
	"strings"

	"github.com/stokerd/stoker/internal/access"
)

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
func identifyCertificate(rules []Rule, c *x509.Certificate) (*access.Principal, error) {
	names := certificateNames(c)
	for _, r := range rules {
		for _, name := range names {
			if Match(r.Name, name) {
				p := r.principal(access.CertificateKind, principalName(name))
				p.ExpireTime = c.NotAfter
				return p, nil
			}
		}
	}
	return nil, refuse("no rule is for a name of the certificate")
}

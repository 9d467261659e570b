package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/stokerd/stoker/internal/config"
)

// A certificate that expires within expiryWarn is told, and one that does within expiryFail is urgent.
const expiryWarn, expiryFail = 21 * 24 * time.Hour, 3 * 24 * time.Hour

// CheckCertificates looks at the files of the certificates: whether they can be used, when they expire, and for which
// names they are. failed says that the running service could not take up what the files have now.
func CheckCertificates(cfg *config.Config, failed bool, now time.Time) (findings []Finding) {
	t := cfg.TLS
	if !t.Enabled() {
		if len(cfg.Open()) > 0 {
			return []Finding{warn(AboutCertificate, "", "set tls.cert_file and tls.key_file, and auth: required", "other machines can reach the service, and nothing is encrypted")}
		}
		return []Finding{ok(AboutCertificate, "", "none: only this machine reaches the service")}
	}
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return []Finding{fail(AboutCertificate, t.CertFile, "put the certificate, and the key that fits it, in their place; they are taken up within a minute", "cannot be used: %v", err)}
	}
	if failed {
		findings = append(findings, fail(AboutCertificate, t.CertFile, "see the log for what is wrong with them", "the service has not taken up what the files have now, and uses what they had before"))
	}
	findings = append(findings, expiry(t.CertFile, pair.Leaf, now), names(cfg, pair.Leaf))
	if t.ClientCAFile == "" {
		return findings
	}
	text, err := os.ReadFile(t.ClientCAFile)
	if err != nil || !x509.NewCertPool().AppendCertsFromPEM(text) {
		return append(findings, fail(AboutCertificate, t.ClientCAFile, "put the certificates of the CAs there", "has no certificate: %v", err))
	}
	return findings
}

func expiry(file string, leaf *x509.Certificate, now time.Time) Finding {
	const remedy = "renew it, and put the new one in its place; the service takes it up within a minute"
	at := leaf.NotAfter.UTC().Format(time.DateTime)
	switch left := leaf.NotAfter.Sub(now); {
	case left < 0:
		return fail(AboutCertificate, file, remedy, "expired at %s", at)
	case now.Before(leaf.NotBefore):
		return fail(AboutCertificate, file, "correct the clock, or take another one", "is not valid before %s", leaf.NotBefore.UTC().Format(time.DateTime))
	case left < expiryFail:
		return fail(AboutCertificate, file, remedy, "expires at %s", at)
	case left < expiryWarn:
		return warn(AboutCertificate, file, remedy, "expires at %s", at)
	}
	return ok(AboutCertificate, file, "is valid until %s", at)
}

// names compares the names of the certificate with those by which the configuration says that the service is reached.
func names(cfg *config.Config, leaf *x509.Certificate) Finding {
	var wanted, missing []string
	if u, err := url.Parse(cfg.WebURL); err == nil && u.Hostname() != "" {
		wanted = append(wanted, u.Hostname())
	}
	for _, l := range cfg.Open() {
		host, _, err := net.SplitHostPort(l.Address)
		if ip, ipErr := netip.ParseAddr(host); err == nil && host != "" && (ipErr != nil || !ip.IsUnspecified()) {
			wanted = append(wanted, host)
		}
	}
	for _, name := range wanted {
		if leaf.VerifyHostname(name) != nil {
			missing = append(missing, name)
		}
	}
	for _, ip := range leaf.IPAddresses {
		leaf.DNSNames = append(leaf.DNSNames, ip.String())
	}
	switch {
	case len(leaf.DNSNames) == 0:
		return fail(AboutCertificate, cfg.TLS.CertFile, "have one made with the names of this service (subjectAltName)", "is for no name, so that no client accepts it")
	case len(missing) > 0:
		return warn(AboutCertificate, cfg.TLS.CertFile, "have one made for these names too, unless a proxy stands before the service", "is for %s, and not for %s", strings.Join(leaf.DNSNames, ", "), strings.Join(missing, ", "))
	}
	return ok(AboutCertificate, cfg.TLS.CertFile, "is for %s", strings.Join(leaf.DNSNames, ", "))
}

// CheckListeners tells which listeners other machines can reach without protection.
func CheckListeners(cfg *config.Config) (findings []Finding) {
	for _, l := range cfg.Open() {
		if !cfg.TLS.Enabled() || cfg.Auth != config.AuthRequired {
			findings = append(findings, warn(AboutPort, l.Setting+" "+l.Address, "set tls and auth: required, or listen on 127.0.0.1", "other machines can reach it without encryption or without proof of who calls (insecure_listen)"))
		}
	}
	return findings
}

// CheckPorts tries whether the addresses of a service that does not run are free.
func CheckPorts(ctx context.Context, cfg *config.Config) (findings []Finding) {
	for _, l := range cfg.Listeners() {
		subject := l.Setting + " " + l.Address
		if _, unix := config.SocketPath(l.Address); unix {
			continue // a socket that a killed process has left is replaced at the start
		}
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", l.Address)
		switch {
		case err == nil:
			_ = listener.Close() // nobody has connected
			findings = append(findings, ok(AboutPort, subject, "is free"))
		case errors.Is(err, syscall.EADDRINUSE):
			findings = append(findings, fail(AboutPort, subject, "stop the program that has it (ss -ltnp), or choose another", "is in use"))
		case errors.Is(err, syscall.EACCES):
			findings = append(findings, fail(AboutPort, subject, "choose a port above 1023, or grant CAP_NET_BIND_SERVICE", "may not be used: %v", err))
		default:
			findings = append(findings, fail(AboutPort, subject, "choose an address that this machine has", "cannot be used: %v", err))
		}
	}
	return findings
}

package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Auth says whether callers have to prove who they are.
type Auth string

// AuthNone lets everybody who reaches the service do everything. AuthRequired lets nobody do anything who has
// not proven who calls, but for health checks.
const (
	AuthNone     Auth = "none"
	AuthRequired Auth = "required"
)

// TLS is the encryption of the listeners.
type TLS struct {
	CertFile, KeyFile string // empty: plain text
	// ClientCAFile has the certificates of the CAs whose client certificates are accepted; empty: none are.
	ClientCAFile string
	// MinVersion is the oldest version that is accepted, as crypto/tls numbers it.
	MinVersion uint16
}

// Enabled reports whether the listeners are encrypted.
func (t TLS) Enabled() bool { return t.CertFile != "" }

// checkTLS makes the paths of certificates and key those that the file means, and refuses one without the
// other.
func (l *loader) checkTLS() {
	t := &l.config.TLS
	for _, path := range []struct {
		setting string
		file    *string
	}{{"tls-cert-file", &t.CertFile}, {"tls-key-file", &t.KeyFile}, {"tls-client-ca-file", &t.ClientCAFile}} {
		if *path.file != "" && l.fromFile(path.setting) {
			*path.file = l.resolvePath(*path.file)
		}
		*path.file = l.expandCredentials(l.sources[path.setting], *path.file)
	}
	if t.KeyFile != "" {
		l.config.SecretFiles = append(l.config.SecretFiles, t.KeyFile)
	}
	switch {
	case t.CertFile != "" && t.KeyFile == "":
		l.mistake(l.sources["tls-cert-file"], "a certificate needs its key: set tls.key_file as well")
	case t.CertFile == "" && t.KeyFile != "":
		l.mistake(l.sources["tls-key-file"], "a key needs its certificate: set tls.cert_file as well")
	case t.CertFile == "" && t.ClientCAFile != "":
		l.mistake(l.sources["tls-client-ca-file"], "clients can only show certificates over TLS: set tls.cert_file and tls.key_file as well")
	}
}

// fromFile reports whether the value of a setting comes from the configuration file.
func (l *loader) fromFile(setting string) bool {
	key := Setting{Name: setting}.key()
	_, ok := l.file.Settings[key]
	return ok && l.sources[setting] == l.yaml.location(key)
}

// setAuth decides whether callers have to prove who they are, if no setting says so: where other machines can
// reach the service, or the file names proofs or a proxy, they have to.
func (l *loader) setAuth() {
	if c := &l.config; c.Auth == "" {
		c.Auth = AuthNone
		if len(c.Open()) > 0 && !c.InsecureListen || l.file.Auth.named() || c.WebURL != "" {
			c.Auth = AuthRequired
		}
	}
}

// unixPrefix begins the address of a Unix socket, before its path.
const unixPrefix = "unix://"

// maxSocketPath is the length of the longest path of a Unix socket that every system takes, in bytes, less
// what a temporary name beside it needs.
const maxSocketPath = 90

// SocketPath returns the path of the Unix socket that an address names; ok is false for host:port.
func SocketPath(address string) (path string, ok bool) {
	return strings.CutPrefix(address, unixPrefix)
}

// Listener is a listener of the service.
type Listener struct {
	Setting string // such as --listen
	Address string
}

// Listeners returns the listeners that have an address.
func (c *Config) Listeners() []Listener {
	var set []Listener
	for _, l := range []Listener{{"--listen", c.Listen}, {"--http-listen", c.HTTPListen}, {"--web-listen", c.WebListen}, {"--admin-listen", c.AdminListen}} {
		if l.Address != "" {
			set = append(set, l)
		}
	}
	return set
}

// open reports whether other machines can reach the listener.
func (l Listener) open() bool {
	if _, ok := SocketPath(l.Address); ok {
		return false
	}
	host, _, err := net.SplitHostPort(l.Address)
	if err != nil {
		return true
	}
	if host == "localhost" {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err != nil || !addr.IsLoopback()
}

// ReachError refuses listeners that other machines can reach without encryption or without proof of who
// calls.
type ReachError struct {
	Listeners []Listener
	// NoTLS says that the configuration has no certificate.
	NoTLS bool
	// WebURL is the URL of a proxy by which other machines reach listeners on loopback; empty: Listeners says more.
	WebURL string
}

// Error says what is wrong, and the lines of the file that mend it.
func (e *ReachError) Error() string {
	if e.WebURL != "" {
		return fmt.Sprintf("--web-url %s: who comes through a proxy comes from this machine, and whoever reaches it may spend the account's money. "+
			"Put into the configuration file:\n  auth: required\nor say --insecure-listen where the network is trusted.", e.WebURL)
	}
	var names []string
	for _, l := range e.Listeners {
		names = append(names, l.Setting+" "+l.Address)
	}
	missing, mend := "whoever reaches it may spend the account's money", ""
	if e.NoTLS {
		missing = "nothing is encrypted"
		mend = "\n  tls: {cert_file: /etc/stoker/tls.crt, key_file: /etc/stoker/tls.key}"
	}
	return fmt.Sprintf("%s: other machines can reach this, and %s. Put into the configuration file:%s\n  auth: required\n"+
		"or listen on 127.0.0.1, or say --insecure-listen where the network is trusted.", strings.Join(names, ", "), missing, mend)
}

// CheckReach returns a [ReachError] if other machines can reach a listener, itself or by the proxy of WebURL, without
// encryption or without proof of who calls, unless InsecureListen allows it.
func (c *Config) CheckReach() error {
	open := c.Open()
	switch {
	case c.InsecureListen:
		return nil
	case len(open) > 0 && (!c.TLS.Enabled() || c.Auth != AuthRequired):
		return &ReachError{Listeners: open, NoTLS: !c.TLS.Enabled()}
	case c.Proxied() && c.Auth != AuthRequired:
		return &ReachError{WebURL: c.WebURL}
	}
	return nil
}

// Proxied reports whether other machines reach the page through a proxy.
func (c *Config) Proxied() bool {
	u, err := url.Parse(c.WebURL)
	return err == nil && u.Host != "" && Listener{Address: net.JoinHostPort(u.Hostname(), "0")}.open()
}

// Open returns the listeners that other machines can reach.
func (c *Config) Open() []Listener {
	var open []Listener
	for _, l := range c.Listeners() {
		if l.open() {
			open = append(open, l)
		}
	}
	return open
}

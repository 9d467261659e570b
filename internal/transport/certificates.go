package transport

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// reloadInterval is how often the files of [Certificates] are compared with what is in use.
const reloadInterval = 20 * time.Second

// Files are the files of the certificates of a service.
type Files struct {
	Cert, Key string
	// ClientCA has the certificates of the CAs whose client certificates are accepted; empty: none are.
	ClientCA string
	// MinVersion is the oldest accepted version of TLS; 0: 1.3.
	MinVersion uint16
}

// Certificates holds what the listeners need for TLS, and takes it up anew when the files change. New
// connections get the new certificates; those that exist go on, but for those of clients whose CA is trusted
// no more.
//
// The certificate providers of gRPC poll files too. They do not tell their caller that a new file cannot be
// used, which an operator has to know before the old certificate expires.
type Certificates struct {
	files Files
	log   *slog.Logger

	current atomic.Pointer[material]
	failed  atomic.Bool
	proven  proven

	mu       sync.Mutex // held while the files are read
	sum      [sha256.Size]byte
	lastSaid string // the error that was logged last
}

// material is what one reading of the files gave.
type material struct {
	grpc, http *tls.Config
	notAfter   time.Time
}

// LoadCertificates reads the files. The error names the file that cannot be used.
func LoadCertificates(files Files, log *slog.Logger) (*Certificates, error) {
	c := &Certificates{files: files, log: log}
	if files.MinVersion == 0 {
		c.files.MinVersion = tls.VersionTLS13
	}
	texts, sum, err := c.read()
	if err != nil {
		return nil, err
	}
	m, err := c.parse(texts, time.Now())
	if err != nil {
		return nil, err
	}
	c.current.Store(m)
	c.sum = sum
	return c, nil
}

// Watch takes up the files when they have changed, until ctx ends: every 20 seconds.
func (c *Certificates) Watch(ctx context.Context) error {
	ticker := time.NewTicker(reloadInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		c.Reload()
	}
}

// Reload takes up the files if they have changed. If the new ones cannot be used, the old ones stay in use,
// and the log says why.
func (c *Certificates) Reload() {
	c.mu.Lock()
	defer c.mu.Unlock()
	texts, sum, err := c.read()
	if err == nil && sum == c.sum {
		c.noteSuccess(false)
		return
	}
	var m *material
	if err == nil {
		m, err = c.parse(texts, time.Now())
	}
	if err != nil {
		c.failed.Store(true)
		if text := err.Error(); text != c.lastSaid {
			c.lastSaid = text
			c.log.Error("the new certificates cannot be used; the old ones stay in use", "not_after", c.NotAfter(), "err", err)
		}
		return
	}
	c.sum = sum
	c.current.Store(m)
	c.noteSuccess(true)
	if ended := c.proven.endUnvouched(c.clientCAs()); ended > 0 {
		c.log.Info("connections ended: no CA vouches for their certificates any more", "connections", ended)
	}
}

func (c *Certificates) noteSuccess(changed bool) {
	if changed || c.lastSaid != "" {
		c.log.Info("certificates taken up", "file", c.files.Cert, "not_after", c.NotAfter())
	}
	c.failed.Store(false)
	c.lastSaid = ""
}

// NotAfter is when the certificate in use expires.
func (c *Certificates) NotAfter() time.Time { return c.current.Load().notAfter }

// Failed reports whether the files have changed and cannot be used.
func (c *Certificates) Failed() bool { return c.failed.Load() }

// ClientCertificates reports whether clients may show certificates.
func (c *Certificates) ClientCertificates() bool { return c.files.ClientCA != "" }

// texts are the contents of the files: certificate, key, and CAs of clients.
type texts struct{ cert, key, clientCA []byte }

func (c *Certificates) read() (t texts, sum [sha256.Size]byte, err error) {
	for _, f := range []struct {
		path string
		text *[]byte
	}{{c.files.Cert, &t.cert}, {c.files.Key, &t.key}, {c.files.ClientCA, &t.clientCA}} {
		if f.path == "" {
			continue
		}
		if *f.text, err = os.ReadFile(f.path); err != nil {
			return t, sum, err
		}
	}
	return t, sha256.Sum256(bytes.Join([][]byte{t.cert, t.key, t.clientCA}, []byte{0})), nil
}

// parse makes the settings of TLS, and refuses what no client would accept.
func (c *Certificates) parse(t texts, now time.Time) (*material, error) {
	pair, err := tls.X509KeyPair(t.cert, t.key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s and key %s: %w", c.files.Cert, c.files.Key, err)
	}
	switch leaf := pair.Leaf; {
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("certificate %s: expired on %s", c.files.Cert, leaf.NotAfter.UTC().Format(time.DateTime))
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("certificate %s: not valid before %s", c.files.Cert, leaf.NotBefore.UTC().Format(time.DateTime))
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: c.files.MinVersion, NextProtos: []string{"h2"}}
	if c.files.ClientCA != "" {
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(t.clientCA) {
			return nil, fmt.Errorf("CAs of clients %s: %w", c.files.ClientCA, errors.New("there is no certificate in it"))
		}
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	m := &material{grpc: config, http: config.Clone(), notAfter: pair.Leaf.NotAfter}
	m.http.NextProtos = []string{"h2", "http/1.1"}
	return m, nil
}

// clientCAs are the CAs whose client certificates are accepted; nil: none are.
func (c *Certificates) clientCAs() *x509.CertPool { return c.current.Load().grpc.ClientCAs }

// gRPC returns the settings for a gRPC listener.
func (c *Certificates) gRPC() *tls.Config {
	return c.config(func(m *material) *tls.Config { return m.grpc })
}

// HTTP returns the settings for an HTTP listener.
func (c *Certificates) HTTP() *tls.Config {
	return c.config(func(m *material) *tls.Config { return m.http })
}

// config returns settings that each handshake looks up anew.
func (c *Certificates) config(of func(*material) *tls.Config) *tls.Config {
	return &tls.Config{
		MinVersion: c.files.MinVersion,
		NextProtos: of(c.current.Load()).NextProtos,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			return c.proven.noting(of(c.current.Load()), hello.Conn, c.clientCAs), nil
		},
	}
}

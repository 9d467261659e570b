// Package certs makes certificates for tests: CAs, and certificates of servers and clients in files.
package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA signs certificates.
type CA struct {
	// File has the certificate of the CA.
	File string

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Pair is the files of a certificate and its key.
type Pair struct{ Cert, Key string }

// NewCA makes a CA, whose name tells it apart from others.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	ca := &CA{File: filepath.Join(t.TempDir(), "ca.crt"), key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, ca.key.Public(), ca.key)
	must(t, err)
	ca.certificate, err = x509.ParseCertificate(der)
	must(t, err)
	must(t, os.WriteFile(ca.File, encode("CERTIFICATE", der), 0o600))
	return ca
}

// Server makes a certificate for 127.0.0.1 and localhost that is valid for an hour.
func (ca *CA) Server(t testing.TB) Pair {
	t.Helper()
	return ca.Issue(t, x509.Certificate{DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
}

// Client makes a certificate of a client with a SPIFFE name such as spiffe://example.com/ci. It is valid for
// an hour.
func (ca *CA) Client(t testing.TB, name string) Pair {
	t.Helper()
	u, err := url.Parse(name)
	must(t, err)
	return ca.Issue(t, x509.Certificate{URIs: []*url.URL{u}})
}

// Issue makes a certificate with what template says of names and times.
func (ca *CA) Issue(t testing.TB, template x509.Certificate) Pair {
	t.Helper()
	key := newKey(t)
	var err error
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	must(t, err)
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, &template, ca.certificate, key.Public(), ca.key)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	dir := t.TempDir()
	p := Pair{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	must(t, os.WriteFile(p.Cert, encode("CERTIFICATE", der), 0o600))
	must(t, os.WriteFile(p.Key, encode("PRIVATE KEY", secret), 0o600))
	return p
}

// Replace puts the files of another pair in the place of p's, one after the other.
func (p Pair) Replace(t testing.TB, other Pair) {
	t.Helper()
	must(t, os.Rename(other.Cert, p.Cert))
	must(t, os.Rename(other.Key, p.Key))
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

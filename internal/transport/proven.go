package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"
)

// proven has the connections on which a client has shown a certificate, with the certificate and those between it and
// its CA. A connection can last for months: it ends when its CA is trusted no more.
type proven struct {
	mu    sync.Mutex
	conns map[*boundedConn][]*x509.Certificate
}

// errNotVouched refuses a client whose CA was taken out of the file during the handshake.
var errNotVouched = errors.New("no CA vouches for the certificate any more")

// noting returns the settings for the handshake of a connection, and has its certificate noted. Whether a CA vouches
// for that is checked by the library, also when the client resumes a session. cas returns the CAs that are trusted now.
func (p *proven) noting(settings *tls.Config, conn net.Conn, cas func() *x509.CertPool) *tls.Config {
	bounded, ok := conn.(*boundedConn)
	if !ok || settings.ClientCAs == nil {
		return settings
	}
	own := settings.Clone()
	own.VerifyConnection = func(state tls.ConnectionState) error {
		chain := state.PeerCertificates
		if len(chain) == 0 {
			return nil
		}
		p.add(bounded, chain)
		if now := cas(); now != settings.ClientCAs && !vouched(chain, now) {
			return errNotVouched
		}
		return nil
	}
	return own
}

func (p *proven) add(conn *boundedConn, chain []*x509.Certificate) {
	p.mu.Lock()
	if p.conns == nil {
		p.conns = map[*boundedConn][]*x509.Certificate{}
	}
	p.conns[conn] = chain
	p.mu.Unlock()
	conn.afterClose(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, conn)
	})
}

// endUnvouched closes the connections for whose certificate none of the CAs vouches, and returns how many.
func (p *proven) endUnvouched(cas *x509.CertPool) int {
	p.mu.Lock()
	var unvouched []*boundedConn
	for conn, chain := range p.conns {
		if !vouched(chain, cas) {
			unvouched = append(unvouched, conn)
		}
	}
	p.mu.Unlock()
	for _, conn := range unvouched {
		_ = conn.Close() // the other end is not told more
	}
	return len(unvouched)
}

// vouched reports whether one of the CAs vouches for the first certificate of a chain.
func vouched(chain []*x509.Certificate, cas *x509.CertPool) bool {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: cas, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err == nil
}

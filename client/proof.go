package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TLSFiles names the files for a connection with TLS. The zero value suits a server with a certificate of a
// public CA, and a caller without one.
type TLSFiles struct {
	// CA has the certificates of the CAs, or of the server itself, that the server's certificate is checked
	// with. Default: the CAs of the system.
	CA string
	// Cert and Key prove who calls. They are read anew for each connection, so that they can be replaced while
	// the program runs. Default: no certificate.
	Cert, Key string
}

// Config reads the files and returns what [Options] need.
func (f TLSFiles) Config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		text, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("CA: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("CA: %s: there is no certificate in it", f.CA)
		}
	}
	switch {
	case f.Cert == "" && f.Key == "":
		return config, nil
	case f.Key == "":
		return nil, errors.New("a certificate needs its key")
	case f.Cert == "":
		return nil, errors.New("a key needs its certificate")
	}
	if _, err := f.certificate(); err != nil {
		return nil, err
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return f.certificate() }
	return config, nil
}

func (f TLSFiles) certificate() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s and key %s: %w", f.Cert, f.Key, err)
	}
	return &pair, nil
}

// TokenFile reads a token from a file, for [Options]. White space around it does not count.
func TokenFile(path string) func() (string, error) {
	return func() (string, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf(tokenPrefix+"%w", err)
		}
		token := strings.TrimSpace(string(text))
		if token == "" {
			return "", fmt.Errorf(tokenPrefix+"%s is empty", path)
		}
		return token, nil
	}
}

// tokenPrefix begins the text of an error about the caller's own token.
const tokenPrefix = "token: "

// bearer sends a token with each call.
type bearer func() (string, error)

// GetRequestMetadata returns the header of a call.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := b()
	if err != nil {
		return nil, status.Error(codes.Unauthenticated, tokenPrefix+strings.TrimPrefix(err.Error(), tokenPrefix))
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, status.Error(codes.Unauthenticated, tokenPrefix+"there is a blank or a character in it that no token has")
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

// RequireTransportSecurity is false because [Dial] refuses plain text to other machines itself.
func (bearer) RequireTransportSecurity() bool { return false }

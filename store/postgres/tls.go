package postgres

import (
	"crypto/tls"
	"net/netip"
	"strings"

	"github.com/jackc/pgx/v5"
)

// unverifiedHost returns the first host on the network whose server does not have to show a certificate that is
// checked; empty if there is none. PostgreSQL's clients encrypt by default if the server offers it, and take whatever
// certificate it shows: whoever is between the two gets the password, and all that the job table has.
func unverifiedHost(c *pgx.ConnConfig) string {
	if isOnNetwork(c.Host) && !verifies(c.TLSConfig) {
		return c.Host
	}
	for _, f := range c.Fallbacks { // other hosts, and the same one with other settings
		if isOnNetwork(f.Host) && !verifies(f.TLSConfig) {
			return f.Host
		}
	}
	return ""
}

// verifies reports whether the certificate of a server is checked. The library checks it by a function of its own for
// sslmode=verify-ca.
func verifies(c *tls.Config) bool {
	return c != nil && (!c.InsecureSkipVerify || c.VerifyPeerCertificate != nil || c.VerifyConnection != nil)
}

// isOnNetwork reports whether a host is neither this machine nor the directory of a Unix socket.
func isOnNetwork(host string) bool {
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || strings.EqualFold(host, "localhost") {
		return false
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err != nil || !address.IsLoopback()
}

// warnOfUnverified logs that a server is not verified, if it is not.
func (db *database) warnOfUnverified(c *pgx.ConnConfig) {
	if unverifiedHost(c) != "" {
		db.log.Warn("nothing shows that the database is the right one, and the connection may be in plain text: say sslmode=verify-full in its URL", "db", nameOf(c))
	}
}

// Package loopback finds addresses of this machine for test servers that come and go.
package loopback

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
	"testing"
)

// The ports lie below those that systems choose from where the port is left to them, for
// servers and for outgoing connections. Such a port can be somebody else's by the time a
// server comes back to it.
const firstPort, ports = 10_000, 20_000

// Addresses returns n addresses of the form 127.0.0.1:port on which nobody listens.
func Addresses(t testing.TB, n int) []string {
	t.Helper()
	var found []string
	for len(found) < n {
		address := fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(ports))
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }() // held until all are found, so that they differ
		found = append(found, address)
	}
	return found
}

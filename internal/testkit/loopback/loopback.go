// Package loopback finds free addresses of this machine for test servers that are stopped and started
// again.
package loopback

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
	"testing"
)

// The ports lie below those that systems choose for port 0 and for outgoing connections. A port from
// there could be taken by somebody else while its server is stopped.
const firstPort, ports = 10_000, 20_000

// Addresses returns n addresses of the form 127.0.0.1:port on which nothing listens. Until the test ends
// no other call returns them, in this process or another, even while no server listens on them: Addresses
// holds the UDP port of the same number.
func Addresses(t testing.TB, n int) []string {
	t.Helper()
	var found []string
	for len(found) < n {
		address := fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(ports))
		if take(t, address) {
			found = append(found, address)
		}
	}
	return found
}

// take reserves an address until the test ends, and reports whether it was free.
func take(t testing.TB, address string) bool {
	t.Helper()
	free := func(err error) bool {
		if err != nil && !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
		return err == nil
	}
	kept, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", address)
	if !free(err) {
		return false
	}
	t.Cleanup(func() { _ = kept.Close() })
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if !free(err) {
		return false
	}
	_ = l.Close()
	return true
}

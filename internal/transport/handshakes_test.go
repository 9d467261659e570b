package transport

import (
	"net"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// An address makes so many handshakes a second, and after a pause as many at once as it may have connections. Other
// addresses are not limited by it.
func TestHandshakes(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		const burst, rate = 20, 5
		l := &boundedListener{limits: Limits{Connections: 100, ConnectionsPerAddress: burst, HandshakesPerSecond: rate}, addresses: map[string]*addressUse{}}
		connect := func(address string, n int) (accepted int) {
			for range n {
				if _, ok := l.take(address); ok {
					accepted++
					l.giveBack(address)
				}
			}
			return accepted
		}
		check := func(what string, got, want int) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %d handshakes, want %d", what, got, want)
			}
		}
		check("at first", connect("192.0.2.1/32", 50), burst)
		check("of another address", connect("192.0.2.2/32", 50), burst)
		check("by the Unix socket", connect("", 50), 50)
		time.Sleep(2 * time.Second)
		check("in two seconds", connect("192.0.2.1/32", 50), 2*rate)
		time.Sleep(time.Hour)
		check("after a pause", connect("192.0.2.1/32", 50), burst)
		if n := len(l.addresses); n != 1 {
			t.Errorf("%d addresses are kept, want the one that connects", n)
		}
	})
}

func tcp(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1} }

func TestAddressesOfOneNetwork(t *testing.T) {
	for _, tt := range []struct{ a, b string }{{"2001:db8::1", "2001:db8::ffff:1"}, {"192.0.2.1", "::ffff:192.0.2.1"}} {
		if a, b := host(tcp(tt.a)), host(tcp(tt.b)); a != b {
			t.Errorf("%s counts as %s, and %s as %s", tt.a, a, tt.b, b)
		}
	}
	for _, tt := range []struct{ a, b string }{{"2001:db8::1", "2001:db8:0:1::1"}, {"192.0.2.1", "192.0.2.2"}} {
		if a, b := host(tcp(tt.a)), host(tcp(tt.b)); a == b {
			t.Errorf("%s and %s count as one address, %s", tt.a, tt.b, a)
		}
	}
}

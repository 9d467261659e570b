package loopback

import (
	"net"
	"testing"
)

// An address is its test's until that ends, although nobody listens on it.
func TestTake(t *testing.T) {
	var address string
	t.Run("first", func(t *testing.T) {
		address = Addresses(t, 1)[0]
		if take(t, address) {
			t.Error("the address was given out twice")
		}
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close() // nobody has connected
	})
	if !take(t, address) {
		t.Error("the address was not given back")
	}
}

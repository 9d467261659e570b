package access

import "net/netip"

// Network is what counts as one address where callers are told apart by where they come from: an IPv4 address, or
// the network of an IPv6 address, of which one caller has as many addresses as it likes. It is invalid for a text
// that is no IP address.
func Network(address string) netip.Prefix {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	network, _ := a.Prefix(bits)
	return network
}

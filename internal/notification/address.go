package notification

import (
	"fmt"
	"net/netip"
)

// reserved lists the networks that are never on the public internet, or that stand for addresses which are not. A
// service that can be made to send to them is a way into the network that it runs in.
var reserved = []struct {
	network netip.Prefix
	is      string
	never   bool // not even with allow_private: no single host has such an address
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified", true},
	{netip.MustParsePrefix("10.0.0.0/8"), "private", false},
	{netip.MustParsePrefix("100.64.0.0/10"), "private to a carrier", false},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback", false},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local", false},
	{netip.MustParsePrefix("172.16.0.0/12"), "private", false},
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved for protocols", false},
	{netip.MustParsePrefix("192.0.2.0/24"), "for documentation", false},
	{netip.MustParsePrefix("192.88.99.0/24"), "a relay to IPv6", false},
	{netip.MustParsePrefix("192.168.0.0/16"), "private", false},
	{netip.MustParsePrefix("198.18.0.0/15"), "for benchmarks", false},
	{netip.MustParsePrefix("198.51.100.0/24"), "for documentation", false},
	{netip.MustParsePrefix("203.0.113.0/24"), "for documentation", false},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast", true},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved or broadcast", true},

	{netip.MustParsePrefix("::/128"), "unspecified", true},
	{netip.MustParsePrefix("::1/128"), "loopback", false},
	{netip.MustParsePrefix("64:ff9b::/96"), "an IPv4 address behind NAT64", false},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "an IPv4 address behind NAT64", false},
	{netip.MustParsePrefix("2001::/32"), "a Teredo tunnel", false},
	{netip.MustParsePrefix("2001:2::/48"), "for benchmarks", false},
	{netip.MustParsePrefix("2001:10::/28"), "no address of a host", false},
	{netip.MustParsePrefix("2001:20::/28"), "no address of a host", false},
	{netip.MustParsePrefix("2001:db8::/32"), "for documentation", false},
	{netip.MustParsePrefix("2002::/16"), "a 6to4 tunnel", false},
	{netip.MustParsePrefix("3fff::/20"), "for documentation", false},
	{netip.MustParsePrefix("fc00::/7"), "private", false},
	{netip.MustParsePrefix("fe80::/10"), "link-local", false},
	{netip.MustParsePrefix("fec0::/10"), "private", false},
	{netip.MustParsePrefix("ff00::/8"), "multicast", true},
}

// globalIPv6 has all IPv6 addresses that are on the public internet.
var globalIPv6 = netip.MustParsePrefix("2000::/3")

// AddressError refuses an address.
type AddressError struct {
	Address netip.Addr
	Is      string // what the address is, such as loopback
	never   bool
}

func (e *AddressError) Error() string {
	if e.never {
		return fmt.Sprintf("the address %s is %s, where nothing can be sent", e.Address, e.Is)
	}
	return fmt.Sprintf("the address %s is %s, and not on the public internet; an endpoint there needs allow_private", e.Address, e.Is)
}

// CheckAddress returns an [*AddressError] unless notifications may be sent to an address. It has to be asked for the
// address that is connected to, after the name was resolved: a name may have another address each time.
func CheckAddress(address netip.Addr, allowPrivate bool) error {
	plain := address.WithZone("")
	if plain.Is4In6() {
		if !allowPrivate {
			return &AddressError{Address: address, Is: "an IPv4 address written as IPv6"}
		}
		plain = plain.Unmap()
	}
	for _, r := range reserved {
		if r.network.Contains(plain) && (r.never || !allowPrivate) {
			return &AddressError{Address: address, Is: r.is, never: r.never}
		}
	}
	if plain.Is6() && !globalIPv6.Contains(plain) && !allowPrivate {
		return &AddressError{Address: address, Is: "reserved"}
	}
	if !plain.IsValid() {
		return &AddressError{Address: address, Is: "none", never: true}
	}
	return nil
}

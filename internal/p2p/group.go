package p2p

import (
	"net/netip"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Prefix lengths of an address group: what one operator, or one broken router,
// usually has in hand.
const (
	groupBitsIPv4 = 16
	groupBitsIPv6 = 32
)

// Group returns the address group of a multiaddress: its IPv4 /16 or IPv6 /32
// in CIDR notation, or "" if it holds no IP address. Peers of one group share
// budgets, and placement spreads over groups.
func Group(a ma.Multiaddr) string {
	ip, err := manet.ToIP(a)
	if err != nil {
		return ""
	}
	addr, ok := netip.AddrFromSlice(ip)
	if !ok {
		return ""
	}
	addr = addr.Unmap()
	bits := groupBitsIPv6
	if addr.Is4() {
		bits = groupBitsIPv4
	}
	return netip.PrefixFrom(addr, bits).Masked().String()
}

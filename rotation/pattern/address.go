package pattern

import (
	"net/netip"
	"strconv"
	"strings"
)

// cidr matches strings that are an address of a network. A network of one address,
// with /32 or /128, is none for EventBridge.
func cidr(n node) (matcher, error) {
	if !n.value.isString {
		return nil, n.errorf("cidr match pattern must be a string")
	}
	network, wrong := parseNetwork(n.value.text)
	if wrong != "" {
		return nil, n.errorf("%s", wrong)
	}
	return func(v value) bool {
		ip, is := address(v.text)
		return v.isString && is && network.Contains(ip)
	}, nil
}

// parseNetwork reads address/bits; what is wrong is empty if nothing is.
func parseNetwork(s string) (network netip.Prefix, wrong string) {
	base, mask, _ := strings.Cut(s, "/")
	if mask == "" || strings.Contains(mask, "/") {
		return network, "Malformed CIDR, one '/' required"
	}
	bits, err := strconv.Atoi(mask)
	if err != nil {
		return network, "Malformed CIDR, mask bits must be an integer"
	}
	ip, is := address(base)
	switch {
	case bits < 0:
		return network, "Malformed CIDR, mask bits must not be negative"
	case !is:
		return network, "Invalid IP address: " + base
	case ip.Is4() && bits > 31:
		return network, "IPv4 mask bits must be < 32"
	case bits > 127:
		return network, "IPv6 mask bits must be < 128"
	}
	return netip.PrefixFrom(ip, bits), ""
}

// address reads an IP address of four decimal numbers, or of version 6 in
// hexadecimal ones. An IPv4 address in IPv6 form is the IPv4 address.
func address(s string) (netip.Addr, bool) {
	if strings.Trim(s, "0123456789abcdefABCDEF:.") != "" || strings.Contains(s, ":") == strings.Contains(s, ".") {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(s)
	return ip.Unmap(), err == nil
}

func sameAddress(s string, ip netip.Addr) bool {
	other, is := address(s)
	return is && other == ip
}

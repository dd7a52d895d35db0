"""Decide which addresses are public, independent of the running Python.

`ipaddress.is_global` follows the registry as of the interpreter's release: 192.0.0.8, 192.88.99.1
and 3fff::1 are global to some. The blocks are listed here instead, from the IANA IPv4 and IPv6
Special-Purpose Address Registries (RFC 6890), as of 2025-10, with the document that reserves each.
"""

import ipaddress

_BLOCKS_V4 = (
    "0.0.0.0/8",  # RFC 791, this network
    "10.0.0.0/8",  # RFC 1918, private
    "100.64.0.0/10",  # RFC 6598, carriers; Alibaba's metadata service: 100.100.100.200
    "127.0.0.0/8",  # RFC 1122, loopback
    "169.254.0.0/16",  # RFC 3927, link-local; metadata of most clouds: 169.254.169.254
    "172.16.0.0/12",  # RFC 1918, private
    "192.0.0.0/24",  # RFC 6890, protocol assignments, anycast ones included
    "192.0.2.0/24",  # RFC 5737, documentation
    "192.31.196.0/24",  # RFC 7535, AS112
    "192.52.193.0/24",  # RFC 7450, AMT
    "192.88.99.0/24",  # RFC 7526, 6to4 relays, deprecated
    "192.168.0.0/16",  # RFC 1918, private
    "192.175.48.0/24",  # RFC 7534, AS112
    "198.18.0.0/15",  # RFC 2544, benchmarking
    "198.51.100.0/24",  # RFC 5737, documentation
    "203.0.113.0/24",  # RFC 5737, documentation
    "224.0.0.0/4",  # RFC 5771, multicast
    "240.0.0.0/4",  # RFC 1112, reserved, and RFC 919, limited broadcast
    "168.63.129.16/32",  # Azure's platform services (WireServer), inside a global block
)
# Of IPv6 only 2000::/3 is allocated (RFC 4291, 2.4); these parts of it are special.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_BLOCKS_V6 = (
    "2001::/23",  # RFC 2928, protocol assignments: Teredo, ORCHID, benchmarking, anycast
    "2001:db8::/32",  # RFC 3849, documentation
    "2002::/16",  # RFC 3056, 6to4: decided by the address inside
    "2620:4f:8000::/48",  # RFC 7534, AS112
    "3fff::/20",  # RFC 9637, documentation
)
_SPECIAL_V4 = tuple(ipaddress.IPv4Network(block) for block in _BLOCKS_V4)
_SPECIAL_V6 = tuple(ipaddress.IPv6Network(block) for block in _BLOCKS_V6)

# Blocks that embed an IPv4 address.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")  # RFC 4291, 2.5.5.2
_6TO4 = ipaddress.IPv6Network("2002::/16")  # RFC 3056
_TEREDO = ipaddress.IPv6Network("2001::/32")  # RFC 4380: the server, and the client inverted


def is_public(text: str) -> bool:
    """Return whether an address is public, including any embedded one.

    Args:
        text: an address as getaddrinfo formats it, perhaps with a zone (`fe80::1%eth0`).
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in block for block in _SPECIAL_V4)
    inside = _embedded(address)
    if inside:
        return all(is_public(str(one)) for one in inside)
    return address in _GLOBAL_UNICAST and not any(address in block for block in _SPECIAL_V6)


def _embedded(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses embedded in an IPv6 address."""
    bits = int(address)
    if address in _MAPPED or address in _NAT64:
        return [_low_32_bits(bits)]
    if address in _6TO4:
        return [_low_32_bits(bits >> 80)]
    if address in _TEREDO:
        return [_low_32_bits(bits >> 64), _low_32_bits(~bits)]
    return []


def _low_32_bits(bits: int) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(bits & 0xFFFFFFFF)

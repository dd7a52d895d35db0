"""Webhooks are posted to public addresses only: every block of IANA's registries."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_client.special_addresses import is_public

# The IANA IPv4 Special-Purpose Address Registry, whole, and multicast.
REGISTRY_V4 = (
    "0.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24", "192.0.0.0/29", "192.0.0.8/32", "192.0.0.9/32",
    "192.0.0.10/32", "192.0.0.170/32", "192.0.0.171/32", "192.0.2.0/24", "192.31.196.0/24",
    "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "255.255.255.255/32", "224.0.0.0/4",
)  # fmt: skip
# The complete IPv6 one, except for the blocks that embed an IPv4 address; and unallocated
# addresses.
REGISTRY_V6 = (
    "::1/128", "::/128", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001:1::1/128",
    "2001:1::2/128", "2001:1::3/128", "2001:2::/48", "2001:3::/32", "2001:4:112::/48",
    "2001:10::/28", "2001:20::/28", "2001:30::/28", "2001:db8::/32", "2620:4f:8000::/48",
    "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "::/96", "4000::/2",
)  # fmt: skip
METADATA = (
    "169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fe80::a9fe:a9fe",
    "169.254.170.2", "192.0.0.192", "fd20:ce::254",
)  # fmt: skip
INTERNET = (
    "8.8.8.8", "1.1.1.1", "168.63.129.15", "168.63.129.17", "100.63.255.255", "100.128.0.0",
    "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.88.98.255", "198.17.255.255", "198.20.0.0",
    "223.255.255.255", "2606:4700::1111", "2001:4860:4860::8888", "2001:200::1", "3ffe:ffff::1",
)  # fmt: skip
PRIVATE_V4 = st.sampled_from(REGISTRY_V4).flatmap(
    lambda block: st.ip_addresses(network=ipaddress.IPv4Network(block))
)


def wrapped(address: ipaddress.IPv4Address) -> list[str]:
    """Return the IPv6 addresses that embed an IPv4 address."""
    bits, server = int(address), int(ipaddress.IPv4Address("8.8.8.8"))
    teredo = 0x20010000 << 96
    forms = (
        (0xFFFF << 32) | bits,
        (0x64FF9B << 96) | bits,
        (0x2002 << 112) | (bits << 80) | 1,
        teredo | (server << 64) | (bits ^ 0xFFFFFFFF),
        teredo | (bits << 64) | (server ^ 0xFFFFFFFF),
    )
    return [str(ipaddress.IPv6Address(form)) for form in forms]


@pytest.mark.parametrize("block", [*REGISTRY_V4, *REGISTRY_V6])
def test_no_block_of_the_registries_is_called(block: str) -> None:
    network = ipaddress.ip_network(block)
    for at in {0, 1, network.num_addresses // 2, network.num_addresses - 1}:
        address = network[min(at, network.num_addresses - 1)]
        assert not is_public(str(address)), f"{address} of {block} would be called"


@pytest.mark.parametrize(
    "address", [*METADATA, "fe80::1%eth0", "127.1.2.3", "2002:7f00:1::", "no address"]
)
def test_no_metadata_service_is_called(address: str) -> None:
    assert not is_public(address), f"{address} would be called"


@pytest.mark.parametrize("address", INTERNET)
def test_what_lies_beside_the_blocks_is_called(address: str) -> None:
    assert is_public(address), f"{address} is refused"


@given(PRIVATE_V4)
def test_no_wrapping_makes_a_special_address_public(address: ipaddress.IPv4Address) -> None:
    for form in wrapped(address):
        assert not is_public(form), f"{form} leads to {address}"


@pytest.mark.parametrize("form", wrapped(ipaddress.IPv4Address("9.9.9.9")))
def test_a_wrapped_public_address_is_called(form: str) -> None:
    assert is_public(form), f"{form} is refused"

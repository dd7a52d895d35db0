"""A Host header is valid, or the request is refused."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wsgi import get_current_url

from vigint_web.http.security.hosts import is_host

GOOD = (
    "vigint.example.com", "localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:80", "a", "a.",
    "vigint_web:8000", "xn--bcher-kva.example", "a" * 63, "[::1]", "[::1]:8000",
    "[2001:db8::192.0.2.1]", "vigint.example.com:", f"{'a.' * 126}a",
)  # fmt: skip
BAD = (
    "", " ", "a b", "a\tb", "a\x00b", "a\x7fb", "a..b", ".a", ".", "a" * 64, f"b.{'a' * 64}.c",
    "a." * 127 + "a", "x" * 70_000, "é.example", "vigint.example.com:99999", "a:b", "a:-1",
    "a:8000:1", "a:٣", "::1", "[::1", "[::1]x", "[]", "[zz]", "[::1%25eth0]", "[v1.x]", "[1.2.3.4]",
    "a@b", "user:p@b", "a/b", "a?b", "a#b", "a,b", "a\\b", "-a", "a-", "xn--", "xn--a",
    "xn--zzzz99999999", "http://a",
)  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_a_host_and_perhaps_a_port(text: str) -> None:
    assert is_host(text), f"{text!r} is refused"


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_host(text: str) -> None:
    assert not is_host(text), f"{text[:80]!r} is taken"


@given(st.ip_addresses(), st.none() | st.integers(0, 65_535))
def test_every_address_is_a_host(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int | None
) -> None:
    written = f"[{address}]" if address.version == 6 else str(address)
    assert is_host(written + ("" if port is None else f":{port}"))


HOSTLIKE = st.lists(
    st.sampled_from(["a", "xn--", "bcher-kva", ".", "-", "_", ":", "80", "[", "]", "é", "a" * 63]),
    max_size=6,
).map("".join)


@given(st.text(max_size=80) | HOSTLIKE)
def test_addresses_can_be_built_of_what_is_taken(text: str) -> None:
    if is_host(text):
        environ = {
            "HTTP_HOST": text, "wsgi.url_scheme": "https", "PATH_INFO": "/", "SCRIPT_NAME": "",
            "SERVER_NAME": "x", "SERVER_PORT": "443",
        }  # fmt: skip
        assert get_current_url(environ).startswith("https://")

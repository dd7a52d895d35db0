"""Decide which network addresses a webhook may be posted to."""

import socket

from vigint_client.special_addresses import is_public


class PrivateAddress(Exception):
    """A name resolves only to addresses of a private network."""


def resolve(host: str, port: int, *, allow_private: bool) -> list[str]:
    """Return the addresses of a host that may be connected to, in the system's order.

    Connect to one of these, not to the name: a second resolution may differ. Raises PrivateAddress,
    or OSError when the name is not known.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
    allowed = [text for text in addresses if allow_private or is_public(text)]
    if not allowed:
        raise PrivateAddress(host)
    return allowed

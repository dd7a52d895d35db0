"""Say whether a request may see how this installation does."""

import hmac
from ipaddress import ip_address

from flask import request

from vigint_web.services.core.runtime import config

# What proxies add. A request with one of these comes from elsewhere, also if the proxy is here.
_FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")


def may_monitor() -> bool:
    """Return whether the request comes from this machine itself, or carries the metrics token."""
    return _has_token() or _is_from_here()


def _has_token() -> bool:
    token = config().metrics_token
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if token is None or kind.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), token.encode())


def _is_from_here() -> bool:
    if any(name in request.headers for name in _FORWARDED):
        return False
    # A page of somebody else's, opened here, reaches this address only under a name of its own.
    return _is_loopback(request.remote_addr or "") and _is_loopback(_asked_host())


def _asked_host() -> str:
    host = request.host.rpartition(":")[0] if not request.host.endswith("]") else request.host
    return (host or request.host).strip("[]")


def _is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback

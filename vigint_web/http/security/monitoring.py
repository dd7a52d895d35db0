"""Decide whether a request may see the health of this installation."""

import hmac
from ipaddress import ip_address

from flask import request

from vigint_web.services.core.runtime import config

# Headers of proxies: a request with one of these is remote, even if the proxy is local.
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
    # A page of another site, opened on this machine, can reach this address only under another host
    # name (DNS rebinding).
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

"""Refuse a Host header that names no host, before anything builds an address from it.

Addresses in mails and answers come from `base_url`, never from this header. Routing and redirects
read it all the same, and decode its labels as IDNA: what cannot be decoded was an error 500.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, request

from vigint_web.errors import VigintError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# RFC 1123, 2.1, and the underscore, which container networks have in names.
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"({_LABEL}(?:\.{_LABEL})*)\.?(?::([0-9]{{0,5}}))?")
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\](?::([0-9]{0,5}))?")
_LONGEST_NAME = 253
_REFUSED = "vigint.host_refused"


class InvalidHost(VigintError):
    """Say that the Host header names no host."""

    code = "invalid_host"


class HostCheck:
    """Take out of the environment what no host can be called, and note that for `check_hosts`."""

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Check the header, which only HTTP/1.0 may leave out."""
        host = environ.get("HTTP_HOST")
        if host is not None and not is_host(host):
            environ["HTTP_HOST"] = "localhost"
            environ[_REFUSED] = True
        return self._application(environ, start_response)


def check_hosts(app: Flask) -> None:
    """Answer 400 to requests whose Host header was refused."""

    @app.before_request
    def check() -> None:
        if request.environ.get(_REFUSED):
            raise InvalidHost


def is_host(text: str) -> bool:
    """Return whether a text is a host and perhaps a port (RFC 9110, 7.2; RFC 3986, 3.2.2)."""
    found = _BRACKETED.fullmatch(text)
    if found is not None:
        return _is_ipv6(found.group(1)) and _is_port(found.group(2))
    found = _NAME.fullmatch(text)
    if found is None or len(found.group(1)) > _LONGEST_NAME:
        return False
    return _is_decodable(found.group(1)) and _is_port(found.group(2))


def _is_port(text: str | None) -> bool:
    return not text or int(text) <= 65_535


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _is_decodable(name: str) -> bool:
    try:
        name.encode("ascii").decode("idna")
    except UnicodeError:
        return False
    return True

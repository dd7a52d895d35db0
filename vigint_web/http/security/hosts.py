"""Refuse an invalid Host header before any address is built from it.

Addresses in mails and answers come from `base_url`, never from this header. But routing and
redirects read it, and decode its labels as IDNA: an undecodable one caused an error 500.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, request

from vigint_web.errors import VigintError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# RFC 1123, 2.1, and the underscore, which occurs in names of container networks.
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"({_LABEL}(?:\.{_LABEL})*)\.?(?::([0-9]{{0,5}}))?")
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\](?::([0-9]{0,5}))?")
_LONGEST_NAME = 253
_REFUSED = "vigint.host_refused"


class InvalidHost(VigintError):
    """The Host header is invalid."""

    code = "invalid_host"


class HostCheck:
    """Remove an invalid Host header from the environment, and flag it for `check_hosts`."""

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Check the header, which only HTTP/1.0 may omit."""
        host = environ.get("HTTP_HOST")
        if host is not None and not is_host(host):
            environ["HTTP_HOST"] = "localhost"
            environ[_REFUSED] = True
        return self._application(environ, start_response)


def is_refused(environ: "WSGIEnvironment") -> bool:
    """Return whether the Host header of a request was invalid."""
    return bool(environ.get(_REFUSED))


def check_hosts(app: Flask) -> None:
    """Answer 400 to requests whose Host header was refused."""

    @app.before_request
    def check() -> None:
        if is_refused(request.environ):
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

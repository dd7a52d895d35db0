"""Wrap the application: whom to believe about addresses, how long a connection may be silent."""

import socket
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

from vigint_web.config import Network

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SILENCE_SECONDS = 30.0


class SocketTimeouts:
    """Free the thread of a client that neither sends nor reads; gunicorn alone waits for ever."""

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Set the time-out, then go on; the iterable passes untouched, for sendfile."""
        connection = environ.get("gunicorn.socket")
        if isinstance(connection, socket.socket):
            connection.settimeout(_SILENCE_SECONDS)
        return self._application(environ, start_response)


class TrustedProxies:
    """Believe X-Forwarded-* of the proxies that the configuration names, of nobody else."""

    def __init__(self, application: "WSGIApplication", trusted: Sequence[Network]) -> None:
        self._plain = application
        self._fixed = ProxyFix(application, x_for=1, x_proto=1, x_host=1)
        self._trusted = trusted

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Choose by the address of the peer."""
        application = self._fixed if self._is_trusted(environ) else self._plain
        return application(environ, start_response)

    def _is_trusted(self, environ: "WSGIEnvironment") -> bool:
        try:
            peer = ip_address(environ.get("REMOTE_ADDR", ""))
        except ValueError:
            return False
        return any(peer in network for network in self._trusted)

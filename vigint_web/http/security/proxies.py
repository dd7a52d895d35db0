"""Trust the configured proxies about addresses, and no others."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

from vigint_web.config.values import Network

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class TrustedProxies:
    """Evaluate X-Forwarded-* of the configured proxies only."""

    def __init__(self, application: "WSGIApplication", trusted: Sequence[Network]) -> None:
        self._plain = application
        self._fixed = ProxyFix(application, x_for=1, x_proto=1, x_host=1)
        self._trusted = trusted

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Decide by the address of the peer."""
        application = self._fixed if self._is_trusted(environ) else self._plain
        return application(environ, start_response)

    def _is_trusted(self, environ: "WSGIEnvironment") -> bool:
        try:
            peer = ip_address(environ.get("REMOTE_ADDR", ""))
        except ValueError:
            return False
        return any(peer in network for network in self._trusted)

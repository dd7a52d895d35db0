"""WSGI middleware that settles the unread rest of a request's body before the answer begins."""

from collections.abc import Callable, Iterable
from typing import Any

from vigint_web.server.incoming import Incoming


class SettledBodies:
    """Wrap an application, so that the connection's state is known when its answer starts."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            incoming = environ["wsgi.input"]
            if isinstance(incoming, Incoming):
                incoming.settle()
            return start_response(status, headers, exc_info)

        return self._application(environ, start)

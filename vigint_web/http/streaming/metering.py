"""Count requests, and the bytes of videos sent."""

import time
from collections.abc import Callable

from flask import Flask, Response, g, request

from vigint_web.services.core import event_metrics
from vigint_web.services.core.counters import Counters
from vigint_web.services.core.runtime import runtime

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
STREAM, _DOWNLOAD, _THUMBNAIL = "stream", "download", "thumbnail"
_KINDS = {
    "player.stream": STREAM,
    "videos.stream": STREAM,
    "videos.download": _DOWNLOAD,
    "api.download": _DOWNLOAD,
    "api.thumbnail": _THUMBNAIL,
    "videos.poster": _THUMBNAIL,
    "videos.thumbnail": _THUMBNAIL,
}


def count_requests(app: Flask) -> None:
    """Count every answer by route, method and status, and the time until it began."""

    @app.after_request
    def count(response: Response) -> Response:
        # The route, never the path: paths carry tokens.
        route = request.url_rule.rule if request.url_rule else "(no route)"
        method = request.method if request.method in _METHODS else "(other)"
        status = str(response.status_code)
        seconds = time.monotonic() - g.get("began", time.monotonic())
        count_answer(runtime().counters, route, method, status, seconds, _kind())
        return response


def count_answer(
    counters: Counters, route: str, method: str, status: str, seconds: float, kind: str | None
) -> None:
    """Count one answer, and the time until it began; those about footage by their kind too."""
    counters.count(event_metrics.REQUESTS, route, method, status)
    counters.observe(event_metrics.REQUEST_SECONDS, seconds, route, method)
    if kind is not None:
        counters.count(event_metrics.MEDIA_ANSWERS, kind, status)


def bytes_counter() -> Callable[[int], None]:
    """Return a counter of bytes sent for the current request, which works after its end too."""
    kind = _kind()
    if kind is None:
        return lambda _sent: None
    return bytes_counter_of(runtime().counters, kind)


def bytes_counter_of(counters: Counters, kind: str) -> Callable[[int], None]:
    """Return a counter of bytes sent in answers of a kind."""
    return lambda sent: counters.count(event_metrics.MEDIA_BYTES, kind, amount=sent)


def _kind() -> str | None:
    return _KINDS.get(request.endpoint or "")

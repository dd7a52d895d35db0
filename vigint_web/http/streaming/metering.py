"""Count requests, and the bytes of videos sent."""

import time
from collections.abc import Callable

from flask import Flask, Response, g, request

from vigint_web.services.core import event_metrics
from vigint_web.services.core.runtime import runtime

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_STREAM, _DOWNLOAD, _THUMBNAIL = "stream", "download", "thumbnail"
_KINDS = {
    "player.stream": _STREAM,
    "videos.stream": _STREAM,
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
        event_metrics.count(event_metrics.REQUESTS, route, method, status)
        seconds = time.monotonic() - g.get("began", time.monotonic())
        event_metrics.observe(event_metrics.REQUEST_SECONDS, seconds, route, method)
        kind = _kind()
        if kind is not None:
            event_metrics.count(event_metrics.MEDIA_ANSWERS, kind, status)
        return response


def bytes_counter() -> Callable[[int], None]:
    """Return a counter of bytes sent for the current request, which works after its end too."""
    kind, counters = _kind(), runtime().counters
    if kind is None:
        return lambda _sent: None
    return lambda sent: counters.count(event_metrics.MEDIA_BYTES, kind, amount=sent)


def _kind() -> str | None:
    return _KINDS.get(request.endpoint or "")

"""Give requests an id, and log each of them in one line without secrets."""

import logging
import re
import secrets
import time

from flask import Flask, Response, g, request

from vigint_web.extensions import db
from vigint_web.logs import log_context

log = logging.getLogger("vigint.access")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_QUIET = {"health.health", "health.healthz", "static", "bootstrap.static"}


def log_requests(app: Flask) -> None:
    """Bind request ids and write the access log."""

    @app.before_request
    def begin() -> None:
        g.request_id = request_id(request.headers.get("X-Request-ID", ""))
        g.began = time.monotonic()
        g.log_context = log_context.set({"request": g.request_id})

    @app.after_request
    def write_line(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.get("request_id", "")
        if request.endpoint not in _QUIET and not g.get("skip_access_log"):
            # The route, never the path: paths carry tokens.
            route = request.url_rule.rule if request.url_rule else "(no route)"
            milliseconds = (time.monotonic() - g.get("began", 0)) * 1000
            write_access_line(
                request.method, route, response.status_code, milliseconds, request.remote_addr
            )
        # Sending bytes takes long: it must not hold a database connection meanwhile.
        db.session.rollback()
        return response

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        token = g.pop("log_context", None)
        if token is not None:
            log_context.reset(token)


def request_id(given: str) -> str:
    """Return the id of a request: the given one, if it is one, else a random one."""
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def write_access_line(
    method: str, route: str, status: int, milliseconds: float, address: str | None
) -> None:
    """Log a request that was answered."""
    fields = {
        "method": method,
        "route": route,
        "status": status,
        "milliseconds": round(milliseconds, 1),
        "address": address,
    }
    log.info("%s %s %s", method, route, status, extra={"fields": fields})


def limiter_address(redis_url: str) -> str:
    """Return the queue server's address in the format of the rate limiter's library."""
    return re.sub(r"^unix:", "redis+unix:", redis_url)

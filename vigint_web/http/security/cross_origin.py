"""Let programs in browsers use a program's token from any site (Fetch, 3.2).

A program's token is the only credential, and no cookie is involved: any origin may read the answer,
refusals included. Scripts of other sites cannot use a person's token.
"""

import logging
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import Headers
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import RequestRedirect

from vigint_web.errors import LinkRefused
from vigint_web.extensions import db
from vigint_web.http.base.errors import STATUSES
from vigint_web.http.security.identity import visitor
from vigint_web.models import Audience, Link
from vigint_web.services.links import access
from vigint_web.services.links.rules import Opening

log = logging.getLogger(__name__)

# The routes that accept a program's token.
ENDPOINTS = frozenset(
    {"api.video", "api.metadata", "api.download", "api.thumbnail", "player.stream"}
)
EXPOSED = "Content-Range, Accept-Ranges, ETag, Content-Length, Last-Modified, Retry-After"
_ASKED_WITH = "Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since"
_REMEMBERED_SECONDS = "600"


def open_link(token: str, opening: Opening, **options: Any) -> Link:
    """Open a link for this request (`access.open_link`), and store its audience.

    Raises:
        LinkRefused: with the contract's code.
    """
    try:
        link = access.open_link(token, opening, visitor(), statuses=STATUSES, **options)
    except LinkRefused as refused:
        g.link_audience = refused.audience
        raise
    g.link_audience = link.audience
    return link


def share_across_origins(app: Flask) -> None:
    """Add the headers to every answer to a program's token."""

    @app.after_request
    def add(response: Response) -> Response:
        if _audience() != Audience.PROGRAM:
            return response
        headers = response.headers
        share(headers)
        if request.method == "OPTIONS":
            headers["Access-Control-Allow-Methods"] = "GET, HEAD"
            headers["Access-Control-Allow-Headers"] = _ASKED_WITH
            headers["Access-Control-Max-Age"] = _REMEMBERED_SECONDS
        return response


def share(headers: Headers) -> None:
    """Let scripts of any site read an answer."""
    headers["Access-Control-Allow-Origin"] = "*"
    headers["Access-Control-Expose-Headers"] = EXPOSED
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"


def _audience() -> str | None:
    """Return the audience of this request's token; None where there is no such link."""
    if "link_audience" in g:
        return str(g.link_audience)
    # Answered before the view: a preflight, another method, a redirect.
    token = _token()
    if token is None:
        return None
    try:
        link = access.find_link(token)
    except SQLAlchemyError:
        log.exception("the audience of a token could not be looked up")
        db.session.rollback()
        return None
    return link.audience if link is not None else None


def _token() -> str | None:
    """Return the token of the address, with or without its trailing slash."""
    if request.endpoint in ENDPOINTS:
        return str((request.view_args or {}).get("token", ""))
    if isinstance(request.routing_exception, RequestRedirect | MethodNotAllowed):
        parts = request.path.removeprefix("/api/video/").removeprefix("/stream/")
        return parts.partition("/")[0] if parts != request.path else None
    return None

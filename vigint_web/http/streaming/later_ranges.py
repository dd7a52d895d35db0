"""Answer the later ranges of a play before the rest of the application.

A player requests a video in many ranges, and a program in more. Each is decided from the rows of
its link, its play and its video, as the first one was; what it does not need is left out: a
session, a user, a language, a form (decision 69). The answers are those of `player.stream`, header
by header, and whatever is not simply allowed goes on to it.
"""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import Headers
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Request

from vigint_web.errors import VigintError
from vigint_web.extensions import db
from vigint_web.http.base.requests import request_id, write_access_line
from vigint_web.http.security.cross_origin import share
from vigint_web.http.security.headers import Protection
from vigint_web.http.security.hosts import is_refused
from vigint_web.http.security.visitor_cookies import mark_in
from vigint_web.http.streaming.metering import STREAM, bytes_counter_of, count_answer
from vigint_web.http.streaming.ranged_response import Sending, decide, describe
from vigint_web.http.streaming.ranges import Answer
from vigint_web.logs import bound
from vigint_web.models import Audience
from vigint_web.services.core.actors import Visitor
from vigint_web.services.core.runtime import Runtime
from vigint_web.services.links.access import access_values
from vigint_web.services.links.access_writer import AccessWriter
from vigint_web.services.links.grants import Grant, find_grant
from vigint_web.services.links.play_rules import TOUCH
from vigint_web.services.links.rules import Opening
from vigint_web.storage import StorageError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ROUTE = "/stream/<token>/"
# Tokens in their only spelling, and the name of a play.
_PATH = re.compile(r"/stream/([A-Za-z0-9_.-]{1,200})/")
_QUERY = re.compile(r"(?:view=([A-Za-z0-9_-]{1,64}))?")
_MOST_READERS = 10_000


@dataclass(frozen=True)
class _Asked:
    """A request that may be answered here."""

    request: Request
    token: str
    view: str | None
    visitor: Visitor


class LaterRanges:
    """A WSGI application around the whole one."""

    def __init__(self, app: Flask, application: "WSGIApplication", protection: Protection) -> None:
        """Take the application, and what answers the requests that go on."""
        self._application = application
        self._app = app
        # The same in all answers.
        self._common = {
            audience: _common_headers(protection, audience).to_wsgi_list() for audience in Audience
        }
        self._runtime: Runtime = app.extensions["vigint"]
        self._sending = Sending(self._runtime, app.extensions["vigint_watch"])
        self._engine: Engine | None = None
        # The time of the last range of a program that is on disk.
        self._recorded: dict[tuple[int, str, str], float] = {}
        self._lock = Lock()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a later range, or pass the request on."""
        began = time.monotonic()
        asked = self._asked(environ)
        if asked is not None:
            try:
                body = self._answer(asked, start_response, began)
            except (SQLAlchemyError, OSError, VigintError, StorageError):
                body = None  # said by the whole application, if it fails again
            if body is not None:
                return body
        return self._application(environ, start_response)

    def _asked(self, environ: "WSGIEnvironment") -> _Asked | None:
        path = _PATH.fullmatch(environ.get("PATH_INFO", ""))
        if path is None or environ.get("REQUEST_METHOD") != "GET" or environ.get("SCRIPT_NAME"):
            return None
        query = _QUERY.fullmatch(environ.get("QUERY_STRING", ""))
        token = path.group(1)
        if query is None or token not in str(environ.get("RAW_URI", token)) or is_refused(environ):
            return None
        request = Request(environ)
        mark = mark_in(request, https=self._runtime.config.is_https)
        agent = request.headers.get("User-Agent", "")
        visitor = Visitor(request.remote_addr or "", agent, mark)
        return _Asked(request, token, query.group(1), visitor)

    def _answer(
        self, asked: _Asked, start_response: "StartResponse", began: float
    ) -> Iterable[bytes] | None:
        if self._engine is None:
            with self._app.app_context():
                self._engine = db.engine
        grant = find_grant(self._runtime, self._engine, asked.token, asked.view, asked.visitor)
        if grant is None:
            return None
        decided = decide(grant.stored, asked.request)
        if decided.status not in {200, 206}:
            return None
        headers = Headers()
        describe(headers, grant.stored, decided)
        count = bytes_counter_of(self._runtime.counters, STREAM)
        body = self._sending.body(headers, grant.stored, decided, grant, count, asked.request)
        named = request_id(asked.request.headers.get("X-Request-ID", ""))
        self._record(asked, grant, decided)
        with bound(request=named):
            self._note(asked, decided, began)
        start_response(
            f"{decided.status} {HTTP_STATUS_CODES[decided.status].upper()}",
            [
                *headers.to_wsgi_list(),
                *self._common[Audience(grant.audience)],
                ("X-Request-ID", named),
            ],
        )
        return [] if body is None else body

    def _record(self, asked: _Asked, grant: Grant, decided: Answer) -> None:
        """Record the range: the first one of a program at once, as the first one of a play is."""
        span = (decided.first, decided.last)
        visitor = asked.visitor
        row = access_values(
            grant.id, Opening.STREAM, visitor, decided.status, view=asked.view, span=span
        )
        writer: AccessWriter = self._app.extensions["vigint_accesses"]
        writer.add(row)
        if grant.audience == Audience.PROGRAM and self._is_first(grant, visitor):
            writer.flush()

    def _is_first(self, grant: Grant, visitor: Visitor) -> bool:
        """Return whether a program begins to read, or goes on after a while."""
        reader = (grant.id, visitor.address, visitor.user_agent)
        now = time.monotonic()
        with self._lock:
            before = self._recorded.get(reader)
            if before is not None and now - before <= TOUCH.total_seconds():
                return False
            if len(self._recorded) >= _MOST_READERS:
                self._recorded.clear()
            self._recorded[reader] = now
        return True

    def _note(self, asked: _Asked, decided: Answer, began: float) -> None:
        status, seconds = decided.status, time.monotonic() - began
        write_access_line("GET", _ROUTE, status, seconds * 1000, asked.request.remote_addr)
        counters = self._runtime.counters
        count_answer(counters, _ROUTE, "GET", str(status), seconds, STREAM)


def _common_headers(protection: Protection, audience: Audience) -> Headers:
    """Return what the hooks of the application add to an answer."""
    headers = Headers({"Cross-Origin-Resource-Policy": "cross-origin", "Vary": "Cookie"})
    if audience == Audience.PROGRAM:
        share(headers)
    protection.add(headers, _ROUTE)
    return headers

"""Serve style sheets, scripts and drawings: small, and cached by browsers until they change.

The version is in the path (`/static/v-1a2b3c4d5e6f/js/app.js`), not in a query: a module that
imports `./app.js` then uses the same address as the page does, and gets the same module.

Only these files are compressed. The length of a compressed page with a CSRF token and request data
would leak the token (BREACH).
"""

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession
from werkzeug.exceptions import NotFound
from werkzeug.http import http_date
from werkzeug.security import safe_join

from vigint_web.http.base.session_cookies import SessionCookies

STATIC_PATHS = ("/static/", "/bootstrap/")
_VERSIONED = re.compile(r"v-([0-9a-f]{12})/(.+)")
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "public, no-cache"
# Text formats; pictures are compressed already.
_TEXT = {".css", ".js", ".json", ".map", ".svg", ".txt"}


def set_up_static_files(app: Flask) -> None:
    """Replace the routes of static files: Vigint's and Bootstrap-Flask's."""
    own = Path(app.static_folder or "")
    bootstrap = Path(app.blueprints["bootstrap"].static_folder or "")
    versions = {
        "static": _version_of_folder(own),
        # Tens of megabytes, the same in every copy of a release.
        "bootstrap.static": _short(metadata.version("Bootstrap-Flask").encode()),
    }

    @app.url_defaults
    def name_the_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint in versions and "filename" in values:
            values["filename"] = f"v-{versions[endpoint]}/{values['filename']}"

    for endpoint, folder in (("static", own), ("bootstrap.static", bootstrap)):
        app.view_functions[endpoint] = _view(folder, versions[endpoint])


class SessionsOfPages(SessionCookies):
    """Keep sessions in a cookie, but not for static files.

    A session's cookie is renewed with every answer, and an answer that sets a cookie must not be
    cached.
    """

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the request's session; none for a static file."""
        if request.path.startswith(STATIC_PATHS):
            return None
        return super().open_session(app, request)


@dataclass(frozen=True)
class _File:
    data: bytes
    tag: str
    compressed: bytes | None


def _view(folder: Path, version: str) -> Callable[..., Response]:
    def serve(filename: str) -> Response:
        return _serve(folder, version, filename)

    return serve


def _serve(folder: Path, version: str, filename: str) -> Response:
    named = _VERSIONED.fullmatch(filename)
    path = _find(folder, named.group(2) if named else filename)
    stat = path.stat()
    file = _read(path, stat.st_mtime_ns, stat.st_size)
    smaller = file.compressed is not None and request.accept_encodings["gzip"] > 0
    response = Response(file.compressed if smaller else file.data)
    response.content_type = _content_type(path)
    if file.compressed is not None:
        response.vary.add("Accept-Encoding")
    if smaller:
        response.headers["Content-Encoding"] = "gzip"
    # Two encodings of one file are two representations: a strong tag identifies one of them.
    response.set_etag(f"{file.tag}-gzip" if smaller else file.tag)
    response.headers["Last-Modified"] = http_date(int(stat.st_mtime))
    # An old page may request its earlier version, but gets the current file.
    current = named is not None and named.group(1) == version
    response.headers["Cache-Control"] = _FOR_EVER if current else _ASK_AGAIN
    response.make_conditional(request)
    return response


def _find(folder: Path, filename: str) -> Path:
    joined = safe_join(str(folder), filename)
    if joined is None or not Path(joined).is_file():
        raise NotFound
    return Path(joined)


@lru_cache(maxsize=256)
def _read(path: Path, _changed: int, _size: int) -> _File:
    data = path.read_bytes()
    compressed = gzip.compress(data, 9, mtime=0) if path.suffix in _TEXT else None
    if compressed is not None and len(compressed) >= len(data):
        compressed = None
    return _File(data, hashlib.sha256(data).hexdigest()[:32], compressed)


def _content_type(path: Path) -> str:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _version_of_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return _short(digest.digest())


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]

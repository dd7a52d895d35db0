"""Turn refusals and accidents into answers: JSON for programs, a page for people."""

import logging
from datetime import datetime

from flask import Flask, Response, g, jsonify, render_template, request
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed, RequestEntityTooLarge

from vigint_web.errors import Invalid, LinkRefused, VigintError
from vigint_web.extensions import db
from vigint_web.i18n.sentences import refusal_sentence
from vigint_web.services.core.transactions import is_disk_full
from vigint_web.storage import NoRoom, StorageError

log = logging.getLogger(__name__)


_CODES = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "unavailable",
    409: "conflict",
    411: "invalid_request",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    503: "unavailable",
}
RETRY_AFTER = {
    "not_ready": "3",
    "unavailable": "5",
    "too_many_requests": "60",
    "locked": "2",
    "storage_full": "300",
}


class BadForm(BadRequest):
    """Say what is wrong with the body, in the description."""


def wants_json() -> bool:
    """Return whether the current address answers programs."""
    return request.path.startswith(("/api/", "/stream/"))


def refuse(
    code: str, status: int, sentence: str | None = None, opens_at: datetime | None = None
) -> Response:
    """Return an error answer in the form of the current address.

    Args:
        opens_at: from when on a link is valid that is not valid yet.
    """
    said = sentence or str(refusal_sentence(code))
    response: Response
    if wants_json():
        response = jsonify(error=said, code=code)
    else:
        public = request.path.startswith("/video/")
        page = render_template(
            "player/refused.html" if public else "error.html",
            code=code,
            status=status,
            sentence=said,
            opens_at=opens_at,
        )
        response = Response(page, content_type="text/html; charset=utf-8")
    response.status_code = status
    if code in RETRY_AFTER:
        response.headers["Retry-After"] = RETRY_AFTER[code]
    if status == 401 and wants_json():
        response.headers["WWW-Authenticate"] = 'Bearer realm="Vigint"'
    return response


def _is_form() -> bool:
    return request.mimetype == "multipart/form-data"


def handle_errors(app: Flask) -> None:
    """Register the handlers."""

    @app.errorhandler(VigintError)
    def refused(error: VigintError) -> Response:
        if isinstance(error, Invalid):
            return refuse(error.code, error.status, " ".join(error.mistakes))
        opens_at = error.opens_at if isinstance(error, LinkRefused) else None
        return refuse(error.code, error.status, opens_at=opens_at)

    @app.errorhandler(CSRFError)
    def forged(_error: CSRFError) -> Response:
        return refuse("csrf_failed", 400)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        status = error.code or 500
        if status < 400:
            response = error.get_response()
            return Response(response.get_data(), response.status_code, response.headers)
        code = _CODES.get(status, "error")
        too_large = isinstance(error, RequestEntityTooLarge)
        # A form is the remedy already: its own limits are others.
        if too_large and request.path == "/api/v1/incidents" and not _is_form():
            sentence = gettext(
                "The document is larger than 32 MiB. Send the images as multipart parts instead."
            )
            return refuse(code, status, sentence)
        answer = refuse(code, status, error.description if isinstance(error, BadForm) else None)
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return answer

    @app.errorhandler(DataError)
    def unstorable(_error: DataError) -> Response:
        db.session.rollback()
        return refuse("invalid_request", 400)

    @app.errorhandler(OperationalError)
    def database(error: OperationalError) -> Response:
        log.exception("the database failed")
        g.database_down = True
        db.session.rollback()
        if is_disk_full(error):
            return refuse("storage_full", 507)
        return refuse("unavailable", 503)

    @app.errorhandler(StorageError)
    def storage(error: StorageError) -> Response:
        log.error("the storage failed: %s", error)
        db.session.rollback()
        if isinstance(error, NoRoom):
            return refuse("storage_full", 507)
        return refuse("unavailable", 503)

    @app.errorhandler(Exception)
    def accident(_error: Exception) -> Response:
        log.exception("unexpected error")
        db.session.rollback()
        return refuse("internal_error", 500)

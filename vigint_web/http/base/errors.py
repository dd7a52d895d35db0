"""Turn refusals and exceptions into answers: JSON for programs, a page for people."""

import logging
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from flask import Flask, Response, g, jsonify, render_template, request
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from vigint_web.errors import (
    Conflict,
    Invalid,
    LinkRefused,
    Malformed,
    NotFound,
    TooLarge,
    VigintError,
)
from vigint_web.extensions import db
from vigint_web.http.base.logged_in import is_logged_in
from vigint_web.i18n.refusals import error_sentence
from vigint_web.i18n.sentences import refusal_sentence
from vigint_web.services.core.runtime import config
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
# Statuses of refusals: by kind, else by code.
_OF_KINDS: Mapping[type[VigintError], int] = {
    Malformed: 400,
    Invalid: 422,
    NotFound: 404,
    Conflict: 409,
}
STATUSES: Mapping[str, int] = {
    "account_link_expired": 410,
    "account_link_used": 410,
    "checksum_mismatch": 460,  # of the tus protocol
    "empty_file": 400,
    "forbidden": 403,
    "hash_mismatch": 422,
    "insufficient_scope": 403,
    "invalid_host": 400,
    "invalid_key": 403,
    "lease_lost": 409,
    "link_expired": 410,
    "link_not_yet_valid": 403,
    "link_revoked": 410,
    "link_used_up": 410,
    "locked": 423,
    "login_required": 401,
    "not_found": 404,
    "not_granted": 403,
    "not_ready": 409,
    "processing_failed": 409,
    "second_factor_required": 403,
    "storage_full": 507,
    "too_large": 413,
    "too_many_requests": 429,
    "unauthorized": 401,
    "unavailable": 503,
    "unsupported_version": 412,
    "upload_expired": 410,
    "upload_too_long": 413,
}
RETRY_AFTER = {
    "not_ready": "3",
    "unavailable": "5",
    "too_many_requests": "60",
    "locked": "2",
    "storage_full": "300",
}


def status_of(error: VigintError) -> int:
    """Return the HTTP status of a refusal."""
    for kind in type(error).__mro__:
        if kind in _OF_KINDS:
            return _OF_KINDS[kind]
    return STATUSES.get(error.code, 400)


def wants_json() -> bool:
    """Return whether the current address belongs to a program API."""
    return request.path.startswith(("/api/", "/stream/"))


def refuse(
    code: str,
    status: int,
    sentence: str | None = None,
    opens_at: datetime | None = None,
    members: Mapping[str, object] = MappingProxyType({}),
) -> Response:
    """Return an error answer in the format of the current address.

    Args:
        opens_at: the start of validity of a link that is not valid yet.
        members: what a program reads besides the sentence and the code.
    """
    message = sentence or str(refusal_sentence(code))
    response: Response
    if wants_json():
        response = jsonify({"error": message, "code": code, **members})
    else:
        page = render_template(
            _template(code, status),
            code=code,
            status=status,
            sentence=message,
            opens_at=opens_at,
            is_error=True,
        )
        response = Response(page, content_type="text/html; charset=utf-8")
    response.status_code = status
    if code in RETRY_AFTER:
        response.headers["Retry-After"] = RETRY_AFTER[code]
        if status != 429:
            # The rate limiter would put the end of its period in place of a shorter delay.
            g.retry_after = RETRY_AFTER[code]
    if status == 401 and wants_json():
        response.headers["WWW-Authenticate"] = 'Bearer realm="Vigint"'
    return response


def _template(code: str, status: int) -> str:
    if request.path.startswith("/video/"):
        return "player/refused.html"
    # Without a database there is no navigation, and without the second factor it leads nowhere.
    if status < 500 and code != "second_factor_required" and is_logged_in():
        return "error_in_frame.html"
    return "error.html"


def answer_to(error: VigintError) -> Response:
    """Return the answer to a refusal: its status, its code and its sentence."""
    opens_at = error.opens_at if isinstance(error, LinkRefused) else None
    return refuse(error.code, status_of(error), error_sentence(error), opens_at, error.members)


def _is_form() -> bool:
    return request.mimetype == "multipart/form-data"


def handle_errors(app: Flask) -> None:
    """Register the handlers."""

    @app.errorhandler(VigintError)
    def refused(error: VigintError) -> Response:
        return answer_to(error)

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
        # No hint for forms: they have other limits.
        if too_large and request.path == "/api/v1/incidents" and not _is_form():
            sentence = gettext(
                "The document is larger than 32 MiB. Send the images as multipart parts instead."
            )
            return refuse(code, status, sentence)
        if too_large and wants_json() and (request.content_length or 0) > config().max_hosted_bytes:
            return answer_to(TooLarge(config().max_hosted_bytes))
        answer = refuse(code, status)
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
        return refuse("unavailable", 503, str(refusal_sentence("storage_away")))

    @app.errorhandler(Exception)
    def accident(_error: Exception) -> Response:
        log.exception("unexpected error")
        db.session.rollback()
        return refuse("internal_error", 500)

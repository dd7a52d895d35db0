"""Distinguish requests from our own pages from those that another site causes a browser to send."""

from flask import request
from flask_wtf.csrf import CSRFError, validate_csrf
from wtforms.validators import ValidationError


def require_genuine() -> None:
    """Raise CSRFError unless the header X-CSRFToken proves that a page of this session sent the
    request.

    Tokens live as long as their session, so they do not expire during an upload of hours. The
    browser's own statement about the requesting page is evaluated too.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise CSRFError
    try:
        validate_csrf(request.headers.get("X-CSRFToken"))
    except ValidationError:
        raise CSRFError from None

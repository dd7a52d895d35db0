"""Tell requests that a page of ours makes from those that another site makes a browser send."""

from flask import request
from flask_wtf.csrf import CSRFError, validate_csrf
from wtforms.validators import ValidationError


def require_genuine() -> None:
    """Raise CSRFError unless the header X-CSRFToken says that a page of this session asks.

    Tokens live as long as their session, so an upload of hours does not outlive its own. What the
    browser itself says about the asking page is believed too.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise CSRFError
    try:
        validate_csrf(request.headers.get("X-CSRFToken"))
    except ValidationError:
        raise CSRFError from None

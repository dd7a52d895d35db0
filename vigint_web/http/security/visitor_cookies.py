"""Mark a browser that opened the page of a link, to bind its play to it.

The cookie gives no access and contains no personal data. A browser that does not keep it can play
all the same, and is recognized by its address and program then.
"""

from flask import Response, request
from werkzeug.wrappers import Request

from vigint_web.http.base.session_cookies import host_cookie
from vigint_web.services.core.runtime import config
from vigint_web.services.links import play_names

_NAME = "vigint_visitor"
# Longer than any play that can begin today.
_SECONDS = 2 * 24 * 3_600


def read_mark() -> str | None:
    """Return the mark in the request, if it is valid."""
    return mark_in(request, https=config().is_https)


def mark_in(asked: Request, *, https: bool) -> str | None:
    """Return the mark in a request, if it is valid."""
    given = asked.cookies.get(host_cookie(_NAME, https=https), "")
    return given if play_names.is_mark(given) else None


def set_mark(response: Response, mark: str) -> None:
    """Set a mark in the browser."""
    https = config().is_https
    response.set_cookie(
        host_cookie(_NAME, https=https),
        mark,
        max_age=_SECONDS,
        path="/",
        secure=https,
        httponly=True,
        samesite="Lax",  # the page is opened from mails, which are other sites
    )

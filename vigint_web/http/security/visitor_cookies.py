"""Mark a browser that opened the page of a link, so that its viewing is its own.

The cookie opens nothing and says nothing of a person. A browser that does not keep it plays all the
same, and is known by its address and program then.
"""

from flask import Response, request

from vigint_web.http.base.session_cookies import host_cookie
from vigint_web.services.core.runtime import config
from vigint_web.services.links import play_names

_NAME = "vigint_visitor"
# Longer than any viewing that a page of today begins.
_SECONDS = 2 * 24 * 3_600


def read_mark() -> str | None:
    """Return the mark that the request carries, if it is one."""
    given = request.cookies.get(host_cookie(_NAME, https=config().is_https), "")
    return given if play_names.is_mark(given) else None


def set_mark(response: Response, mark: str) -> None:
    """Let the browser carry a mark from now on."""
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

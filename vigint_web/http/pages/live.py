"""Answer polls of open pages, without a body while nothing has changed."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from flask import Flask, Response, current_app, g, request
from flask.sessions import SessionMixin
from flask_babel import get_locale

from vigint_web.http.base.static import SessionsOfPages
from vigint_web.http.pages.locale import own_zone
from vigint_web.http.security.identity import actor
from vigint_web.services.core.change_token import pulse

_BUILD = "vigint_build"


def set_up_live(app: Flask, *, https: bool) -> None:
    """Exclude polls from session renewal, and compute the version of the templates."""
    app.session_interface = _Sessions(https=https)
    app.extensions[_BUILD] = _build(Path(app.root_path))


def live_page(
    render: Callable[[], str], *, also: object = None, instead: object = None
) -> Response:
    """Answer 304 if the client has the current version, else render it.

    Args:
        render: returns the fragment; not called for a 304.
        also: further inputs of the fragment, beside everything that the change token covers.
        instead: all inputs of the fragment, instead of what the change token covers.
    """
    g.is_poll = True
    # Computed before reading: a change in between is found by the next poll.
    tag = _tag(pulse(actor()) if instead is None else instead, also)
    if request.if_none_match.contains_weak(tag):
        g.skip_access_log = True
        response = Response(status=304)
    else:
        response = Response(render(), content_type="text/html; charset=utf-8")
    response.set_etag(tag, weak=True)
    return response


def _tag(changing: object, also: object) -> str:
    who = actor()
    sites = None if who.site_ids is None else sorted(who.site_ids)
    parts = (
        current_app.extensions[_BUILD],
        changing,
        str(get_locale()),
        # Of a reader without one it follows from sites, whose changes the change token covers.
        own_zone(),
        (who.user_id, who.role, sites),
        request.full_path,
        also,
    )
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


class _Sessions(SessionsOfPages):
    """Renew a session by pages that a user opens, not by what an open page loads or polls.

    Pictures and footage arrive while another request changes the session, and the cookie of the
    last answer stays.
    """

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Return whether the answer sets the cookie."""
        if g.get("is_poll"):
            return session.modified
        return super().should_set_cookie(app, session)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Set the cookie, if the answer is a page or the session was changed."""
        if session.modified or response.mimetype == "text/html":
            super().save_session(app, session, response)
        elif session.accessed:
            response.vary.add("Cookie")


def _build(root: Path) -> str:
    """Return a value that changes with every version of the templates and their translations."""
    digest = hashlib.sha256()
    for folder in ("templates", "translations"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in {".html", ".mo"}:
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]

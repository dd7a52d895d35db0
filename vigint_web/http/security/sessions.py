"""Begin and end the sessions of browsers, and say in the database which of them are in use."""

from collections.abc import Collection
from contextlib import suppress

from flask import Flask, Response, g, redirect, request, session, url_for
from flask_login import current_user, login_user, logout_user

from vigint_web.errors import NotFound
from vigint_web.extensions import login
from vigint_web.http.security.devices import remember_device
from vigint_web.http.security.identity import actor, visitor
from vigint_web.models import User
from vigint_web.services.accounts import sessions


def set_up_sessions(app: Flask) -> None:
    """Find people by their session's row, and note when it was last used."""
    login.init_app(app)
    login.user_loader(sessions.find_user)

    @app.after_request
    def touch(response: Response) -> Response:
        # Flask-Login's note of who asked; to ask it would look for somebody on every request.
        user = g.get("_login_user")
        asked_by_itself = g.get("is_poll") or g.get("database_down")
        if isinstance(user, User) and user.session_id and not asked_by_itself:
            sessions.touch(user.session_id)
        if "retry_after" in g:
            # The rate limiter, which has written its own by now, knows nothing of this wait.
            response.headers["Retry-After"] = str(g.retry_after)
        return response


def enter(user: User, factors: Collection[str], target: str) -> Response:
    """Log somebody in and send them on; nothing of the session before survives."""
    sessions.begin_session(user, visitor(), factors)
    forget_session()
    login_user(user)
    session.permanent = True
    response = as_response(redirect(target))
    remember_device(response, user.email)
    return response


def leave() -> None:
    """End the session of whoever asks: a copy of its cookie is worth nothing from then on."""
    with suppress(NotFound):  # ended by another request at this moment
        sessions.end_session(actor(), current_user.id, current_user.session_id)
    logout_user()
    forget_session()


def forget_session() -> None:
    """Start anew: nothing of whoever used this browser before survives but the language."""
    chosen = session.get("locale")
    session.clear()
    if chosen:
        session["locale"] = chosen


def safe_target(default: str = "") -> str:
    """Return where to go next, within this site only."""
    target = str(request.values.get("next", "")) or default
    # "//host" and "/\host" are other sites to a browser.
    inside = target.startswith("/") and not target.startswith(("//", "/\\"))
    if inside and not any(c in target for c in "\r\n\t\\"):
        return target
    return url_for("dashboard.home")


def as_response(answer: object) -> Response:
    """Return what `redirect` made as the kind of answer that it is in Flask."""
    if not isinstance(answer, Response):
        raise TypeError(f"not an answer of Flask: {type(answer).__name__}")
    return answer

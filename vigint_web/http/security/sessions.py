"""Begin and end the sessions of browsers, and record in the database which are in use."""

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
    """Find users by their session's row, and record its last use."""
    login.init_app(app)
    login.user_loader(sessions.find_user)

    @app.after_request
    def touch(response: Response) -> Response:
        # Flask-Login's cached user; accessing current_user would load one on every request.
        user = g.get("_login_user")
        asked_by_itself = g.get("is_poll") or g.get("database_down")
        if isinstance(user, User) and user.session_id and not asked_by_itself:
            sessions.touch(user.session_id)
        if "retry_after" in g:
            # The rate limiter has already written its own header, which does not include this
            # delay.
            response.headers["Retry-After"] = str(g.retry_after)
        return response


def enter(user: User, factors: Collection[str], target: str) -> Response:
    """Log a user in and redirect; nothing of the previous session is kept."""
    sessions.begin_session(user, visitor(), factors)
    forget_session()
    login_user(user)
    session.permanent = True
    response = as_response(redirect(target))
    remember_device(response, user.email)
    return response


def leave() -> None:
    """End the current session; copies of its cookie become invalid."""
    with suppress(NotFound):  # ended concurrently by another request
        sessions.end_session(actor(), current_user.id, current_user.session_id)
    logout_user()
    forget_session()


def forget_session() -> None:
    """Start a new session that keeps only the language of the previous one."""
    chosen = session.get("locale")
    session.clear()
    if chosen:
        session["locale"] = chosen


def safe_target(default: str = "") -> str:
    """Return the address to redirect to, within this site only."""
    target = str(request.values.get("next", "")) or default
    # Browsers treat "//host" and "/\host" as other sites.
    inside = target.startswith("/") and not target.startswith(("//", "/\\"))
    if inside and not any(c in target for c in "\r\n\t\\"):
        return target
    return url_for("dashboard.home")


def as_response(answer: object) -> Response:
    """Return the result of `redirect` with Flask's response type."""
    if not isinstance(answer, Response):
        raise TypeError(f"not an answer of Flask: {type(answer).__name__}")
    return answer

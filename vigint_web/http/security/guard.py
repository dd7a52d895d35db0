"""Refuse every request that its route's rule does not allow; deny by default."""

from flask import Flask, g, redirect, request, session, url_for
from flask_login import current_user
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.wrappers import Response

from vigint_web.crypto.tokens import extended_token
from vigint_web.errors import VigintError
from vigint_web.http.base.connection_time import name_owner
from vigint_web.http.security.identity import actor
from vigint_web.http.security.monitoring import may_monitor
from vigint_web.http.security.rules import (
    BEFORE_SECOND_FACTOR,
    RULES,
    Anyone,
    Key,
    Monitor,
    Person,
    PersonOrKey,
    Rule,
    Token,
)
from vigint_web.models import Scope, User
from vigint_web.services.accounts.api_keys import find_api_key
from vigint_web.services.accounts.two_factor import is_required
from vigint_web.services.core.hidden_rows import hide_from
from vigint_web.services.core.transactions import release_connection

_BY_TOKEN = frozenset(name for name, rule in RULES.items() if isinstance(rule, Token))
_SENDERS = frozenset({Scope.INGEST, Scope.HOST})
# Accepts any text as a token, and answers that it is unknown.
_ANY_TEXT = frozenset({"hosting.verify"})


class Unauthorized(VigintError):
    """The request is not authenticated."""

    code = "unauthorized"


class LoginRequired(VigintError):
    """The route requires a logged-in user."""

    code = "login_required"


class Forbidden(VigintError):
    """The caller lacks the permission."""

    def __init__(self, code: str = "forbidden") -> None:
        super().__init__(code)
        self.code = code


def guard(app: Flask) -> None:
    """Check rules before the request's body is read."""

    @app.before_request
    def check() -> Response | None:
        # No name or token contains it, and PostgreSQL refuses it.
        if "\x00" in request.path:
            raise NotFound
        if "%00" in request.environ.get("QUERY_STRING", "") and request.endpoint not in _ANY_TEXT:
            raise NotFound if request.endpoint in _BY_TOKEN else BadRequest
        if request.endpoint is None:
            return None  # no route: 404 or 405 follows
        answer = _check(RULES.get(request.endpoint))
        if answer is None:
            _name_owner()
            _hide_confidential(RULES[request.endpoint])
        # A body may take minutes to arrive: release the database connection meanwhile.
        release_connection()
        return answer


def _name_owner() -> None:
    """Set the owner whose share of the threads may wait for the rest of the body."""
    key, user = g.get("api_key"), g.get("_login_user")
    if key is not None:
        name_owner(request.environ, f"key:{key.id}")
    elif isinstance(user, User):
        name_owner(request.environ, f"user:{user.id}")


def _hide_confidential(rule: Rule) -> None:
    """Hide confidential incidents from a person who is not named, and from programs.

    A program that posts or hosts is not limited: it reaches only what it has sent itself, whose
    answers must stay the same (contracts, sections 5 and 6).
    """
    if isinstance(rule, Key) and rule.scope in _SENDERS and rule.other is None:
        return
    if isinstance(rule, Key | PersonOrKey) and g.get("api_key") is not None:
        hide_from(None)
    elif isinstance(rule, Person | PersonOrKey):
        hide_from(actor().user_id)


def _check(rule: Rule | None) -> Response | None:
    match rule:
        case Anyone():
            return None
        case Token() if _is_token_plain() or _is_extended_address():
            return None
        case Key(scope, other):
            _check_key(scope, other)
            return None
        case Monitor() if may_monitor():
            return None
        case PersonOrKey(permission, scope):
            if _given_key() or not current_user.is_authenticated:
                # A browser whose session ended is asked to log in again, not for a key.
                if not _given_key() and session.get("_user_id"):
                    raise LoginRequired
                _check_key(scope, None)
            elif _lacks_second_factor():
                raise Forbidden("second_factor_required")
            elif not actor().may(permission):
                raise Forbidden
            return None
        case Person(permission):
            if not current_user.is_authenticated:
                if request.method != "GET":
                    raise LoginRequired
                return redirect(url_for("auth.login", next=request.full_path.rstrip("?")))
            if _lacks_second_factor():
                if request.method != "GET":
                    raise Forbidden("second_factor_required")
                return redirect(url_for("auth.two_factor_setup"))
            if permission is not None and not actor().may(permission):
                raise Forbidden
            return None
    raise NotFound


def _is_token_plain() -> bool:
    """Return whether the address contains the token unencoded; a percent-encoded one is not
    accepted.
    """
    token = (request.view_args or {}).get("token") or request.args.get("token", "")
    return token in request.environ.get("RAW_URI", token)


def _is_extended_address() -> bool:
    """Return whether this is a page's address with a suffix; its view redirects to the page."""
    token = request.args.get("token", "")
    return request.endpoint == "player.page" and extended_token(token) is not None


def _lacks_second_factor() -> bool:
    return (
        request.endpoint not in BEFORE_SECOND_FACTOR
        and not current_user.has_second_factor
        and is_required(current_user)
    )


def _given_key() -> str:
    kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer" and bearer.strip():
        return bearer.strip()
    return request.headers.get("X-API-Key", "").strip()


def _check_key(scope: Scope, other: Scope | None) -> None:
    given = _given_key()
    if not given:
        raise Unauthorized
    key = find_api_key(given)
    if key is None:
        raise Forbidden("invalid_key")
    if not key.allows(scope) and (other is None or not key.allows(other)):
        raise Forbidden("insufficient_scope")
    g.api_key = key

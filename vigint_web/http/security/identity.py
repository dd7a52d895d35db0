"""Return the identity of the current request."""

from typing import cast

from flask import g, request
from flask_login import current_user

from vigint_web.http.security.visitor_cookies import read_mark
from vigint_web.models import ApiKey
from vigint_web.permissions import Permission
from vigint_web.services.core.actors import Actor, Visitor, as_user


def actor() -> Actor:
    """Return the logged-in user; only after a rule that requires one."""
    return as_user(current_user._get_current_object())


def api_key() -> ApiKey:
    """Return the key of the request; only after a rule that requires one."""
    return cast(ApiKey, g.api_key)


def visitor() -> Visitor:
    """Return the request's data about the visitor of a link."""
    return Visitor(request.remote_addr or "", request.headers.get("User-Agent", ""), read_mark())


def can(permission: str) -> bool:
    """Return whether the reader of this page has a permission (for templates)."""
    return bool(current_user.is_authenticated) and actor().may(Permission(permission))

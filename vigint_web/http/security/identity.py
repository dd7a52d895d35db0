"""Say who makes the current request."""

from typing import cast

from flask import g, request
from flask_login import current_user

from vigint_web.http.security.visitor_cookies import read_mark
from vigint_web.models import ApiKey
from vigint_web.permissions import Permission
from vigint_web.services.core.actors import Actor, as_user
from vigint_web.services.core.visitors import Visitor


def actor() -> Actor:
    """Return the logged-in person; only behind a rule that asks for one."""
    return as_user(current_user._get_current_object())


def api_key() -> ApiKey:
    """Return the key the request came with; only behind a rule that asks for one."""
    return cast(ApiKey, g.api_key)


def visitor() -> Visitor:
    """Return what the request tells of whoever holds a link."""
    return Visitor(request.remote_addr or "", request.headers.get("User-Agent", ""), read_mark())


def can(permission: str) -> bool:
    """Return whether the person who reads this page may do something (for templates)."""
    return bool(current_user.is_authenticated) and actor().may(Permission(permission))

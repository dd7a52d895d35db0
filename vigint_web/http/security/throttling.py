"""Limit how often a key may ask; counted in the queue server, per process while that is away."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import g, request

from vigint_web.extensions import limiter
from vigint_web.models import User

View = TypeVar("View", bound=Callable[..., object])

READS = "600/minute"
POSTS = "600/minute"
PIECES = "6000/minute"


def _whose() -> str:
    key = g.get("api_key")
    if key is not None:
        return f"key:{key.id}"
    # Flask-Login's note of who asked: the guard has looked.
    user = g.get("_login_user")
    return f"user:{user.id}" if isinstance(user, User) else f"address:{request.remote_addr}"


def limit_reading(view: View) -> View:
    """Let a key read so many documents a minute."""
    limited: Any = limiter.shared_limit(READS, scope="reading", key_func=_whose)(view)
    return limited  # type: ignore[no-any-return]  # the decorator keeps the signature


def limit_posting(view: View) -> View:
    """Let a key post so many incidents a minute; more is a detector that has gone wild."""
    limited: Any = limiter.shared_limit(POSTS, scope="posting", key_func=_whose)(view)
    return limited  # type: ignore[no-any-return]  # as above


def limit_pieces(view: View) -> View:
    """Let a key or a person send so many pieces of uploads a minute, and ask how they came."""
    limited: Any = limiter.shared_limit(PIECES, scope="pieces", key_func=_whose)(view)
    return limited  # type: ignore[no-any-return]  # as above

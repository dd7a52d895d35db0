"""Limit the rate of a key's requests; counted in the queue server, or per process while it is
unavailable.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import g, request

from vigint_web.extensions import limiter
from vigint_web.models import User

View = TypeVar("View", bound=Callable[..., object])

READS = "600/minute"
POSTS = "600/minute"
REVIEWS = "600/minute"
SHARES = "60/minute"
PIECES = "6000/minute"


def _whose() -> str:
    key = g.get("api_key")
    if key is not None:
        return f"key:{key.id}"
    # Flask-Login's cached user: the guard has loaded it.
    user = g.get("_login_user")
    return f"user:{user.id}" if isinstance(user, User) else f"address:{request.remote_addr}"


def limit_reading(view: View) -> View:
    """Limit the documents that a key reads per minute."""
    limited: Any = limiter.shared_limit(READS, scope="reading", key_func=_whose)(view)
    return limited  # type: ignore[no-any-return]  # the decorator keeps the signature


def limit_posting(view: View) -> View:
    """Limit the incidents that a key posts per minute, against malfunctioning detectors."""
    limited: Any = limiter.shared_limit(POSTS, scope="posting", key_func=_whose)(view)
    return limited  # type: ignore[no-any-return]  # as above


def limit_reviewing(view: View) -> View:
    """Limit the requests of a reviewing key per minute, apart from the incidents that it posts."""
    limited: Any = limiter.shared_limit(REVIEWS, scope="reviewing", key_func=_whose)(view)
    return limited  # type: ignore[no-any-return]  # as above


def limit_sharing(view: View) -> View:
    """Limit the requests of a key that share and revoke per minute: each may send many mails."""
    limited: Any = limiter.shared_limit(SHARES, scope="sharing", key_func=_whose)(view)
    return limited  # type: ignore[no-any-return]  # as above


def limit_pieces(view: View) -> View:
    """Limit the pieces of uploads per minute of a key or a user, including status requests."""
    limited: Any = limiter.shared_limit(PIECES, scope="pieces", key_func=_whose)(view)
    return limited  # type: ignore[no-any-return]  # as above

"""Limit how often a key may ask; counted in the queue server, per process while that is away."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import g, request

from vigint_web.extensions import limiter

View = TypeVar("View", bound=Callable[..., object])

READS = "600/minute"
POSTS = "600/minute"


def _whose() -> str:
    key = g.get("api_key")
    return f"key:{key.id}" if key is not None else f"address:{request.remote_addr}"


def limit_reading(view: View) -> View:
    """Let a key read so many documents a minute."""
    limited: Any = limiter.shared_limit(READS, scope="reading", key_func=_whose)(view)
    return limited  # type: ignore[no-any-return]  # the decorator keeps the signature


def limit_posting(view: View) -> View:
    """Let a key post so many incidents a minute; more is a detector that has gone wild."""
    limited: Any = limiter.shared_limit(POSTS, scope="posting", key_func=_whose)(view)
    return limited  # type: ignore[no-any-return]  # as above

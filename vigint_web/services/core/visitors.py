"""Describe the visitor of a token, from the request."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Visitor:
    """An address and the visitor's user agent; neither is proof.

    The mark is the value of a cookie set by a link's page, if the browser keeps it.
    """

    address: str
    user_agent: str
    mark: str | None = None

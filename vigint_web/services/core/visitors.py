"""Say who came with a token, as far as a request tells."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Visitor:
    """An address and what the visitor's program calls itself; neither proves anything.

    The mark is the value of a cookie that a page behind a link sets, where the browser keeps it.
    """

    address: str
    user_agent: str
    mark: str | None = None

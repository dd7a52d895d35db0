"""Say who came with a token, as far as a request tells."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Visitor:
    """An address and what the visitor's program calls itself; neither proves anything."""

    address: str
    user_agent: str

"""Read where a page of a list begins."""

from flask import request

_LARGEST = 2**31 - 1  # what an id can be in both databases


def before_id() -> int | None:
    """Return the id before which the asked page begins; None for the first, and for nonsense."""
    number = request.args.get("before", type=int)
    return number if number is not None and 0 < number <= _LARGEST else None

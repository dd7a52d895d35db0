"""Decide the answer to a request for bytes: RFC 9110, sections 13 and 14. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

BROWSER_PART = 1024 * 1024
# Longer numbers exceed int()'s limit: such a range is ignored like other invalid ones.
_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,4000})-([0-9]{0,4000})", re.IGNORECASE)
_ENTITY_TAG = re.compile(r'(?:W/)?"[^"]*"')


@dataclass(frozen=True)
class Conditions:
    """The header fields of a request that determine its answer."""

    range: str | None = None
    if_range: str | None = None
    if_match: str | None = None
    if_unmodified_since: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None


@dataclass(frozen=True)
class Answer:
    """A status, and for 200 and 206 the first byte and the length."""

    status: int
    first: int = 0
    length: int = 0

    @property
    def last(self) -> int:
        """Return the last byte's position."""
        return self.first + self.length - 1


def answer(
    asked: Conditions, *, size: int, etag: str, modified: datetime, bounded: bool = False
) -> Answer:
    """Return the answer to a GET.

    Args:
        etag: the strong entity tag, quotes included.
        modified: when the bytes were stored.
        bounded: an open-ended range gets at most 1 MiB (a browser requests the rest itself).
    """
    if not _may_go_on(asked, etag, modified):
        return Answer(412)
    if asked.if_none_match is not None:
        if _matches(asked.if_none_match, etag, weak=True):
            return Answer(304)
    elif asked.if_modified_since is not None:
        since = _date(asked.if_modified_since)
        if since is not None and modified.replace(microsecond=0) <= since:
            return Answer(304)
    whole = Answer(200, 0, size)
    if asked.range is None or not _range_holds(asked.if_range, etag, modified):
        return whole
    found = _RANGE.fullmatch(asked.range.strip())
    if found is None or found.group(0).endswith("=-"):
        return whole  # another unit, several ranges, or invalid: may be ignored (14.2)
    first, last = found.groups()
    if not first:
        length = min(int(last), size)
        return Answer(206, size - length, length) if length else Answer(416)
    start = int(first)
    if last and int(last) < start:
        return whole  # invalid, hence ignored (14.1.1)
    if start >= size:
        return Answer(416)
    length = (min(int(last), size - 1) if last else size - 1) - start + 1
    if bounded and not last:
        length = min(length, BROWSER_PART)
    return Answer(206, start, length)


def _may_go_on(asked: Conditions, etag: str, modified: datetime) -> bool:
    """Return whether the bytes are unchanged since the client's request (RFC 9110, 13.2.2)."""
    if asked.if_match is not None:
        return _matches(asked.if_match, etag, weak=False)
    since = _date(asked.if_unmodified_since or "")
    return since is None or modified.replace(microsecond=0) <= since


def _range_holds(if_range: str | None, etag: str, modified: datetime) -> bool:
    if if_range is None:
        return True
    if if_range.strip().startswith(('"', "W/")):
        return if_range.strip() == etag  # strong comparison: a weak tag never matches (13.1.5)
    return _date(if_range) == modified.replace(microsecond=0)


def _matches(header: str, etag: str, *, weak: bool) -> bool:
    if header.strip() == "*":
        return True
    tags: list[str] = _ENTITY_TAG.findall(header)
    if weak:
        return etag in {tag.removeprefix("W/") for tag in tags}
    return etag in tags


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo is not None else None

"""Evaluate the requests of a play: the parts sent, and whether it was automated.

Pure. A server knows bytes; their position in time is an estimate from their position in the file,
good for an even bitrate and never exact.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from vigint_web.services.videos.stored_files import Film

# Programs that open links in mails use these names, or control a browser that says so.
_PROGRAMS = re.compile(
    r"bot\b|crawl|spider|scan|preview|prefetch|headless|phantom|selenium|puppeteer|playwright"
    r"|safelinks|proofpoint|mimecast|barracuda|symantec|trend ?micro|fortinet|sophos|zscaler"
    r"|wget|curl|python|httpx|aiohttp|okhttp|java/|go-http|libwww|monitor|check",
    re.IGNORECASE,
)
# A play ends after this much silence, and in any case after four times the video's length, but
# not before two hours and not after a day.
IDLE_END = timedelta(minutes=30)
_SHORTEST, _LONGEST, _LENGTHS = timedelta(hours=2), timedelta(hours=24), 4
# The precision of a play's last activity.
TOUCH = timedelta(seconds=30)
# Seconds of a video: start and end of a part.
Part = tuple[float, float]
# No person reads the page and presses play faster.
_QUICKEST = timedelta(seconds=1)


def longest_play(duration: float | None) -> timedelta:
    """Return the maximum duration of a play.

    Args:
        duration: of the video, in seconds, if known.
    """
    wanted = min((duration or 0) * _LENGTHS, _LONGEST.total_seconds())
    return max(_SHORTEST, timedelta(seconds=wanted))


def is_over(started_at: datetime, last_at: datetime, now: datetime, duration: float | None) -> bool:
    """Return whether a play has ended."""
    return now - last_at >= IDLE_END or now - started_at >= longest_play(duration)


def is_continued(
    started_at: datetime, last_at: datetime, now: datetime, duration: float | None
) -> bool:
    """Return whether a range continues a play whose row needs no change."""
    return now - last_at <= TOUCH and not is_over(started_at, last_at, now, duration)


def is_strange(visitor: str | None, mark: str | None) -> bool:
    """Return whether a play was begun with a cookie and continues without one.

    That is another visitor, from the same address.

    Args:
        visitor: the digest of the cookie with which it was begun.
        mark: the cookie of the request.
    """
    return visitor is not None and mark is None


@dataclass(frozen=True)
class Span:
    """A range of a file: the first and the last byte, both included (RFC 9110, 14.1.2)."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Return its number of bytes."""
        return self.last - self.first + 1


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Return the ranges that were sent at least once, in order, without overlap."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: span.first):
        if merged and span.first <= merged[-1].last + 1:
            merged[-1] = Span(merged[-1].first, max(merged[-1].last, span.last))
        else:
            merged.append(span)
    return merged


def parts_in_time(spans: Iterable[Span], film: Film) -> list[Part]:
    """Return the approximate seconds of a video in the ranges, as (start, end)."""
    size, duration = film.size, film.duration
    if not duration or size <= 0:
        return []
    return [
        (
            round(max(0, span.first) / size * duration, 1),
            round(min(size, span.last + 1) / size * duration, 1),
        )
        for span in merge_spans(spans)
        if span.first < size
    ]


def merge_parts(parts: Iterable[Part]) -> list[Part]:
    """Return seconds in order, with those seen in two tracks once."""
    merged: list[Part] = []
    for start, end in sorted(parts):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def looks_automated(user_agent: str, since_page: timedelta | None) -> bool:
    """Return whether a play looks automated: only a suspicion, and shown as one.

    Args:
        since_page: time between the page being opened and the first byte, if it was opened.
    """
    if not user_agent.strip() or _PROGRAMS.search(user_agent):
        return True
    return since_page is not None and timedelta(0) <= since_page < _QUICKEST

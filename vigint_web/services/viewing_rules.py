"""Decide what the requests of a viewing tell: which parts were sent, and whether a program came.

Pure. Bytes are what a server knows; where in the film they belong is an estimate by their place in
the file, good for a file of even bitrate and never exact.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

# Programs that open links of mails name themselves so, or drive a browser that says it is driven.
_PROGRAMS = re.compile(
    r"bot\b|crawl|spider|scan|preview|prefetch|headless|phantom|selenium|puppeteer|playwright"
    r"|safelinks|proofpoint|mimecast|barracuda|symantec|trend ?micro|fortinet|sophos|zscaler"
    r"|wget|curl|python|httpx|aiohttp|okhttp|java/|go-http|libwww|monitor|check",
    re.IGNORECASE,
)
# Nobody reads what happened and presses play in less.
_QUICKEST = timedelta(seconds=1)


@dataclass(frozen=True)
class Span:
    """A stretch of a file: the first and the last byte, both included (RFC 9110, 14.1.2)."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Return how many bytes it has."""
        return self.last - self.first + 1


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Return the stretches that were sent at least once, in their order, without overlap."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: span.first):
        if merged and span.first <= merged[-1].last + 1:
            merged[-1] = Span(merged[-1].first, max(merged[-1].last, span.last))
        else:
            merged.append(span)
    return merged


def parts_in_time(
    spans: Iterable[Span], size: int, duration: float | None
) -> list[tuple[float, float]]:
    """Return about which seconds of the film the stretches hold, as (start, end).

    Args:
        size: of the whole file, in bytes.
        duration: of the whole film, in seconds; without one there are no parts to tell.
    """
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


def looks_automated(user_agent: str, since_page: timedelta | None) -> bool:
    """Return whether a viewing looks like a program's: a suspicion to be shown as one.

    Args:
        since_page: time between the page being opened and the first byte, if it was opened.
    """
    if not user_agent.strip() or _PROGRAMS.search(user_agent):
        return True
    return since_page is not None and timedelta(0) <= since_page < _QUICKEST

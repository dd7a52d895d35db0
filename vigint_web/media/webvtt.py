"""Write WebVTT for players (W3C WebVTT: cues, chapters, media fragments)."""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

CONTENT_TYPE = "text/vtt; charset=utf-8"
# A cue must end after its start.
_SHORTEST_CUE = 0.001
_MOST_CUES = 3_600


def pictures(
    address: str,
    *,
    columns: int,
    width: int,
    height: int,
    interval: float,
    count: int,
    duration: float | None,
) -> str:
    """Return cues that reference a rectangle of one large picture for each part of a video.

    ``address`` is relative to the text's own; ``width`` and ``height`` are of one small picture,
    ``interval`` and ``duration`` in seconds.
    """
    cues = []
    for place in range(count):
        row, column = divmod(place, columns)
        start, end = place * interval, (place + 1) * interval
        if duration and place == count - 1:
            end = max(duration, start)
        area = f"{column * width},{row * height},{width},{height}"
        cues.append((start, end, f"{address}#xywh={area}"))
    return _text(cues)


def chapters(starts: Sequence[float], titles: Iterable[str], duration: float | None) -> str:
    """Return chapters that begin at these seconds, one title each; the last lasts to the end."""
    end = max(duration or 0.0, starts[-1] if starts else 0.0)
    spans = pairwise([*starts, end])
    return _text((start, end, title) for (start, end), title in zip(spans, titles, strict=True))


def clock(began: datetime, duration: float, gaps: Iterable[tuple[float, float]] = ()) -> str:
    """Return cues with the wall clock's time, second by second, as it was in the picture.

    ``began`` is when the first picture was taken, in the zone to be shown; ``duration`` in seconds.
    ``gaps``: in order, positions in seconds of playback, and the seconds by which elapsed time
    exceeds playback from there on. A long video gets a cue for every few seconds, so that the text
    stays small.
    """
    step = max(1, math.ceil(duration / _MOST_CUES))
    parts = [(0.0, 0.0), *((at, left_out) for at, left_out in gaps if at < duration)]
    cues: list[tuple[float, float, str]] = []
    for (start, left_out), (end, _) in pairwise([*parts, (duration, 0.0)]):
        if end <= start:
            continue
        # Steps are in elapsed time, which a zone's change of offset does not interrupt.
        moment = began.astimezone(UTC) + timedelta(seconds=start + left_out)
        # Cues begin with the clock's seconds, not the video's.
        into = moment.microsecond / 1e6
        # Rounded, so that no cue begins where the gap does for what floating point adds.
        for number in range(max(math.ceil(round((end - start + into) / step, 6)), 1)):
            ticks = start - into + number * step
            shown = (moment.replace(microsecond=0) + timedelta(seconds=number * step)).astimezone(
                began.tzinfo
            )
            text = shown.isoformat(sep=" ", timespec="seconds")
            cues.append((max(ticks, start), min(ticks + step, end), text))
    return _text(cues)


def timestamp(seconds: float) -> str:
    """Return a time in WebVTT's format, such as 00:01:02.500."""
    milliseconds = max(0, round(seconds * 1000))
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def _text(cues: Iterable[tuple[float, float, str]]) -> str:
    blocks = ["WEBVTT"]
    for start, end, content in cues:
        ended = timestamp(max(end, start + _SHORTEST_CUE))
        blocks.append(f"{timestamp(start)} --> {ended}\n{_line(content)}")
    return "\n\n".join(blocks) + "\n"


def _line(content: str) -> str:
    """Keep a payload to one line of plain text."""
    plain = " ".join(content.split()).replace("&", "&amp;").replace("<", "&lt;")
    return plain.replace(">", "&gt;")

"""Determine which pictures a clip shows, and when: by the times in the file itself."""

from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vigint_web.media.errors import ToolRefused
from vigint_web.media.pace import Timeline
from vigint_web.media.playable import Playable
from vigint_web.media.runner import Runner, guarded_input

Area = tuple[float, float, float, float]
WHOLE: Area = (0.0, 0.0, 1.0, 1.0)
# The file's times are exact to 1/90000 s, those of the frames to 1 ms.
_ROUNDING = 0.0005
# Half a day at 25 pictures a second: of a longer file the first ones.
_MOST_TIMES = 1_100_000


@dataclass(frozen=True)
class ShownFrame:
    """A frame that a clip shows: its place among those given, and from when, in seconds.

    ``area`` is what it fills of the clip's picture, as shares: left, top, width and height.
    """

    place: int
    at: float
    area: Area = WHOLE


def read_times(path: Path, stream: int, runner: Runner, reading: dict[str, str]) -> list[float]:
    """Return when the pictures of a stream are shown, in seconds and in order.

    Pictures that are decoded and not shown are left out. Raises what the runner raises, except for
    a file that ffprobe rejects: then the times before its failure are returned.
    """
    times: list[float] = []

    def read(line: bytes) -> None:
        shown, decoded, flags = [*line.decode("ascii", "replace").split(","), "", "", ""][:3]
        if "D" in flags or len(times) >= _MOST_TIMES:
            return
        with suppress(ValueError):
            times.append(float(decoded if shown == "N/A" else shown))

    more = [word for name, value in reading.items() for word in (f"-{name}", value)]
    arguments = ["-select_streams", str(stream), "-show_entries", "packet=pts_time,dts_time,flags"]
    with suppress(ToolRefused):
        runner.run(
            [*arguments, "-of", "csv=p=0", *more, *guarded_input(path)],
            program="ffprobe",
            on_line=read,
        )
    return sorted(times)


def shown_of_frames(
    times: Timeline,
    sizes: Sequence[tuple[int, int]],
    shown: Sequence[float] | None = None,
    began: int = 0,
) -> list[ShownFrame]:
    """Return the frames of a clip encoded from frames.

    Args:
        times: when each should be shown; those that could not be decoded are not.
        sizes: their width and height as displayed, by their place; the first one shown sets the
            clip's shape, the others are fitted into it.
        shown: the times in the file, in seconds; None: all frames are in it.
        began: the place in the order of display with which the clip begins.
    """
    offsets = [offset / 1000 for offset in times.offsets_ms]
    shape = sizes[times.order[0]]
    found = [
        (place, offset - offsets[began])
        for place, offset in zip(times.order, offsets, strict=True)
        if shown is None or _has(shown, offset - offsets[began])
    ]
    return [ShownFrame(place, round(at, 3), fitted(sizes[place], shape)) for place, at in found]


def _has(times: Sequence[float], wanted: float) -> bool:
    number = bisect_left(times, wanted - _ROUNDING)
    return number < len(times) and times[number] <= wanted + _ROUNDING


def fitted(size: tuple[int, int], into: tuple[int, int]) -> Area:
    """Return the part of a picture that another one fills, which is fitted in and centred."""
    wide, tall = into[0] * size[1], into[1] * size[0]
    if wide == tall:
        return WHOLE
    if wide > tall:
        share = tall / wide
        return ((1 - share) / 2, 0.0, share, 1.0)
    share = wide / tall
    return (0.0, (1 - share) / 2, 1.0, share)


def shown_of_clip(ready: Playable, original: Path, runner: Runner) -> list[ShownFrame]:
    """Return the pictures of a received clip, each with its place, from 0; none where unknown."""
    received, played = ready.facts, ready.played
    stream = received.video_stream
    if ready.rendition is None:
        times = read_times(original, stream, runner, received.reading)
        return _in_order(times)
    counts = [facts.packets[facts.video_stream].count for facts in (received, played)]
    if counts[0] == counts[1]:
        return _in_order(read_times(ready.rendition, played.video_stream, runner, {}))
    if received.clock is None or received.clock.jumps:
        return []
    # Pictures are missing in what plays, the others keep their times.
    times = read_times(original, stream, runner, received.reading)
    return _in_order([time - received.clock.start for time in times])


def _in_order(times: Sequence[float]) -> list[ShownFrame]:
    return [ShownFrame(place, time) for place, time in enumerate(times)]

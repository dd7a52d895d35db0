"""Whole videos: a file as part of an alert, and a file written from frames."""

import datetime as dt
import itertools
import os
import statistics
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path

from vigint_client.frames import Frame, FrameBatch
from vigint_client.motion import Sample, write_mp4
from vigint_client.staging import ByteStore, Slice

DEFAULT_FPS = 25.0
_LONGEST_STEP = 3600.0
_SHORTEST_STEP = 1 / 240


def read_clip(path: Path) -> FrameBatch:
    """Return a video file as the frame of an alert; its bytes are read when they are sent."""
    try:
        if not path.is_file():
            raise OSError("there is no such file")
        file = FileIO(path, "r")
        store = ByteStore(file, file.seek(0, os.SEEK_END))
        weakref.finalize(store, file.close)
        if not store.end:
            raise OSError("it is empty")
    except OSError as why:
        reason = f"the video file cannot be read: {why.strerror or why}"
        return FrameBatch((), 1, 1, ((1, reason),))
    kind = path.suffix[1:].lower()
    clip = kind if kind.isascii() and kind.isalnum() else "mp4"
    return FrameBatch((Frame(Slice(store, 0, store.end), clip=clip),))


def write_video(
    frames: Sequence[Frame], output_path: str | Path | None, fps: float | None
) -> str | None:
    """Write frames into an MP4 file; return its path, None when there are none.

    A file contains frames of one kind: where JPEG and PNG are mixed, those of the first one's kind
    are used. Raises OSError, ValueError for a picture without a size.
    """
    if not frames:
        return None
    kind = frames[0].kind
    chosen = [frame for frame in frames if frame.kind == kind]
    steps = _steps(chosen, fps)
    samples = [Sample(frame.content, step) for frame, step in zip(chosen, steps, strict=True)]
    if output_path is not None:
        target = Path(output_path)
    else:
        handle, name = tempfile.mkstemp(suffix=".mp4", prefix="vigint_incident_")
        os.close(handle)
        target = Path(name)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            write_mp4(file, samples, kind)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        if output_path is None:
            target.unlink(missing_ok=True)
        raise
    return str(target)


def _steps(frames: Sequence[Frame], fps: float | None) -> list[float]:
    """Return the display time of each frame, in seconds."""
    even = 1 / (fps if fps is not None and fps > 0 else DEFAULT_FPS)
    times = [_seconds(frame.timestamp) for frame in frames]
    known = [time for time in times if time is not None]
    if fps is not None or len(frames) < 2 or len(known) < len(frames):
        return [even] * len(frames)
    steps = [later - time for time, later in itertools.pairwise(known)]
    if not all(0 <= step <= _LONGEST_STEP for step in steps):
        return [even] * len(frames)
    if sum(steps) < _SHORTEST_STEP * len(steps):
        # The times of the loop that made the frames, not of a camera.
        return [even] * len(frames)
    return [*steps, statistics.median(steps) or even]


def _seconds(value: float | str | None) -> float | None:
    if value is None:
        return None
    with suppress(ValueError):
        return float(value)
    with suppress(ValueError, OverflowError, OSError):
        return dt.datetime.fromisoformat(str(value)).timestamp()
    return None

"""Make still pictures of a video."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ffmpeg

from vigint_web.media.errors import MediaError, MediaErrorCode, ToolRefused
from vigint_web.media.probe import MAX_PIXELS, Probe
from vigint_web.media.runner import Runner, file_url, guarded_options, threads
from vigint_web.media.timeline import SpriteSheet

POSTER_WIDTH = 1280
# A poster travels to a phone before its video: noise of a night camera may not make it heavy.
POSTER_BYTES = 80_000
# Pages of lists show many: as wide as a list shows it on a screen of two pixels per point.
THUMBNAIL_SIDE = 320
THUMBNAIL_BYTES = 12_000
# Fetched whole when somebody first looks for a moment.
SPRITE_BYTES = 400_000
# Mean luma, 0 to 255, below which a picture shows nothing: black in full range is 0, and noise
# of a covered camera stays under this.
DARK = 16.0
# Of so many pictures around an instant the one most like the others is taken.
_CANDIDATES = 25
_FURTHEST_SECONDS = 3600.0
# Of the scale of ffmpeg's JPEG encoder, 1 to 31; what is within the budget first is taken.
FINE = 3
_COARSER = (5, 9, 16, 28)
_LUMA = re.compile(rb"lavfi\.signalstats\.YAVG=([0-9.]+)")


def make_poster(source: Path, destination: Path, probe: Probe, runner: Runner) -> None:
    """Write a JPEG of a telling moment: at most 1280 pixels wide, as a rule at most 80 kB.

    A typical picture of the moments a tenth into the video, in its middle and at its start is
    tried until one is not black; when all are, the brightest is kept. Raises `MediaError`:
    no_usable_frame when no picture can be decoded, and what the runner raises.
    """
    brightest: tuple[float, bytes] | None = None
    for start in _moments(probe.duration):
        luma = _take(source, destination, probe, start, runner)
        if luma is None:
            continue
        if brightest is None or luma > brightest[0]:
            brightest = (luma, destination.read_bytes())
        if luma > DARK:
            break
    if brightest is None:
        destination.unlink(missing_ok=True)
        raise MediaError(MediaErrorCode.NO_USABLE_FRAME, "no picture could be decoded")
    destination.write_bytes(brightest[1])
    if len(brightest[1]) > POSTER_BYTES:
        _write_within(POSTER_BYTES, destination, destination, POSTER_WIDTH, None, runner)


def make_thumbnail(poster: Path, destination: Path, runner: Runner) -> None:
    """Write a small JPEG of a poster: at most 320 pixels a side, as a rule at most 12 kB.

    Raises what the runner raises.
    """
    _write_within(THUMBNAIL_BYTES, poster, destination, THUMBNAIL_SIDE, THUMBNAIL_SIDE, runner)


def _write_within(
    most_bytes: int,
    picture: Path,
    destination: Path,
    width: int,
    height: int | None,
    runner: Runner,
) -> None:
    """Write a JPEG again, as finely as the bytes allow."""
    tall = f"ih*min(1\\,min({width}/iw\\,{height or 65535}/ih))"
    filters = f"scale=w=max(2\\,trunc(oh*dar/2)*2):h=max(2\\,trunc({tall}/2)*2):out_range=full"
    opened = ffmpeg.input(
        file_url(picture),
        format="jpeg_pipe",
        protocol_whitelist="file",
        format_whitelist="jpeg_pipe",
        max_pixels=MAX_PIXELS,
    )
    filters = f"{filters},setsar=1,format=yuvj420p"
    _write_finest(most_bytes, opened, destination, filters, runner)


def _write_finest(
    most_bytes: int, opened: Any, destination: Path, filters: str, runner: Runner
) -> None:
    """Write one JPEG as finely as the bytes allow; one run makes all that may be needed."""
    drafts = {
        quality: destination.with_name(f"{destination.name}.{quality}") for quality in _COARSER
    }
    written = [
        opened.output(
            file_url(draft),
            **{
                "format": "mjpeg",
                "map_metadata": -1,
                "frames:v": 1,
                "c:v": "mjpeg",
                "q:v": quality,
                "vf": filters,
            },
        )
        for quality, draft in drafts.items()
    ]
    try:
        runner.run(ffmpeg.merge_outputs(*written).overwrite_output().get_args())
        fitting = [draft for draft in drafts.values() if draft.stat().st_size <= most_bytes]
        (fitting or [*drafts.values()][-1:])[0].replace(destination)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def poster_scale() -> dict[str, str]:
    """Return options of the scale filter: displayed proportions, pixels made square."""
    # Even sides, as 4:2:0 needs.
    return {
        "w": f"max(2,trunc(min({POSTER_WIDTH},iw*sar)/2)*2)",
        "h": "max(2,trunc(ow/dar/2)*2)",
        "out_range": "full",
    }


def write_poster(moments: Sequence[tuple[float, bytes]], destination: Path, runner: Runner) -> bool:
    """Write the best of some JPEGs, each with its mean luma; False when there is none.

    In order of time: the second, one in the middle, then the others are looked at until one is
    not dark; when all are, the brightest is kept. Raises what the runner raises.
    """
    if not moments:
        return False
    order = [min(1, len(moments) - 1), len(moments) // 2, *range(len(moments))]
    ranked = [moments[place] for place in order]
    chosen = next(
        (shot for luma, shot in ranked if luma > DARK),
        max(ranked, key=lambda moment: moment[0])[1],
    )
    destination.write_bytes(chosen)
    if len(chosen) > POSTER_BYTES:
        _write_within(POSTER_BYTES, destination, destination, POSTER_WIDTH, None, runner)
    return True


def write_sprite(
    tiles: Path, destination: Path, sheet: SpriteSheet, runner: Runner
) -> SpriteSheet | None:
    """Write small pictures (raw, full-range 4:2:0) as one JPEG, as a rule of at most 400 kB.

    Returns the layout with as many pictures as there are; None when there is none. Raises what
    the runner raises.
    """
    across, down = sheet.width, sheet.height
    count = min(sheet.count, tiles.stat().st_size // (across * down * 3 // 2))
    if count < 1:
        return None
    columns = min(sheet.columns, count)
    rows = -(-count // columns)
    opened = ffmpeg.input(
        file_url(tiles),
        **{
            "format": "rawvideo",
            "protocol_whitelist": "file",
            "format_whitelist": "rawvideo",
            "video_size": (across, down),
            "pixel_format": "yuvj420p",
        },
    )
    _write_finest(
        SPRITE_BYTES, opened, destination, f"tile={columns}x{rows}:nb_frames={count}", runner
    )
    return replace(sheet, columns=columns, rows=rows, count=count)


def _moments(duration: float | None) -> list[float]:
    if not duration or duration < 1:
        return [0.0]
    length = min(duration, _FURTHEST_SECONDS)
    return [length / 10, length / 2, 0.0]


def _take(
    source: Path, destination: Path, probe: Probe, start: float, runner: Runner
) -> float | None:
    """Write one picture and return its mean luma; None when nothing could be decoded there."""
    destination.unlink(missing_ok=True)
    scale = ":".join(f"{name}={value}" for name, value in poster_scale().items())
    filters = [
        "scale=" + scale.replace(",", "\\,"),
        "setsar=1",
        "format=yuvj420p",
        f"thumbnail=n={_CANDIDATES}",
        "signalstats",
        "metadata=print:key=lavfi.signalstats.YAVG:file=-",
    ]
    opened = ffmpeg.input(
        file_url(source),
        **guarded_options(),
        ss=f"{start:.3f}",
        max_pixels=MAX_PIXELS,
        threads=threads(probe.width * probe.height),
        max_error_rate="1",
    )
    written = opened[str(probe.video_stream)].output(
        file_url(destination),
        **{
            "format": "mjpeg",
            "map_metadata": -1,
            "frames:v": 1,
            "c:v": "mjpeg",
            "q:v": FINE,
            "vf": ",".join(filters),
        },
    )
    try:
        done = runner.run(written.overwrite_output().get_args(), capture=True)
    except ToolRefused:
        return None
    luma = _LUMA.search(done.stdout)
    if luma is None or not destination.is_file() or destination.stat().st_size == 0:
        return None
    return float(luma[1])

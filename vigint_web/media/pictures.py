"""Make still pictures of a video."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ffmpeg

from vigint_web.media.colours import colour_correction
from vigint_web.media.errors import MediaError, MediaErrorCode, ToolRefused
from vigint_web.media.opening import open_stored
from vigint_web.media.probe import MAX_PIXELS, Probe
from vigint_web.media.runner import Runner, file_url
from vigint_web.media.timeline import SpriteSheet

POSTER_WIDTH = 1280
# A poster must load on a phone before its video: noise of a night camera must not make it large.
POSTER_BYTES = 80_000
# Lists show many: the width in a list on a screen of two pixels per point.
THUMBNAIL_SIDE = 320
THUMBNAIL_BYTES = 12_000
# Fetched as a whole when a thumbnail is first needed.
SPRITE_BYTES = 400_000
# Mean luma, 0 to 255, below which a picture shows nothing: black in full range is 0, and noise of a
# covered camera stays below this.
DARK = 16.0
# The number of pictures around a time of which the most typical is used.
_CANDIDATES = 25
_FURTHEST_SECONDS = 3600.0
# A picture is sought from just before its time: times of pictures are at least 1 ms apart.
_BEFORE = 0.0005
# Quality of ffmpeg's JPEG encoder, 1 to 31; the first one within the budget is used.
FINE = 3
_COARSER = (5, 9, 16, 28)
_LUMA = re.compile(rb"lavfi\.signalstats\.YAVG=([0-9.]+)")


def make_poster(source: Path, destination: Path, probe: Probe, runner: Runner) -> None:
    """Write a representative JPEG: at most 1280 pixels wide, usually at most 80 kB.

    A typical picture at a tenth of the video, in its middle and at its start is tried until one is
    not black; when all are, the brightest is used. Raises `MediaError`: no_usable_frame when no
    picture can be decoded, and what the runner raises.
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
        _write_finest([_small_poster(destination, destination)], runner)


def make_thumbnail(poster: Path, destination: Path, runner: Runner) -> None:
    """Write a small JPEG of a poster: at most 320 pixels a side, usually at most 12 kB.

    Raises what the runner raises.
    """
    _write_finest([_thumbnail(poster, destination)], runner)


def make_pictures_at(
    source: Path, folder: Path, seconds: float, probe: Probe, runner: Runner
) -> bool:
    """Write ``poster.jpg`` and ``thumbnail.jpg`` of the picture shown from a time on, in seconds.

    Returns False, and keeps those that are there, where that picture is dark or cannot be decoded.
    Raises what the runner raises.
    """
    draft, poster = folder / "poster.at.jpg", folder / "poster.jpg"
    luma = _take(source, draft, probe, max(0.0, seconds - _BEFORE), runner, among=1)
    if luma is None or luma <= DARK:
        draft.unlink(missing_ok=True)
        return False
    wanted = [_thumbnail(draft, folder / "thumbnail.jpg")]
    if draft.stat().st_size > POSTER_BYTES:
        wanted.append(_small_poster(draft, draft))
    _write_finest(wanted, runner)
    draft.replace(poster)
    return True


@dataclass(frozen=True)
class _Jpeg:
    """One JPEG to write: its input, filters, path, and maximum bytes."""

    opened: Any
    filters: str
    destination: Path
    most_bytes: int


def _fitted(
    picture: Path, destination: Path, width: int, height: int | None, most_bytes: int
) -> _Jpeg:
    """Return the parameters of a JPEG with this maximum size."""
    tall = f"ih*min(1\\,min({width}/iw\\,{height or 65535}/ih))"
    filters = f"scale=w=max(2\\,trunc(oh*dar/2)*2):h=max(2\\,trunc({tall}/2)*2):out_range=full"
    opened = ffmpeg.input(
        file_url(picture),
        format="jpeg_pipe",
        protocol_whitelist="file",
        format_whitelist="jpeg_pipe",
        max_pixels=MAX_PIXELS,
    )
    return _Jpeg(opened, f"{filters},setsar=1,format=yuvj420p", destination, most_bytes)


def _small_poster(picture: Path, destination: Path) -> _Jpeg:
    return _fitted(picture, destination, POSTER_WIDTH, None, POSTER_BYTES)


def _thumbnail(picture: Path, destination: Path) -> _Jpeg:
    return _fitted(picture, destination, THUMBNAIL_SIDE, THUMBNAIL_SIDE, THUMBNAIL_BYTES)


def _write_finest(wanted: Sequence[_Jpeg], runner: Runner) -> None:
    """Write JPEGs in the best quality within their size; one run writes all candidates."""
    drafts = [
        (jpeg, quality, jpeg.destination.with_name(f"{jpeg.destination.name}.{quality}"))
        for jpeg in wanted
        for quality in _COARSER
    ]
    written = [
        jpeg.opened.output(
            file_url(draft),
            **{
                "format": "mjpeg",
                "map_metadata": -1,
                "frames:v": 1,
                "c:v": "mjpeg",
                "q:v": quality,
                "threads": 1,
                "vf": jpeg.filters,
            },
        )
        for jpeg, quality, draft in drafts
    ]
    try:
        runner.run(ffmpeg.merge_outputs(*written).overwrite_output().get_args())
        for jpeg in wanted:
            made = [draft for other, _, draft in drafts if other is jpeg]
            fitting = [draft for draft in made if draft.stat().st_size <= jpeg.most_bytes]
            (fitting or made[-1:])[0].replace(jpeg.destination)
    finally:
        for _, _, draft in drafts:
            draft.unlink(missing_ok=True)


def poster_scale() -> dict[str, str]:
    """Return options of the scale filter: displayed proportions, pixels made square."""
    # Even sides, as 4:2:0 needs.
    return {
        "w": f"max(2,trunc(min({POSTER_WIDTH},iw*sar)/2)*2)",
        "h": "max(2,trunc(ow/dar/2)*2)",
        "out_range": "full",
    }


def write_pictures(
    moments: Sequence[tuple[float, bytes]],
    tiles: Path,
    sheet: SpriteSheet,
    folder: Path,
    runner: Runner,
) -> SpriteSheet | None:
    """Write ``poster.jpg``, ``thumbnail.jpg`` and ``sprite.jpg`` in one run, as far as possible.

    ``moments`` are JPEGs in order of time, each with its mean luma; ``tiles`` small pictures (raw,
    full-range 4:2:0) in the layout of ``sheet``, usually at most 400 kB. Returns the layout with
    the actual number of pictures; None when there is none. Raises what the runner raises.
    """
    wanted = []
    poster = folder / "poster.jpg"
    if moments:
        shot = _choose_poster(moments)
        poster.write_bytes(shot)
        wanted.append(_thumbnail(poster, folder / "thumbnail.jpg"))
        if len(shot) > POSTER_BYTES:
            wanted.append(_small_poster(poster, poster))
    size = sheet.width * sheet.height * 3 // 2
    count = min(sheet.count, tiles.stat().st_size // size if tiles.exists() else 0)
    columns = max(1, min(sheet.columns, count))
    sheet = replace(sheet, columns=columns, rows=-(-count // columns), count=count)
    if count:
        wanted.append(_sprite(tiles, folder / "sprite.jpg", sheet))
    if wanted:
        _write_finest(wanted, runner)
    return sheet if count else None


def _choose_poster(moments: Sequence[tuple[float, bytes]]) -> bytes:
    """Return the second, the middle or the first one that is not dark; else the brightest."""
    order = [min(1, len(moments) - 1), len(moments) // 2, *range(len(moments))]
    ranked = [moments[place] for place in order]
    lit = [shot for luma, shot in ranked if luma > DARK]
    brightest: bytes = max(ranked)[1]
    return lit[0] if lit else brightest


def _sprite(tiles: Path, destination: Path, sheet: SpriteSheet) -> _Jpeg:
    opened = ffmpeg.input(
        file_url(tiles),
        **{
            "format": "rawvideo",
            "protocol_whitelist": "file",
            "format_whitelist": "rawvideo",
            "video_size": (sheet.width, sheet.height),
            "pixel_format": "yuvj420p",
        },
    )
    filters = f"tile={sheet.columns}x{sheet.rows}:nb_frames={sheet.count}"
    return _Jpeg(opened, filters, destination, SPRITE_BYTES)


def _moments(duration: float | None) -> list[float]:
    if not duration or duration < 1:
        return [0.0]
    length = min(duration, _FURTHEST_SECONDS)
    return [length / 10, length / 2, 0.0]


def _take(
    source: Path,
    destination: Path,
    probe: Probe,
    start: float,
    runner: Runner,
    *,
    among: int = _CANDIDATES,
) -> float | None:
    """Write the most typical of some pictures and return its mean luma.

    None when nothing could be decoded there.
    """
    destination.unlink(missing_ok=True)
    scale = ":".join(f"{name}={value}" for name, value in poster_scale().items())
    filters = [
        *([correction] if (correction := colour_correction(probe)) else []),
        "scale=" + scale.replace(",", "\\,"),
        "setsar=1",
        "format=yuvj420p",
        *([f"thumbnail=n={among}"] if among > 1 else []),
        "signalstats",
        "metadata=print:key=lavfi.signalstats.YAVG:file=-",
    ]
    opened = open_stored(source, probe, ss=f"{start:.4f}")
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

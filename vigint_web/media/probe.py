"""Learn what a stored file holds, by its content alone."""

import json
import math
import re
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from vigint_web.media.containers import Head, read_head, short_format
from vigint_web.media.errors import MediaError, MediaErrorCode, ToolRefused
from vigint_web.media.runner import Runner, guarded_input

MAX_PIXELS = 8192 * 4320
PROBE_SECONDS = 60.0

_PIXEL_FORMAT_DEPTH = re.compile(
    r"(?:p|gray|gbrp|p0|rgb|bgr|x2rgb|x2bgr)(9|10|12|14|16)(?:le|be)?$"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_MAX_TEXT = 500
_COLOURS = ("color_space", "color_transfer", "color_primaries", "color_range")
_UNTOLD = {None, "unknown", "reserved", "unspecified"}


@dataclass(frozen=True)
class Probe:
    """The facts of one video file.

    ``container`` is ffprobe's format_name, ``format`` the short name people use; ``size`` in
    bytes, ``duration`` in seconds, ``bitrate`` in bits per second, ``width`` and ``height`` in
    pixels as displayed (after ``rotation``, degrees clockwise). ``has_b_frames`` is the depth of
    the decoder's reordering, ``video_stream`` and ``audio_stream`` are stream numbers for ffmpeg,
    ``pixel_aspect`` is how much wider than high a pixel is displayed (after ``rotation``).
    ``colours`` holds what is told of color_space, color_transfer, color_primaries, color_range.
    ``raw`` is ffprobe's answer without the file's name. What is unknown is None.
    """

    container: str
    format: str
    size: int
    duration: float | None
    width: int
    height: int
    fps: float | None
    bitrate: int | None
    codec: str
    pixel_format: str | None
    rotation: int
    profile: str | None = None
    level: int | None = None
    bit_depth: int | None = None
    field_order: str | None = None
    has_b_frames: int = 0
    audio_codec: str | None = None
    audio_channels: int | None = None
    audio_sample_rate: int | None = None
    video_stream: int = 0
    audio_stream: int | None = None
    pixel_aspect: float = 1.0
    colours: dict[str, str] = field(default_factory=dict, compare=False)
    raw: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def resolution(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def interlaced(self) -> bool:
        return self.field_order in {"tt", "bb", "tb", "bt"}


def probe(path: Path, runner: Runner, *, filename: str | None = None) -> Probe:
    """Probe a stored file.

    ``filename`` is its original name and decides nothing but which of two right short names it
    gets. Raises `MediaError`: not_a_video for anything that is no video of an accepted kind,
    broken for one that cannot be read, too_many_pixels, and what the runner raises.
    """
    head = read_head(path)
    size = path.stat().st_size
    if size == 0 or head.is_picture:
        raise MediaError(
            MediaErrorCode.NOT_A_VIDEO, "the file is empty" if size == 0 else "a picture"
        )
    raw = _ask(path, head, runner)
    try:
        return _understand(raw, path, head, runner, size=size, filename=filename)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise MediaError(
            MediaErrorCode.BROKEN, f"ffprobe's answer makes no sense: {error!r}"
        ) from error


def _ask(path: Path, head: Head, runner: Runner) -> dict[str, Any]:
    arguments = ["-show_format", "-show_streams", "-of", "json", *guarded_input(path)]
    seconds = min(PROBE_SECONDS, runner.limits.seconds)
    try:
        answer = runner.run(arguments, program="ffprobe", capture=True, seconds=seconds)
    except ToolRefused as error:
        known = MediaErrorCode.BROKEN if head.family else MediaErrorCode.NOT_A_VIDEO
        raise MediaError(known, error.detail) from error
    raw: dict[str, Any] = _clean(json.loads(answer.stdout.decode("utf-8", "replace")))
    raw.get("format", {}).pop("filename", None)
    return raw


def _understand(
    raw: dict[str, Any], path: Path, head: Head, runner: Runner, *, size: int, filename: str | None
) -> Probe:
    streams: list[dict[str, Any]] = raw.get("streams", [])
    video = next((s for s in streams if _is_moving_picture(s)), None)
    audio = next((s for s in streams if s.get("codec_type") == "audio"), None)
    if video is None:
        raise MediaError(MediaErrorCode.NOT_A_VIDEO, "no video stream")
    codec = video.get("codec_name")
    width, height = int(video.get("width", 0)), int(video.get("height", 0))
    if not codec or codec == "unknown" or width <= 0 or height <= 0:
        raise MediaError(MediaErrorCode.BROKEN, "the video stream tells no codec or size")
    if width * height > MAX_PIXELS:
        raise MediaError(MediaErrorCode.TOO_MANY_PIXELS, f"{width}x{height}")
    rotation = _rotation(video)
    if rotation in (90, 270):
        width, height = height, width
    container: dict[str, Any] = raw["format"]
    duration = _positive(container.get("duration")) or _positive(video.get("duration"))
    audio_codec = audio.get("codec_name") if audio else None
    return Probe(
        container=container["format_name"],
        format=short_format(
            container["format_name"], head, {codec, audio_codec} - {None}, filename
        ),
        size=size,
        duration=duration or _measured_duration(path, video["index"], runner),
        width=width,
        height=height,
        fps=_rate(video.get("avg_frame_rate")) or _rate(video.get("r_frame_rate")),
        bitrate=_whole(container.get("bit_rate")),
        codec=codec,
        pixel_format=video.get("pix_fmt"),
        rotation=rotation,
        profile=video.get("profile"),
        level=_whole(video.get("level")),
        bit_depth=_bit_depth(video),
        field_order=video.get("field_order"),
        has_b_frames=int(video.get("has_b_frames", 0)),
        audio_codec=audio_codec,
        audio_channels=_whole(audio.get("channels")) if audio else None,
        audio_sample_rate=_whole(audio.get("sample_rate")) if audio else None,
        video_stream=int(video["index"]),
        audio_stream=int(audio["index"]) if audio else None,
        pixel_aspect=_pixel_aspect(video, rotation),
        colours={name: video[name] for name in _COLOURS if video.get(name) not in _UNTOLD},
        raw=raw,
    )


def _is_moving_picture(stream: dict[str, Any]) -> bool:
    disposition = stream.get("disposition", {})
    still = disposition.get("attached_pic") or disposition.get("timed_thumbnails")
    return stream.get("codec_type") == "video" and not still


def _rotation(video: dict[str, Any]) -> int:
    """Return the quarter turn, clockwise, that displays the picture upright.

    ffprobe gives the display matrix's angle counter-clockwise; the ``rotate`` tag, which older
    versions read from MOV, is clockwise.
    """
    for data in video.get("side_data_list", []):
        if "rotation" in data:
            return round(-float(data["rotation"]) / 90) * 90 % 360
    return round(float(video.get("tags", {}).get("rotate", 0)) / 90) * 90 % 360


def _pixel_aspect(video: dict[str, Any], rotation: int) -> float:
    """Return the shape of a pixel as displayed; absurd ones are taken for square."""
    try:
        aspect = float(Fraction(str(video.get("sample_aspect_ratio")).replace(":", "/")))
    except (ValueError, ZeroDivisionError):
        return 1.0
    if not 1 / 8 <= aspect <= 8:
        return 1.0
    return 1 / aspect if rotation in (90, 270) else aspect


def _measured_duration(path: Path, stream: int, runner: Runner) -> float | None:
    """Read the file to its end where no header tells the duration, as browsers record WebM."""
    seen: list[float] = [0.0]
    arguments = [*guarded_input(path), "-map", f"0:{stream}", "-c", "copy", "-f", "null", "-"]
    # What is cut short lasts as long as it can be read.
    with suppress(ToolRefused):
        runner.run(arguments, on_progress=lambda seconds: seen.append(max(seconds, seen.pop())))
    return _positive(seen[-1])


def _bit_depth(video: dict[str, Any]) -> int | None:
    told = _whole(video.get("bits_per_raw_sample"))
    if told:
        return told
    pixel_format = video.get("pix_fmt")
    if not pixel_format:
        return None
    found = _PIXEL_FORMAT_DEPTH.search(pixel_format)
    return int(found[1]) if found else 8


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _whole(value: Any) -> int | None:
    number = _positive(value)
    return None if number is None else int(number)


def _rate(value: Any) -> float | None:
    try:
        rate = float(Fraction(value))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return round(rate, 3) if rate > 0 else None


def _clean(value: Any) -> Any:
    """Return ffprobe's answer with texts that any database can store."""
    if isinstance(value, dict):
        return {_clean(key): _clean(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_clean(entry) for entry in value]
    if isinstance(value, str):
        return _CONTROL.sub("", value)[:_MAX_TEXT]
    return value

"""Extract single facts from ffprobe's answer."""

import math
import re
from fractions import Fraction
from typing import Any

_PIXEL_FORMAT_DEPTH = re.compile(
    r"(?:p|gray|gbrp|p0|rgb|bgr|x2rgb|x2bgr)(9|10|12|14|16)(?:le|be)?$"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_MAX_TEXT = 500


def is_moving_picture(stream: dict[str, Any]) -> bool:
    """Return whether a stream has moving pictures, and neither a cover nor thumbnails."""
    disposition = stream.get("disposition", {})
    still = disposition.get("attached_pic") or disposition.get("timed_thumbnails")
    return stream.get("codec_type") == "video" and not still


def is_decodable(stream: dict[str, Any]) -> bool:
    """Return whether a stream's codec, and its size or sample rate, are known."""
    if stream.get("codec_name") in {None, "unknown", "none"}:
        return False
    if stream.get("codec_type") == "audio":
        return positive(stream.get("sample_rate")) is not None
    return int(stream.get("width", 0)) > 0 and int(stream.get("height", 0)) > 0


def prominence(stream: dict[str, Any]) -> tuple[int, int, int]:
    """Return the sort key of streams of pictures: a player shows the largest first."""
    usual = int(stream.get("disposition", {}).get("default", 0))
    return usual, int(stream["width"]) * int(stream["height"]), -int(stream["index"])


def turn_of(video: dict[str, Any]) -> int:
    """Return the quarter turn, clockwise, that displays the picture upright.

    ffprobe gives the display matrix's angle counter-clockwise; the ``rotate`` tag, which older
    versions read from MOV, is clockwise.
    """
    for data in video.get("side_data_list", []):
        if "rotation" in data:
            return round(-float(data["rotation"]) / 90) * 90 % 360
    return round(float(video.get("tags", {}).get("rotate", 0)) / 90) * 90 % 360


def pixel_aspect_of(video: dict[str, Any], rotation: int) -> float:
    """Return the aspect ratio of a pixel as displayed; absurd ones count as square."""
    try:
        aspect = float(Fraction(str(video.get("sample_aspect_ratio")).replace(":", "/")))
    except (ValueError, ZeroDivisionError):
        return 1.0
    if not 1 / 8 <= aspect <= 8:
        return 1.0
    return 1 / aspect if rotation in (90, 270) else aspect


def bit_depth_of(video: dict[str, Any]) -> int | None:
    """Return the bits of a colour value, from the metadata or the pixel format; None if unknown."""
    depth = whole(video.get("bits_per_raw_sample"))
    if depth:
        return depth
    pixel_format = video.get("pix_fmt")
    if not pixel_format:
        return None
    found = _PIXEL_FORMAT_DEPTH.search(pixel_format)
    return int(found[1]) if found else 8


def frame_rate(value: Any) -> float | None:
    """Return a rate such as 30000/1001 in pictures a second; None for none."""
    try:
        rate = float(Fraction(value))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return round(rate, 3) if rate > 0 else None


def finite(value: Any) -> float | None:
    """Return a number; None for other or infinite values."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def positive(value: Any) -> float | None:
    """Return a number above 0, else None."""
    number = finite(value)
    return number if number is not None and number > 0 else None


def whole(value: Any) -> int | None:
    """Return a whole number above 0, else None."""
    number = positive(value)
    return None if number is None else int(number)


def cleaned(value: Any) -> Any:
    """Return ffprobe's answer with texts that any database can store."""
    if isinstance(value, dict):
        return {cleaned(key): cleaned(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [cleaned(entry) for entry in value]
    if isinstance(value, str):
        return _CONTROL.sub("", value)[:_MAX_TEXT]
    return value

"""Convert one frame of any supported form to JPEG or PNG bytes with its time."""

import base64
import binascii
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vigint_client import images
from vigint_client.plain import to_plain
from vigint_client.samples import copy_of, shape_of

MAX_FRAME_BYTES = 10 * 1024 * 1024
_DATA_URL = re.compile(r"data:[^,]{0,200},", re.IGNORECASE)
_LONGEST_TIME = 100
# The first is the API's name; the others are common alternatives.
_CONTENT_KEYS = ("frame_data", "frame", "image", "data")


@dataclass(frozen=True, slots=True)
class Loose:
    """A frame's content as given, with its time and number beside it."""

    content: Any
    timestamp: float | str | None
    frame_count: int | None


def is_one_frame(frames: object) -> bool:
    """Distinguish one frame from a collection of them."""
    if isinstance(frames, (bytes, bytearray, memoryview, str, Path, Mapping)):
        return True
    if images.is_pil_image(frames):
        return True
    if images.is_array(frames):
        shape = shape_of(frames)
        if len(shape) == 3:
            # Channels last, or first; otherwise a stack of grey frames.
            return shape[2] in (1, 3, 4) or shape[0] in (1, 3)
        # One row is an encoded image.
        return len(shape) < 3
    return False


def loosen(frame: object) -> Loose:
    """Separate a frame's content from its time and number."""
    if isinstance(frame, Loose):
        return frame
    if not isinstance(frame, Mapping):
        return Loose(frame, None, None)
    content = content_of(frame)
    if isinstance(content, str) and not _is_path(content):
        content = _from_base64(content)
    return Loose(content, _time(frame.get("timestamp")), _count(frame.get("frame_count")))


def content_of(frame: object) -> object:
    """Return the object that a caller gave as content, uncopied."""
    if isinstance(frame, Loose):
        return frame.content
    if not isinstance(frame, Mapping):
        return frame
    found = (frame.get(key) for key in _CONTENT_KEYS)
    return next((content for content in found if content is not None), None)


def own(content: Any) -> Any:
    """Return content that is independent of the caller's object."""
    if isinstance(content, bytes):
        return content
    if images.is_pil_image(content):
        return content.copy()
    if images.is_array(content):
        return copy_of(content)
    return encode(content)


def encode(content: Any) -> bytes:
    """Encode content as JPEG or PNG; raises whatever a foreign image object raises."""
    if isinstance(content, Exception):
        raise content
    if images.is_array(content):
        return _checked(images.encode_array(content))
    if images.is_pil_image(content):
        return _checked(images.encode_pil_image(content))
    if isinstance(content, (bytes, bytearray, memoryview)):
        data = content if isinstance(content, bytes) else bytes(content)
        if images.find_image(data) is None:
            data = _from_base64(data)
        return _checked(data)
    if isinstance(content, str) and _DATA_URL.match(content.lstrip()):
        return _checked(_from_base64(content))
    if isinstance(content, (str, Path)):
        return _checked(_from_path(Path(content)))
    raise ValueError(f"a {type(content).__name__} is none of the forms a frame may have")


def _from_path(path: Path) -> bytes:
    # A pipe or a device would block the detector for ever.
    if not path.is_file():
        raise ValueError("there is no such image file")
    with path.open("rb") as file:
        return file.read(MAX_FRAME_BYTES + 1)


def _is_path(text: str) -> bool:
    # Base64 of a picture is longer than any name, and contains no full stop.
    return len(text) < 4096 and "." in text and not _DATA_URL.match(text.lstrip())


def _from_base64(text: str | bytes) -> bytes:
    """Decode base64 of either alphabet, with or without padding (RFC 4648)."""
    try:
        if isinstance(text, bytes):
            text = text.decode("ascii", "strict")
        text = text.lstrip()
        address = _DATA_URL.match(text)
        text = text[address.end() :] if address else text
        text = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its text is not base64") from None


def _checked(data: bytes) -> bytes:
    found = images.find_image(data)
    if found is None:
        raise ValueError("it is neither JPEG nor PNG")
    if len(found) > MAX_FRAME_BYTES:
        raise ValueError("it is larger than 10 MiB")
    return data if len(found) == len(data) else found


def _time(value: Any) -> float | str | None:
    """Return a time as it was given; the server reads it, or interpolates it."""
    if isinstance(value, bool):
        return None
    plain = to_plain(value)
    if isinstance(plain, (int, float)):
        return plain
    says = isinstance(value, (str, bytes)) or hasattr(value, "isoformat") or hasattr(value, "dtype")
    if not isinstance(plain, str) or not says:
        return None
    text = plain.strip()
    if (number := _number(text)) is not None:
        return number
    return text if 0 < len(text) <= _LONGEST_TIME else None


def _count(value: Any) -> int | None:
    number = None if isinstance(value, bool) else _number(value)
    return int(number) if number is not None else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def memory_of(content: Any) -> int:
    """Return about how many bytes of memory own content takes."""
    if isinstance(content, bytes):
        return len(content)
    if images.is_array(content):
        return int(getattr(content, "nbytes", 0))
    width, height = content.size
    return int(width) * int(height) * 4

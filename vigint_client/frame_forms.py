"""One frame in any form in which a detector holds it, as JPEG or PNG bytes with its time."""

import base64
import binascii
import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vigint_client import images

MAX_FRAME_BYTES = 10 * 1024 * 1024
_DATA_URL = re.compile(r"\s*data:[^,]{0,200},", re.IGNORECASE)
_LATEST = dt.datetime(2200, 1, 1, tzinfo=dt.UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Loose:
    """A frame's content as the caller gave it, with its time and number beside it."""

    content: Any
    timestamp: float | str | None
    frame_count: int | None


def is_one_frame(frames: object) -> bool:
    """Tell one frame from a collection of them."""
    if isinstance(frames, (bytes, bytearray, memoryview, str, Path, Mapping)):
        return True
    if images.is_pil_image(frames):
        return True
    if images.is_array(frames):
        shape: tuple[int, ...] = getattr(frames, "shape", ())
        return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
    return False


def loosen(frame: object) -> Loose:
    """Return a frame's content apart from its time and number."""
    if isinstance(frame, Loose):
        return frame
    if not isinstance(frame, Mapping):
        return Loose(frame, None, None)
    content = frame.get("frame_data")
    if isinstance(content, str):
        content = _from_base64(content)
    return Loose(content, _time(frame.get("timestamp")), _count(frame.get("frame_count")))


def content_of(frame: object) -> object:
    """Return the very object that a caller gave as content."""
    if isinstance(frame, Loose):
        return frame.content
    return frame.get("frame_data") if isinstance(frame, Mapping) else frame


def own(content: Any) -> Any:
    """Return content that stays as it is, whatever the caller does with his."""
    if isinstance(content, bytes):
        return content
    if images.is_array(content) or images.is_pil_image(content):
        return content.copy()
    return encode(content)


def encode(content: Any) -> bytes:
    """Return content as JPEG or PNG; raises whatever a foreign image object raises."""
    if images.is_array(content):
        return _checked(images.encode_array(content))
    if images.is_pil_image(content):
        return _checked(images.encode_pil_image(content))
    if isinstance(content, (bytes, bytearray, memoryview)):
        data = bytes(content)
        if not _is_image(data):
            data = _from_base64(data)
        return _checked(data)
    if isinstance(content, str) and _DATA_URL.match(content):
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


def _from_base64(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        text = text.decode("ascii", "strict")
    text = _DATA_URL.sub("", text, count=1) if text.lstrip()[:5].lower() == "data:" else text
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its text is not base64") from None


def _is_image(data: bytes) -> bool:
    return data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))


def _checked(data: bytes) -> bytes:
    if not _is_image(data):
        raise ValueError("it is neither JPEG nor PNG")
    if len(data) > MAX_FRAME_BYTES:
        raise ValueError("it is larger than 10 MiB")
    return data


def _time(value: Any) -> float | str | None:
    """Return a time as the server reads it, else None: one wrong time must not cost the video."""
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, str):
        text = value.strip()
        try:
            dt.datetime.fromisoformat(text)
        except ValueError:
            value = text
        else:
            return text
    number = _number(value)
    return number if number is not None and 0 <= number <= _LATEST else None


def _count(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
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
        return int(content.nbytes)
    width, height = content.size
    return int(width) * int(height) * 4

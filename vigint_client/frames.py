"""Every form in which a detector holds a frame, as JPEG or PNG bytes with its time."""

import base64
import binascii
import datetime as dt
import logging
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from vigint_client import images

log = logging.getLogger("vigint_client")

_Item = TypeVar("_Item")

MAX_FRAMES = 2_000
MAX_FRAME_BYTES = 10 * 1024 * 1024
_DATA_URL = re.compile(r"\s*data:[^,]{0,200},", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Frame:
    """One encoded image; `timestamp` is epoch seconds or ISO 8601 text."""

    data: bytes
    timestamp: float | str | None = None
    frame_count: int | None = None

    @property
    def kind(self) -> str:
        """`jpeg` or `png`, by the first bytes."""
        return "png" if self.data.startswith(b"\x89") else "jpeg"


@dataclass(frozen=True)
class FrameBatch:
    """The frames that could be read, and how many could not."""

    frames: tuple[Frame, ...] = ()
    left_out: int = 0

    @property
    def size(self) -> int:
        """Bytes of all frames together."""
        return sum(len(frame.data) for frame in self.frames)


@dataclass(frozen=True, slots=True)
class _Loose:
    """A frame's content as the caller gave it, with its time and number beside it."""

    content: Any
    timestamp: float | str | None
    frame_count: int | None


class HeldFrames:
    """Frames kept for later, safe against the caller reusing its buffers."""

    def __init__(self, held: list[_Loose], left_out: int) -> None:
        self._held = held
        self._left_out = left_out

    @property
    def count(self) -> int:
        """How many frames there are."""
        return len(self._held)

    @property
    def size(self) -> int:
        """About how many bytes of memory the frames take."""
        return sum(_memory(loose.content) for loose in self._held)

    def read(self) -> FrameBatch:
        """Encode what is held."""
        return _encode_all(self._held, self._left_out)


def read_frames(frames: object) -> FrameBatch:
    """Return the frames as JPEG or PNG bytes; what cannot be read is counted, never raised.

    More than 2,000 frames are thinned evenly, because the server takes no more.
    """
    return _encode_all(_each(frames))


def hold_frames(frames: object) -> HeldFrames:
    """Copy the frames out of the caller's hands without encoding them yet."""
    held: list[_Loose] = []
    left_out = 0
    for frame in _each(frames):
        try:
            loose = _loosen(frame)
            held.append(_Loose(_own(loose.content), loose.timestamp, loose.frame_count))
        except Exception as why:
            left_out += 1
            _say_left_out(why)
    kept = _thin(held)
    return HeldFrames(kept, left_out + len(held) - len(kept))


def _encode_all(frames: Iterable[object], left_out: int = 0) -> FrameBatch:
    found: list[Frame] = []
    for frame in frames:
        try:
            loose = _loosen(frame)
            data = _encode(loose.content)
        except Exception as why:
            # Whatever a foreign image object raises must not stop a detector.
            left_out += 1
            _say_left_out(why)
        else:
            found.append(Frame(data, loose.timestamp, loose.frame_count))
    kept = _thin(found)
    return FrameBatch(tuple(kept), left_out + len(found) - len(kept))


def _say_left_out(why: Exception) -> None:
    log.warning("A frame could not be read and is left out: %s", why)


def _thin(items: list[_Item]) -> list[_Item]:
    if len(items) <= MAX_FRAMES:
        return items
    last = len(items) - 1
    return [items[round(index * last / (MAX_FRAMES - 1))] for index in range(MAX_FRAMES)]


def _each(frames: object) -> Iterator[object]:
    if frames is None:
        return
    if _is_one_frame(frames) or not isinstance(frames, Iterable):
        yield frames
        return
    try:
        yield from frames
    except Exception as why:
        log.warning("The frames ended early: %s", why)
        yield None


def _is_one_frame(frames: object) -> bool:
    if isinstance(frames, (bytes, bytearray, memoryview, str, Path, Mapping)):
        return True
    if images.is_pil_image(frames):
        return True
    if images.is_array(frames):
        shape: tuple[int, ...] = getattr(frames, "shape", ())
        return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
    return False


def _loosen(frame: object) -> _Loose:
    if isinstance(frame, _Loose):
        return frame
    if not isinstance(frame, Mapping):
        return _Loose(frame, None, None)
    content = frame.get("frame_data")
    if isinstance(content, str):
        content = _from_base64(content)
    return _Loose(content, _time(frame.get("timestamp")), _count(frame.get("frame_count")))


def _own(content: Any) -> Any:
    if isinstance(content, bytes):
        return content
    if images.is_array(content) or images.is_pil_image(content):
        return content.copy()
    return _encode(content)


def _encode(content: Any) -> bytes:
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
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, str):
        return value.strip() or None
    return _number(value)


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


def _memory(content: Any) -> int:
    if isinstance(content, bytes):
        return len(content)
    if images.is_array(content):
        return int(content.nbytes)
    width, height = content.size
    return int(width) * int(height) * 4

"""Encode images of other libraries as JPEG or PNG bytes.

numpy, cv2 and PIL are used only when the caller's frames come from them.
"""

import importlib
import io
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from vigint_client.png import encode_png
from vigint_client.samples import range_of, to_numpy, to_picture

JPEG_QUALITY = 90
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
# Modes of PIL whose samples have more than 8 bits: converting clips them at 255.
_DEEP_MODES = ("I", "F")


def is_array(value: object) -> bool:
    """Return whether a value behaves like a NumPy array or a tensor, without importing either."""
    kind = type(value)
    given = any(hasattr(kind, name) for name in ("__array__", "__array_interface__"))
    return given and not is_pil_image(value) and not isinstance(value, (type, Mapping))


def is_pil_image(value: object) -> bool:
    """Return whether a value is a PIL image, without importing PIL."""
    image = sys.modules.get("PIL.Image")
    return image is not None and isinstance(value, image.Image)


def find_image(data: bytes) -> bytes | None:
    """Return JPEG or PNG bytes from the start of the picture; None when there is none."""
    starts = [place for place in (data.find(mark) for mark in _SIGNATURES) if place >= 0]
    return data[min(starts) :] if starts else None


def encode_array(array: Any) -> bytes:
    """Return an array as JPEG, else PNG; see `samples.to_picture` for its forms.

    A row or a column of bytes is an encoded image, as `cv2.imencode` returns it. Raises ValueError.
    """
    array = to_numpy(array)
    if str(array.dtype) == "uint8" and sum(side != 1 for side in array.shape) <= 1:
        data = find_image(array.tobytes())
        if data is not None:
            return data
    picture = to_picture(array)
    return _by_cv2(picture) or _by_pil(picture) or _by_zlib(picture)


def encode_pil_image(image: Any) -> bytes:
    """Return a PIL image of any mode as JPEG, the right way up; raises ValueError."""
    turned = _find_module("PIL.ImageOps")
    if turned is not None:
        # Saving does not keep the orientation of EXIF.
        image = turned.exif_transpose(image)
    if image.mode.startswith(_DEEP_MODES):
        low, high = image.getextrema()
        scale, offset = range_of(float(low), float(high), is_float=image.mode == "F")
        image = image.convert("F").point(lambda sample: sample * scale + offset).convert("L")
    if image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    target = io.BytesIO()
    image.save(target, format="JPEG", quality=JPEG_QUALITY)
    return target.getvalue()


def _by_cv2(array: Any) -> bytes | None:
    cv2 = _find_module("cv2")
    if cv2 is None:
        return None
    try:
        done, data = cv2.imencode(".jpg", array.copy("C"), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    except cv2.error:
        return None
    return bytes(data.tobytes()) if done else None


def _by_pil(array: Any) -> bytes | None:
    image = _find_module("PIL.Image")
    if image is None:
        return None
    size = (array.shape[1], array.shape[0])
    try:
        if array.ndim == 2:
            return encode_pil_image(image.frombytes("L", size, array.tobytes()))
        return encode_pil_image(image.frombytes("RGB", size, _rgb(array)))
    except OSError:
        return None


def _by_zlib(array: Any) -> bytes:
    height, width = array.shape[:2]
    if array.ndim == 2:
        return encode_png(array.tobytes(), width, height, 1)
    return encode_png(_rgb(array), width, height, 3)


def _rgb(bgr: Any) -> bytes:
    return bytes(bgr[:, :, ::-1].tobytes())


def _find_module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except Exception:
        # A broken installation (cv2 without libGL) raises more than ImportError.
        return None

"""Arrays and images of the caller's own libraries as JPEG or PNG bytes.

numpy, cv2 and PIL are used only when the caller's frames come from them.
"""

import importlib
import io
import sys
from types import ModuleType
from typing import Any

from vigint_client.png import encode_png

JPEG_QUALITY = 90


def is_array(value: object) -> bool:
    """Tell whether a value behaves like a NumPy array."""
    return hasattr(value, "__array_interface__") and hasattr(value, "dtype")


def is_pil_image(value: object) -> bool:
    """Tell whether a value is a PIL image, without importing PIL."""
    image = sys.modules.get("PIL.Image")
    return image is not None and isinstance(value, image.Image)


def encode_array(array: Any) -> bytes:
    """Return an HxW, HxWx1, HxWx3 (BGR) or HxWx4 (BGRA) uint8 array as JPEG, else PNG.

    Raises ValueError for another shape or type.
    """
    if str(array.dtype) != "uint8":
        raise ValueError("an array frame must be of type uint8")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim == 3 and array.shape[2] == 4:
        array = array[:, :, :3]
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] != 3):
        raise ValueError("an array frame must be HxW, HxWx3 or HxWx4")
    return _by_cv2(array) or _by_pil(array) or _by_zlib(array)


def encode_pil_image(image: Any) -> bytes:
    """Return a PIL image as JPEG."""
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
        # A half-installed library (cv2 without libGL) raises more than ImportError.
        return None

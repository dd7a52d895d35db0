"""Convert detectors' arrays and tensors of any layout and number range to 8-bit pictures."""

import importlib
import sys
from typing import Any

_CHANNELS = (1, 3, 4)
# Sample depths of cameras within 16 bits.
_DEPTHS = (8, 10, 12, 14, 16)
# Interpolation exceeds a range by some per cent.
_OVERSHOOT = 0.1


def to_numpy(value: Any) -> Any:
    """Return an array or a tensor as a NumPy array, without copying if possible.

    Raises ValueError without numpy, and whatever a foreign object raises.
    """
    numpy = _numpy()
    for step in ("detach", "cpu"):
        # Tensors with gradients, or on a graphics card, cannot be converted directly.
        if callable(act := getattr(value, step, None)):
            value = act()
    return numpy.asarray(value)


def _numpy() -> Any:
    # The owner of an array has loaded numpy: a new import may fail where that did not.
    loaded = sys.modules.get("numpy")
    if loaded is not None:
        return loaded
    try:
        return importlib.import_module("numpy")
    except Exception:
        raise ValueError("without numpy an array cannot be read") from None


def copy_of(value: Any) -> Any:
    """Return an independent NumPy array with the content of an array or a tensor."""
    array = to_numpy(value)
    return array.copy()


def shape_of(value: Any) -> tuple[int, ...]:
    """Return the shape of an array or a tensor; empty if unknown."""
    try:
        shape = getattr(value, "shape", None)
        return tuple(to_numpy(value).shape if shape is None else shape)
    except Exception:
        return ()


def to_picture(value: Any) -> Any:
    """Return an array or a tensor as an HxW or HxWx3 array of uint8, in BGR order as given.

    HxW, HxWx1, HxWx3, HxWx4 and the same with the channels first, also in a batch of one; bool,
    integers of up to 16 bits, floats of 0 to 1 or of 0 to 255. NaN and the infinities become black.
    Raises ValueError with the ambiguity.
    """
    array = to_numpy(value)
    if 0 in array.shape:
        raise ValueError("an array of no samples is no picture")
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    shape = "x".join(str(side) for side in array.shape)
    if array.ndim == 3 and array.shape[2] not in _CHANNELS:
        if array.shape[0] not in (1, 3):
            raise ValueError(f"an array of {shape} has neither 1, 3 nor 4 channels")
        array = array.transpose(1, 2, 0)
    if array.ndim not in (2, 3):
        raise ValueError(f"an array of {shape} is no picture")
    if array.ndim == 3:
        array = array[:, :, 0] if array.shape[2] == 1 else array[:, :, :3]
    return _to_bytes(array)


def range_of(low: float, high: float, *, is_float: bool) -> tuple[float, float]:
    """Return factor and offset that map samples to 0 to 255.

    Raises ValueError where the range is ambiguous.
    """
    if is_float:
        for most in (1.0, 255.0):
            # Values further below 0 are normalized to a mean of 0.
            if low >= -_OVERSHOOT * min(most, max(high, 1.0)) and high <= (1 + _OVERSHOOT) * most:
                return 255.0 / most, 0.0
        raise ValueError(f"floats from {low:g} to {high:g} are neither of 0 to 1 nor of 0 to 255")
    if low >= 0:
        for depth in _DEPTHS:
            if high < 2**depth:
                return 255.0 / (2**depth - 1), 0.0
    raise ValueError(f"whole numbers from {low:g} to {high:g} are no samples of 8 to 16 bits")


def _to_bytes(array: Any) -> Any:
    kind = str(array.dtype)
    if kind == "uint8":
        return array
    if kind == "bool":
        return array.astype("uint8") * 255
    is_float = array.dtype.kind == "f"
    if not is_float and array.dtype.kind not in "iu":
        raise ValueError(f"an array of {kind} is no picture")
    if is_float:
        array = _finite(array)
    scale, offset = range_of(float(array.min()), float(array.max()), is_float=is_float)
    return (array.astype("float64") * scale + offset).round().clip(0, 255).astype("uint8")


def _finite(array: Any) -> Any:
    numpy = _numpy()
    known = numpy.isfinite(array)
    if not known.any():
        raise ValueError("an array of nothing but NaN is no picture")
    return array if known.all() else numpy.where(known, array, 0)

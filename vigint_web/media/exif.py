"""Read the orientation of a picture from its EXIF."""

from typing import Literal

# Values of the tag Orientation (Exif 2.32, 4.6.4; TIFF 6.0, page 36).
UPRIGHT = 1
SIDEWAYS = frozenset({5, 6, 7, 8})
# ffmpeg's filters that turn a stored picture upright.
TURNS = {
    1: "null",
    2: "hflip",
    3: "hflip,vflip",
    4: "vflip",
    5: "transpose=cclock_flip",
    6: "transpose=clock",
    7: "transpose=clock_flip",
    8: "transpose=cclock",
}
# The orientation whose rotation reverses another's.
INVERSE = {**{value: value for value in TURNS}, 6: 8, 8: 6}

_ORIENTATION = 0x0112
_ORDERS: dict[bytes, Literal["little", "big"]] = {b"II*\0": "little", b"MM\0*": "big"}
_ENTRY = 12
# Bytes of one value, by its type: bytes, short and long numbers.
_WIDTHS = {1: 1, 3: 2, 4: 4}
# A first directory has some twenty entries.
_MOST_ENTRIES = 512


def orientation(tiff: bytes) -> int | None:
    """Return the orientation, 1 to 8, in EXIF data; None if there is none.

    ``tiff`` begins with the TIFF header. No content of it raises.
    """
    order = _ORDERS.get(tiff[:4])
    if order is None:
        return None
    at = int.from_bytes(tiff[4:8], order)
    count = int.from_bytes(tiff[at : at + 2], order)
    at += 2
    for place in range(at, at + _ENTRY * min(count, _MOST_ENTRIES), _ENTRY):
        entry = tiff[place : place + _ENTRY]
        if len(entry) == _ENTRY and int.from_bytes(entry[:2], order) == _ORIENTATION:
            width = _WIDTHS.get(int.from_bytes(entry[2:4], order), 0)
            value = int.from_bytes(entry[8 : 8 + width], order)
            return value if 1 <= value <= 8 else None
    return None

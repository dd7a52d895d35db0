"""Choose the size of the rendition."""

# Phones decode H.264 up to 4K in hardware; larger video would stutter or not play at all.
MAX_LONG_SIDE = 3840


def playable_size(width: int, height: int, *, long_side: int = MAX_LONG_SIDE) -> tuple[int, int]:
    """Return the nearest even size, shape kept, that is at most ``long_side`` pixels each way.

    4:2:0 pictures have even sides only; an odd side loses its last line, a side of one pixel
    becomes two.
    """
    scale = min(1.0, long_side / max(width, height))
    return _even(width * scale), _even(height * scale)


def _even(length: float) -> int:
    return max(2, int(length) // 2 * 2)

"""Crop the pictures of rows around what a detector found, by classes of `static/css/inbox.css`.

The content security policy allows no styles in the page, so positions are those of a few classes.
"""

from dataclasses import dataclass

# Of a row's picture.
_SHAPE = 16 / 9
# What is found has this much of the picture at least, in either direction, as its surroundings.
_ROOM = 1.5
ZOOMS = (3.0, 2.5, 2.0, 1.5, 1.0)
# Positions are multiples of this, in hundredths.
STEP = 5


@dataclass(frozen=True)
class Crop:
    """How a picture fills that of a row.

    Args:
        at_x: where in the picture it is cropped, from 0 (its left side) to 100.
        at_y: the same from its upper side.
        zoom: how much it is enlarged after filling the row's picture.
    """

    at_x: int
    at_y: int
    zoom: float

    @property
    def classes(self) -> str:
        """Return the classes that say so."""
        return f"at-x-{self.at_x} at-y-{self.at_y} zoom-{round(self.zoom * 10)}"


def filled(width: int, height: int) -> tuple[float, float]:
    """Return the shares of a picture's width and height that fill a row's picture."""
    shape = width / height
    return (_SHAPE / shape, 1.0) if shape >= _SHAPE else (1.0, shape / _SHAPE)


def crop_around(box: tuple[float, float, float, float], width: int, height: int) -> Crop:
    """Return how to crop a picture around a box.

    Args:
        box: its left and upper side, width and height, as shares of the picture.
        width: the picture's, in pixels.
        height: the picture's, in pixels.
    """
    x, y, w, h = box
    across, down = filled(width, height)
    zoom = next(
        (zoom for zoom in ZOOMS if w * _ROOM <= across / zoom and h * _ROOM <= down / zoom), 1.0
    )
    return Crop(_position(x + w / 2, across / zoom), _position(y + h / 2, down / zoom), zoom)


def _position(centre: float, shown: float) -> int:
    """Return where a part of a side's length must be shown for a point to be in its middle."""
    hidden = 1 - shown
    if hidden <= 0:
        return 50
    share = min(1.0, max(0.0, (centre - shown / 2) / hidden))
    return round(100 * share / STEP) * STEP

"""PNG files written with the standard library open in other programs."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from PIL import Image

from vigint_client.png import encode_png

MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@given(
    st.sampled_from([1, 3, 4]).flatmap(
        lambda channels: st_numpy.arrays(
            np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(channels))
        )
    )
)
def test_pillow_reads_back_every_pixel(pixels: np.ndarray) -> None:
    height, width, channels = pixels.shape
    data = encode_png(pixels.tobytes(), width, height, channels)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.mode == MODES[channels]
        assert image.size == (width, height)
        assert image.tobytes() == pixels.tobytes()


def test_opencv_reads_back_every_pixel() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (31, 17, 3), dtype=np.uint8)
    data = encode_png(pixels.tobytes(), 17, 31, 3)
    read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert read is not None
    assert np.array_equal(read[:, :, ::-1], pixels)


@pytest.mark.parametrize(
    ("pixels", "width", "height", "channels"),
    [(b"", 0, 0, 3), (bytes(11), 2, 2, 3), (bytes(8), 2, 2, 2), (bytes(13), 2, 2, 3)],
)
def test_sizes_that_do_not_fit_are_refused(
    pixels: bytes, width: int, height: int, channels: int
) -> None:
    with pytest.raises(ValueError):
        encode_png(pixels, width, height, channels)

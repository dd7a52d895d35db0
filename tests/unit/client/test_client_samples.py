"""Detectors' frames: every unambiguous layout and number range."""

import base64
import io
import threading
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.unit.client.fake_vigint import FakeVigint
from vigint_client.alerts import AlertManager
from vigint_client.frames import hold_frames, read_frames

HEIGHT, WIDTH = 48, 64


def _picture() -> np.ndarray:
    """Return a picture of large areas, which JPEG preserves; BGR."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[: HEIGHT // 2] = (200, 40, 10)
    picture[HEIGHT // 2 :] = (10, 90, 240)
    picture[:, WIDTH // 2 :] //= 2
    return picture


BGR = _picture()
GREY = BGR[:, :, 2]


class Tensor:
    """The common interface of all libraries' tensors."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._array, dtype=dtype)


class OnGraphicsCard(Tensor):
    """A tensor with gradients on another device, as torch has them."""

    def __init__(self, array: np.ndarray, steps: int = 2) -> None:
        super().__init__(array)
        self._steps = steps

    def detach(self) -> "OnGraphicsCard":
        return OnGraphicsCard(self._array, self._steps - 1)

    cpu = detach

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self._steps > 0:
            raise TypeError("can't convert a device tensor to numpy")
        return super().__array__(dtype, copy)


def _with_nan(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array[0, 0] = np.nan
    return array


FORMS = {
    "float64 of 0 to 1": BGR / 255,
    "float32 of 0 to 1": (BGR / 255).astype(np.float32),
    "float16 of 0 to 1": (BGR / 255).astype(np.float16),
    "floats that overshoot": (BGR / 255) * 1.03 - 0.01,
    "float32 of 0 to 255": BGR.astype(np.float32),
    "NaN in one corner": _with_nan(BGR / 255),
    "uint16 of 16 bits": BGR.astype(np.uint16) * 257,
    "uint16 of 12 bits": (BGR.astype(np.uint32) * 4095 // 255).astype(np.uint16),
    "uint16 of 8 bits": BGR.astype(np.uint16),
    "int64 of 8 bits": BGR.astype(np.int64),
    "channels first": BGR.transpose(2, 0, 1),
    "channels first, float": BGR.transpose(2, 0, 1) / 255,
    "a batch of one": BGR[None],
    "BGRA": np.dstack([BGR, np.full((HEIGHT, WIDTH), 255, np.uint8)]),
    "a tensor": Tensor(BGR / 255),
    "a tensor elsewhere": OnGraphicsCard(BGR.transpose(2, 0, 1)),
    "JPEG as a row of bytes": cv2.imencode(".jpg", BGR)[1],
    "PNG as a column of bytes": cv2.imencode(".png", BGR)[1].reshape(-1, 1),
}
GREYS = {
    "HxW": GREY,
    "HxWx1": GREY[:, :, None],
    "1xHxW": GREY[None],
    "float": GREY / 255,
    "uint16": GREY.astype(np.uint16) * 257,
    "bool": GREY > 100,
    "PIL of 16 bits": Image.fromarray(GREY.astype(np.uint16) * 257),
    "PIL of floats": Image.fromarray((GREY / 255).astype(np.float32), mode=None),
    "PIL of 32 bits": Image.fromarray(GREY.astype(np.int32)),
}


def _shown(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[:, :, ::-1].astype(int)


def _close(found: np.ndarray, expected: np.ndarray, margin: int) -> bool:
    return float(np.mean(np.abs(found - expected))) < margin


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("held", [False, True])
def test_colours_are_those_of_the_picture(name: str, held: bool) -> None:
    frames = [FORMS[name]]
    batch = hold_frames(frames).read() if held else read_frames(frames)
    assert batch.trouble is None
    assert _close(_shown(batch.frames[0].data), BGR, 6), name


@pytest.mark.parametrize("name", GREYS)
def test_grey_is_grey(name: str) -> None:
    batch = read_frames([GREYS[name]])
    assert batch.trouble is None
    expected = (GREY > 100) * 255 if name == "bool" else GREY
    assert _close(_shown(batch.frames[0].data), expected[:, :, None], 6), name


@pytest.mark.parametrize("name", [*FORMS, "1xHxW"])
def test_one_frame_needs_no_list(name: str) -> None:
    assert len(read_frames((FORMS | GREYS)[name]).frames) == 1


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (BGR.astype(np.complex64), "complex64"),
        (BGR / 255 * 4 - 2, "neither of 0 to 1 nor of 0 to 255"),
        (BGR.astype(np.int16) - 128, "no samples"),
        (np.zeros((HEIGHT, WIDTH, 7), np.uint8), "channels"),
        (np.zeros((2, 2, 2, 2, 2), np.uint8), "no picture"),
        (np.full((HEIGHT, WIDTH), np.nan), "NaN"),
        (np.zeros((0, WIDTH), np.uint8), "no samples"),
        (np.array(["a", "b"]), "no picture"),
        (OnGraphicsCard(BGR, steps=9), "device tensor"),
    ],
)
def test_what_is_unclear_is_named(frame: object, words: str) -> None:
    batch = read_frames([BGR, frame, BGR])
    assert (len(batch.frames), batch.left_out, batch.unusable) == (2, 1, 1)
    assert batch.trouble is not None
    assert batch.trouble.startswith("1 of 3 frames could not be used: frame 2 (")
    assert words in batch.trouble


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_array_raises(data: st.DataObject) -> None:
    kinds = ["?", "u1", "i1", "u2", "i4", "u8", "f2", "f4", "f8", "c8", "S3", "M8[s]", "O"]
    shape = data.draw(st.lists(st.integers(0, 5), min_size=0, max_size=5))
    array = np.zeros(shape, dtype=data.draw(st.sampled_from(kinds)))
    batch = read_frames([array])
    assert len(batch.frames) + batch.unusable == 1


def test_base64_in_every_spelling() -> None:
    jpeg = cv2.imencode(".jpg", BGR)[1].tobytes()
    for text in (
        base64.b64encode(jpeg).decode().rstrip("="),
        base64.urlsafe_b64encode(jpeg).decode(),
        base64.b64encode(jpeg),
        f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}",
        base64.encodebytes(jpeg).decode(),
    ):
        assert read_frames([{"frame_data": text}]).frames[0].data == jpeg
    for key in ("frame", "image", "data"):
        assert read_frames([{key: BGR}]).trouble is None
    assert read_frames([b"\r\n--boundary\r\n\r\n" + jpeg]).frames[0].data == jpeg


def test_pictures_of_pil_are_the_right_way_up() -> None:
    turned = Image.fromarray(BGR[:, :, ::-1])
    exif = turned.getexif()
    exif[0x0112] = 6
    stored = io.BytesIO()
    turned.save(stored, format="JPEG", exif=exif)
    batch = read_frames([Image.open(stored)])
    assert _shown(batch.frames[0].data).shape == (WIDTH, HEIGHT, 3)


def test_the_result_and_the_server_are_told(
    vigint: FakeVigint, make_manager: Any, png: bytes
) -> None:
    manager: AlertManager = make_manager()
    result = manager.send_security_alert_with_video("m", [png, b"broken", BGR * 1j, png])
    assert (result["success"], result["frames_sent"], result["frames_left_out"]) == (True, 2, 2)
    assert "2 of 4 frames could not be used: frame 2 (" in result["error"]
    assert vigint.posts()[0].json()["incident_data"]["frames_skipped"] == 2
    whole = manager.send_security_alert_with_video("m", [png])
    assert "error" not in whole
    assert "frames_skipped" not in vigint.posts()[1].json()["incident_data"]


def test_a_lock_or_a_thread_is_no_frame() -> None:
    assert read_frames([threading.Lock(), threading.current_thread()]).unusable == 2

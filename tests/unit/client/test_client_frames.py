"""Every form of a frame becomes JPEG or PNG bytes; unreadable ones are counted."""

import base64
import datetime as dt
import io
import sys
import threading
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from vigint_client import frames as frames_module
from vigint_client.frame_forms import MAX_FRAME_BYTES
from vigint_client.frames import MAX_FRAMES, FrameBatch, hold_frames, read_frames
from vigint_client.png import encode_png
from vigint_client.posting import Posting
from vigint_client.staging import Slice

SMALL = encode_png(bytes(range(48)), 4, 4, 3)


def opened(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def bgr(height: int = 48, width: int = 64) -> np.ndarray:
    array = np.zeros((height, width, 3), dtype=np.uint8)
    array[:, : width // 2] = (200, 30, 10)
    array[:, width // 2 :] = (10, 30, 200)
    return array


def close(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(np.abs(first.astype(int) - second.astype(int)).mean() < 4)


def test_dict_with_base64_keeps_time_and_number() -> None:
    frame = {
        "frame_data": base64.b64encode(SMALL).decode(),
        "frame_count": 150,
        "timestamp": "2025-09-25T14:30:00",
    }
    batch = read_frames([frame])
    assert batch.left_out == 0
    assert batch.frames[0].data == SMALL
    assert batch.frames[0].timestamp == "2025-09-25T14:30:00"
    assert batch.frames[0].frame_count == 150


@pytest.mark.parametrize(
    "content",
    [
        "data:image/png;base64," + base64.b64encode(SMALL).decode(),
        base64.b64encode(SMALL),
        base64.encodebytes(SMALL).decode(),
        SMALL,
        bytearray(SMALL),
        memoryview(SMALL),
    ],
)
def test_frame_data_in_its_spellings(content: object) -> None:
    assert [frame.data for frame in read_frames([{"frame_data": content}]).frames] == [SMALL]


def test_bytes_paths_and_data_urls_stand_alone(tmp_path: Path) -> None:
    path = tmp_path / "frame.png"
    path.write_bytes(SMALL)
    url = "data:image/png;base64," + base64.b64encode(SMALL).decode()
    batch = read_frames([SMALL, bytearray(SMALL), memoryview(SMALL), path, str(path), url])
    assert [frame.data for frame in batch.frames] == [SMALL] * 6


@pytest.fixture(params=["cv2", "PIL", "zlib"])
def encoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make only one encoder of arrays available."""
    hidden = {"cv2": (), "PIL": ("cv2",), "zlib": ("cv2", "PIL.Image")}[request.param]
    for name in hidden:
        monkeypatch.setitem(sys.modules, name, None)
    return str(request.param)


def test_arrays_keep_colours_by_every_encoder(encoder: str) -> None:
    frame = read_frames([bgr()]).frames[0]
    assert frame.kind == ("png" if encoder == "zlib" else "jpeg")
    assert close(opened(frame.data), bgr()[:, :, ::-1])


@pytest.mark.parametrize(
    "array",
    [
        bgr()[:, ::-1],
        bgr()[::2, ::2],
        np.asfortranarray(bgr()),
        np.dstack([bgr(), np.full((48, 64), 255, np.uint8)]),
        bgr()[:, :, 0],
        bgr()[:, :, :1],
    ],
    ids=["mirrored", "every-second", "fortran", "bgra", "grey", "one-channel"],
)
def test_array_layouts(encoder: str, array: np.ndarray) -> None:
    frame = read_frames([array]).frames[0]
    shown = array[:, :, None] if array.ndim == 2 else array
    expected = np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown[:, :, 2::-1]
    assert close(opened(frame.data), expected)


def test_pil_images_of_several_modes() -> None:
    image = Image.fromarray(bgr()[:, :, ::-1])
    batch = read_frames([image, image.convert("L"), image.convert("RGBA"), image.convert("P")])
    assert [frame.kind for frame in batch.frames] == ["jpeg"] * 4
    assert close(opened(batch.frames[0].data), np.asarray(image))


@pytest.mark.parametrize("frames", [SMALL, bgr(), bgr()[:, :, 0], {"frame_data": SMALL}])
def test_a_single_frame_needs_no_list(frames: object) -> None:
    assert len(read_frames(frames).frames) == 1


def test_a_stack_of_arrays_is_many_frames() -> None:
    assert len(read_frames(np.stack([bgr()] * 5)).frames) == 5


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("no picture")
    bad = [
        None, 7, b"", b"no picture", "missing.jpg", text, tmp_path, {}, {"frame_data": "%%%"},
        {"frame_data": None}, np.zeros((4, 4, 3), complex), np.zeros((4, 4, 7), np.uint8),
        np.zeros((0, 4, 3), np.uint8), b"\x89PNG\r\n\x1a\n" + bytes(MAX_FRAME_BYTES), "a\0b",
        "x" * 5000,
    ]  # fmt: skip
    batch = read_frames([SMALL, *bad, SMALL])
    assert len(batch.frames) == 2
    assert batch.left_out == len(bad)


def test_a_source_that_breaks_keeps_what_it_gave() -> None:
    def camera() -> Iterator[bytes]:
        yield SMALL
        raise OSError("camera unplugged")

    batch = read_frames(camera())
    assert (len(batch.frames), batch.left_out) == (1, 1)


@pytest.mark.parametrize(
    ("given_time", "kept"),
    [
        (1758810600.25, 1758810600.25),
        (np.float64(12.5), 12.5),
        (7, 7.0),
        (dt.datetime(2025, 9, 25, 14, 30, tzinfo=dt.UTC), "2025-09-25T14:30:00+00:00"),
        (float("nan"), None),
        (True, None),
        ("  ", None),
        (object(), None),
        (np.datetime64("2025-09-25T14:30:00.25"), "2025-09-25T14:30:00.250"),
        # The server parses dates as people write them, and interpolates the rest.
        ("29/11/2026 14:30:00", "29/11/2026 14:30:00"),
        ("yesterday", "yesterday"),
        ("x" * 101, None),
        (" 2025-09-25T14:30:00Z ", "2025-09-25T14:30:00Z"),
        ("1758810600.25", 1758810600.25),
        (-1.0, -1.0),
        (1758810600000, 1758810600000),
    ],
)
def test_timestamps(given_time: object, kept: object) -> None:
    frame = read_frames([{"frame_data": SMALL, "timestamp": given_time}]).frames[0]
    assert frame.timestamp == kept


def _times(batch: FrameBatch) -> list[float]:
    times = [frame.timestamp for frame in batch.frames if isinstance(frame.timestamp, float)]
    assert len(times) == len(batch.frames), "each has its time, as a number"
    return times


def test_too_many_frames_are_thinned_over_their_whole_time() -> None:
    frames = [{"frame_data": SMALL, "timestamp": float(number)} for number in range(5000)]
    batch = read_frames(frames)
    stamps = _times(batch)
    assert len(stamps) == MAX_FRAMES
    assert batch.left_out == 3000
    assert (stamps[0], stamps[-1]) == (0.0, 4999.0)
    assert stamps == sorted(set(stamps))


def test_memory_does_not_grow_with_the_frames(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(frames_module, "MEMORY_BYTES", 1000)
    given_frames = [SMALL + bytes([number]) * 200 for number in range(20)]
    batch = read_frames(iter(given_frames), lambda: tmp_path)
    assert [frame.data for frame in batch.frames] == given_frames
    kinds = [type(frame.content) for frame in batch.frames]
    assert kinds == [bytes] * 3 + [Slice] * 17
    assert batch.size == sum(map(len, given_frames))
    assert {frame.kind for frame in batch.frames} == {"png"}
    assert list(tmp_path.iterdir()) == [], "it has no name, so a dead process leaves nothing"
    body = b"".join(Posting("k", {}, batch).body().chunks())
    assert body.count(SMALL) == 20
    # The caller's data is not copied, and needs no file.
    kinds = [type(frame.content) for frame in read_frames(given_frames).frames]
    assert kinds == [bytes] * 20


def test_without_a_file_the_memory_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames_module, "MEMORY_BYTES", 1000)
    monkeypatch.setattr(frames_module, "MEMORY_WITHOUT_FILE", 3000)
    monkeypatch.setattr(frames_module, "open_staging", lambda _folder: None)
    batch = read_frames(iter([bytearray(SMALL + bytes(400))] * 20))
    assert 0 < len(batch.frames) < 20
    assert len(batch.frames) + batch.left_out == 20


@pytest.mark.parametrize("number", [1999, 2000, 2001, 3999, 4000, 4001, 8001, 20_000])
def test_of_any_number_of_frames_an_even_selection_is_taken(number: int) -> None:
    frames = ({"frame_data": SMALL, "timestamp": float(index)} for index in range(number))
    batch = read_frames(frames)
    stamps = _times(batch)
    assert len(stamps) == min(number, MAX_FRAMES)
    assert (stamps[0], stamps[-1]) == (0.0, number - 1.0)
    assert batch.left_out == number - len(stamps)
    gaps = [later - earlier for earlier, later in pairwise(stamps)]
    assert max(gaps) <= 2 * (number // MAX_FRAMES + 1)


def test_a_deque_that_another_thread_keeps_filling() -> None:
    ring: deque[bytes] = deque([SMALL] * 50, maxlen=50)
    stop = threading.Event()

    def film() -> None:
        while not stop.is_set():
            ring.append(SMALL)
            if len(ring) > 40:
                ring.popleft()

    camera = threading.Thread(target=film)
    camera.start()
    try:
        for _reading in range(200):
            batch = read_frames(ring)
            assert batch.left_out == 0
            assert len(batch.frames) >= 39
            held = hold_frames(ring).count
            assert held is not None
            assert held >= 39
    finally:
        stop.set()
        camera.join()


def test_a_collection_that_changes_while_it_is_read_is_read_again() -> None:
    class Moving(deque[bytes]):
        tries = 0

        def __iter__(self) -> Iterator[bytes]:
            Moving.tries += 1
            yield SMALL
            if Moving.tries < 3:
                raise RuntimeError("deque mutated during iteration")

    assert len(read_frames(Moving([SMALL])).frames) == 1
    assert Moving.tries == 3


def test_a_list_that_grows_while_it_is_read_is_read_as_it_was() -> None:
    growing: list[object] = []

    class Frame(dict[str, object]):
        def get(self, key: str, default: object = None) -> object:
            growing.append(SMALL)
            return super().get(key, default)

    growing.extend([Frame(frame_data=SMALL), SMALL])
    assert len(read_frames(growing).frames) == 2


def test_held_frames_do_not_change_with_the_callers_buffer() -> None:
    array = bgr()
    buffer = bytearray(SMALL)
    held = hold_frames([array, buffer, None])
    array[:] = 0
    buffer[:] = bytes(len(buffer))
    batch = held.read()
    assert close(opened(batch.frames[0].data), bgr()[:, :, ::-1])
    assert batch.frames[1].data == SMALL
    assert batch.left_out == 1
    assert held.size >= bgr().nbytes


def test_held_files_may_be_deleted(tmp_path: Path) -> None:
    path = tmp_path / "frame.png"
    path.write_bytes(SMALL)
    held = hold_frames([path, Image.open(path)])
    path.unlink()
    assert len(held.read().frames) == 2


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ANYTHING | st.fixed_dictionaries({"frame_data": ANYTHING, "timestamp": ANYTHING})))
def test_nothing_raises_and_every_frame_is_accounted_for(frames: list[object]) -> None:
    batch = read_frames(frames)
    assert len(batch.frames) + batch.left_out == len(frames)
    assert len(hold_frames(frames).read().frames) == len(batch.frames)


def test_broken_libraries_are_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> object:
        raise OSError(f"{name}: libGL.so.1 is missing")

    monkeypatch.setattr("importlib.import_module", refuse)
    assert read_frames([bgr()]).frames[0].kind == "png"

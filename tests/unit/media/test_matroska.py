"""The Matroska writer: its output is read back by an independent reader of EBML."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.media import matroska
from vigint_web.media.frames import Kind

PARENTS = {0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0x1F43B675, 0xA0}
TIMESTAMP, BLOCK, BLOCK_DURATION, DEFAULT_DURATION = 0xE7, 0xA1, 0x9B, 0x23E383
CODEC_ID, CODEC_PRIVATE, WIDTH, HEIGHT, SEGMENT = 0x86, 0x63A2, 0xB0, 0xBA, 0x18538067


def variable_length(data: bytes, at: int, *, keep_marker: bool) -> tuple[int, int, bool]:
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + length], "big")
    mask = (1 << 7 * length) - 1
    return (value if keep_marker else value & mask), at + length, value & mask == mask


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        name, at, _ = variable_length(data, at, keep_marker=True)
        size, at, unknown = variable_length(data, at, keep_marker=False)
        end = len(data) if unknown else at + size
        assert unknown is (name == SEGMENT)
        assert end <= len(data)
        if name in PARENTS:
            yield from elements(data[at:end])
        else:
            yield name, data[at:end]
        at = end


def number(content: bytes) -> int:
    return int.from_bytes(content, "big")


@given(
    frames=st.lists(
        st.tuples(st.integers(0, 2**40), st.integers(1, 2**31), st.binary(max_size=40_000)),
        max_size=4,
    ),
    kind=st.sampled_from(["jpeg", "png"]),
    width=st.integers(1, 20_000),
    height=st.integers(1, 20_000),
)
def test_times_durations_and_bytes_come_back(
    frames: list[tuple[int, int, bytes]], kind: Kind, width: int, height: int
) -> None:
    written = b"".join(matroska.stream(frames, kind=kind, width=width, height=height))
    found = list(elements(written))
    assert [number(c) for name, c in found if name == TIMESTAMP] == [f[0] for f in frames]
    assert [number(c) for name, c in found if name == BLOCK_DURATION] == [f[1] for f in frames]
    # Track 1, no time of its own relative to the cluster, no flags; then the picture.
    assert [c for name, c in found if name == BLOCK] == [b"\x81\0\0\0" + f[2] for f in frames]
    values = dict(found)
    assert (number(values[WIDTH]), number(values[HEIGHT])) == (width, height)


def test_each_kind_names_its_codec() -> None:
    jpeg = dict(elements(b"".join(matroska.stream([], kind="jpeg", width=2, height=3))))
    png = dict(elements(b"".join(matroska.stream([], kind="png", width=2, height=3))))
    assert jpeg[CODEC_ID] == b"V_MJPEG"
    assert png[CODEC_ID] == b"V_MS/VFW/FOURCC"
    assert len(png[CODEC_PRIVATE]) == 40
    assert png[CODEC_PRIVATE][16:20] == b"MPNG"


def test_the_usual_interval_becomes_the_default_duration() -> None:
    pieces = matroska.stream([], kind="jpeg", width=2, height=2, interval_ms=100)
    assert number(dict(elements(b"".join(pieces)))[DEFAULT_DURATION]) == 100_000_000


@pytest.mark.parametrize("size", [0, 126, 127, 16_382, 16_383, 2_097_150, 2_097_151])
def test_sizes_at_the_edges_of_their_lengths_are_never_the_unknown_size(size: int) -> None:
    pieces = list(matroska.stream([(0, 1, b"x" * size)], kind="jpeg", width=2, height=2))
    blocks = [content for name, content in elements(b"".join(pieces)) if name == BLOCK]
    assert [len(block) - 4 for block in blocks] == [size]


def test_frames_are_drawn_one_at_a_time() -> None:
    drawn: list[int] = []

    def frames() -> Iterator[tuple[int, int, bytes]]:
        for index in range(3):
            drawn.append(index)
            yield index, 1, b"x"

    pieces = matroska.stream(frames(), kind="jpeg", width=2, height=2)
    next(pieces)
    assert drawn == []
    next(pieces)
    assert drawn == [0]

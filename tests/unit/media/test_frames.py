"""inspect_frame: complete pictures pass with their size, all others are refused."""

import io
import struct
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from vigint_web.media.frames import BrokenFrame, FrameInfo, find_picture, inspect_frame


def picture(kind: str, size: tuple[int, int] = (48, 32), **options: object) -> bytes:
    image = Image.effect_noise(size, 60).convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


JPEG = picture("JPEG", quality=90)
PROGRESSIVE = picture("JPEG", progressive=True)
PNG = picture("PNG")


def png_of(width: int, height: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("data", [JPEG, PROGRESSIVE, picture("JPEG", restart_marker_rows=1)])
def test_whole_jpeg_tells_its_size(data: bytes) -> None:
    assert inspect_frame(data) == FrameInfo("jpeg", 48, 32)


def test_whole_png_tells_its_size() -> None:
    assert inspect_frame(PNG) == FrameInfo("png", 48, 32)


def test_grey_and_exif_jpegs_are_pictures_too() -> None:
    exif = Image.Exif()
    exif[0x010E] = "camera 3"
    assert inspect_frame(picture("JPEG", exif=exif)).width == 48
    buffer = io.BytesIO()
    Image.new("L", (7, 5)).save(buffer, "JPEG")
    assert inspect_frame(buffer.getvalue()) == FrameInfo("jpeg", 7, 5)


WHOLE = [JPEG, PROGRESSIVE, PNG]
BOUNDARY = b"\r\n--myboundary\r\nContent-Type: image/jpeg\r\nContent-Length: 9000\r\n\r\n"
AROUND = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        [b"", b"\0" * 4096, b"\xff" * 64, b"dhav\x10\0\0\0", BOUNDARY, b"<script>", b"\xff\xd9"]
    ),
)


@given(st.sampled_from(WHOLE), AROUND, AROUND)
@example(JPEG, b"\xff\xd8" * 3, b"")
@example(PNG, b"\xff\xd8\xff\xff\x00\x89PNG\r\n\x1a\n", b"")
@example(JPEG, b"\x89PNG\r\n\x1a\n", b"\xff\xd8")
def test_bytes_before_and_after_a_picture_change_nothing(
    data: bytes, before: bytes, after: bytes
) -> None:
    frame = before + data + after
    assert find_picture(frame).taken_from(frame) == data


@pytest.mark.parametrize("data", WHOLE)
@pytest.mark.parametrize("between", [b"", BOUNDARY, b"\0" * 100])
def test_of_several_pictures_the_first_counts(data: bytes, between: bytes) -> None:
    frame = data + between + picture("JPEG", (8, 8)) + between + picture("PNG", (9, 9))
    assert find_picture(frame).taken_from(frame) == data


@pytest.mark.parametrize("between", [b"", BOUNDARY])
def test_a_whole_picture_after_one_that_was_cut_off_counts(between: bytes) -> None:
    frame = picture("JPEG", (200, 200))[:-900] + between + JPEG
    assert find_picture(frame).taken_from(frame) == JPEG


@pytest.mark.parametrize("padding", [b"\0", b"\0" * 5000, b"\xff\xff", b"\0\xff\0", b"pad"])
def test_padding_between_segments_is_left_out(padding: bytes) -> None:
    first = 4 + int.from_bytes(JPEG[4:6], "big")
    at, frame = first, JPEG[:first]
    while JPEG[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(JPEG[at + 2 : at + 4], "big")
        frame += padding + JPEG[at:end]
        at = end
    frame += padding + JPEG[at:]
    found = find_picture(frame)
    assert (found.info.width, found.info.height) == (48, 32)
    assert found.taken_from(frame) == JPEG


def with_thumbnail() -> bytes:
    """Return a JPEG whose EXIF holds a whole smaller JPEG."""
    content = b"Exif\0\0MM\0*\0\0\0\x08\0\0" + picture("JPEG", (16, 16))
    segment = b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content
    return JPEG[:2] + segment + JPEG[2:]


def test_a_thumbnail_is_never_taken_for_a_picture_that_was_cut_off() -> None:
    whole = with_thumbnail()
    assert inspect_frame(whole).width == 48
    for length in range(len(whole)):
        with pytest.raises(BrokenFrame):
            inspect_frame(b"before" + whole[:length])


def exif(value: int, order: str = "<") -> Image.Exif:
    found = Image.Exif()
    found.endian = order
    found[0x0112] = value
    return found


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_orientation_is_read_and_taken_out(kind: str, value: int, order: str) -> None:
    data = picture(kind, exif=exif(value, order))
    found = find_picture(data)
    assert found.info == FrameInfo(found.info.kind, 48, 32, value)
    assert found.info.shown_size == ((32, 48) if value >= 5 else (48, 32))
    alone = find_picture(found.taken_from(data))
    assert alone.info == FrameInfo(found.info.kind, 48, 32, 1)


@pytest.mark.parametrize("value", [0, 9, 65_535])
def test_an_orientation_that_exif_does_not_know_is_none(value: int) -> None:
    assert inspect_frame(picture("JPEG", exif=exif(value))).orientation == 1


@given(st.binary(max_size=200), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
def test_damaged_exif_costs_the_orientation_at_most(noise: bytes, start: bytes) -> None:
    content = b"Exif\0\0" + start + noise
    segment = b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content
    found = inspect_frame(JPEG[:2] + segment + JPEG[2:])
    assert (found.width, found.height) == (48, 32)
    assert found.orientation in range(1, 9)


@pytest.mark.parametrize("data", [JPEG, PROGRESSIVE, PNG])
def test_no_truncation_passes(data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(BrokenFrame):
            inspect_frame(data[:length])


@given(at=st.integers(8, len(PNG) - 1), flip=st.integers(1, 255))
def test_no_changed_byte_passes_in_a_png(at: int, flip: int) -> None:
    damaged = bytearray(PNG)
    damaged[at] ^= flip
    with pytest.raises(BrokenFrame):
        inspect_frame(bytes(damaged))


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8", b"\xff\xd8\xff", PNG[:8]]))
def test_noise_is_refused_and_never_fails_otherwise(noise: bytes, start: bytes) -> None:
    with pytest.raises(BrokenFrame):
        inspect_frame(start + noise)


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"<svg/>", picture("BMP"), picture("GIF"), picture("WEBP")]
)
def test_other_kinds_are_refused(data: bytes) -> None:
    with pytest.raises(BrokenFrame, match="neither a JPEG nor a PNG"):
        inspect_frame(data)


def test_too_many_pixels_are_refused_before_anything_is_decoded() -> None:
    assert inspect_frame(png_of(8000, 8000)).width == 8000
    with pytest.raises(BrokenFrame, match="too many"):
        inspect_frame(png_of(8001, 8000))


def test_a_picture_without_extent_is_refused() -> None:
    with pytest.raises(BrokenFrame, match="no width or height"):
        inspect_frame(png_of(0, 10))


def test_arithmetic_coding_is_refused_because_ffmpeg_cannot_read_it() -> None:
    at = JPEG.index(b"\xff\xc0")
    with pytest.raises(BrokenFrame, match="coding"):
        inspect_frame(JPEG[:at] + b"\xff\xc9" + JPEG[at + 2 :])

"""inspect_frame: whole pictures pass with their size, anything else is refused."""

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vigint_web.media.frames import BrokenFrame, FrameInfo, inspect_frame


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


@pytest.mark.parametrize("data", [JPEG, PROGRESSIVE, PNG])
def test_padding_after_the_end_is_allowed_and_other_bytes_are_not(data: bytes) -> None:
    assert inspect_frame(data + b"\0\0\r\n ").height == 32
    with pytest.raises(BrokenFrame, match="follows the end"):
        inspect_frame(data + b"<script>")


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

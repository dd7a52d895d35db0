"""Containers are recognized by content; names decide only between equals."""

import pytest

from vigint_web.media.containers import Head, recognise, short_format

MOV = "mov,mp4,m4a,3gp,3g2,mj2"
MATROSKA = "matroska,webm"


@pytest.mark.parametrize(
    ("data", "head"),
    [
        (b"\0\0\0\x18ftypisom\0\0\2\0", Head("mov", "isom")),
        (b"\0\0\0\x18ftypqt  ", Head("mov", "qt  ")),
        (b"\0\0\0\x08wide\0\0\0\0mdat", Head("mov", "")),
        (b"RIFF\0\0\0\0AVI LIST", Head("avi")),
        (b"RIFF\0\0\0\0WAVEfmt ", Head(None)),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), Head("asf")),
        (b"FLV\x01\x05", Head("flv")),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm\x42\x87\x81\2", Head("matroska", "webm")),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska\x42", Head("matroska", "matroska")),
        (b"\x1a\x45\xdf\xa3", Head("matroska")),
        (b"\x1a\x45\xdf\xa3\x42\x82", Head("matroska")),
        (b"#EXTM3U\n", Head(None)),
        (b"ffconcat version 1.0", Head(None)),
        (b"", Head(None)),
    ],
)
def test_first_bytes(data: bytes, head: Head) -> None:
    assert recognise(data) == head


@pytest.mark.parametrize("brand", [b"heic", b"avif", b"mif1"])
def test_pictures_in_boxes_are_pictures(brand: bytes) -> None:
    assert recognise(b"\0\0\0\x18ftyp" + brand).is_picture


@pytest.mark.parametrize(
    ("demuxer", "kind", "codecs", "filename", "name"),
    [
        (MOV, "isom", {"h264"}, None, "mp4"),
        (MOV, "isom", {"h264"}, "Camera 3.M4V", "m4v"),
        (MOV, "isom", {"h264"}, "clip.mov", "mov"),
        (MOV, "isom", {"h264"}, "clip.avi", "mp4"),
        (MOV, "M4V ", {"h264"}, None, "m4v"),
        (MOV, "qt  ", {"h264"}, "clip.mp4", "mov"),
        (MOV, "", {"h264"}, "clip.mp4", "mov"),
        (MATROSKA, "matroska", {"h264"}, "clip.webm", "mkv"),
        (MATROSKA, "matroska", {"vp9", "opus"}, "clip.webm", "webm"),
        (MATROSKA, "webm", {"vp9"}, "clip.mkv", "webm"),
        ("asf", "", {"wmv2"}, "clip.mp4", "wmv"),
        ("avi", "", {"mpeg4"}, None, "avi"),
        ("live_flv", "", {"h264"}, None, "flv"),
    ],
)
def test_short_names(
    demuxer: str, kind: str, codecs: set[str], filename: str | None, name: str
) -> None:
    assert short_format(demuxer, Head("x", kind), codecs, filename) == name

"""Every parser of untrusted bytes or text takes time proportional to their length."""

import io
import json
import struct
import unicodedata
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from tests.scaling import assert_linear
from vigint_web.http.streaming import ranges
from vigint_web.http.uploads import tus
from vigint_web.http.uploads.multipart import FilePart, read_parts
from vigint_web.i18n.collation import fold, sort_key
from vigint_web.i18n.normal_forms import MOST_MARKS, normalized
from vigint_web.logs import redact
from vigint_web.mail.sanitize import one_line, paragraphs
from vigint_web.media import complaints, frames, timeline
from vigint_web.services.incidents.documents import IntakeSettings
from vigint_web.services.incidents.payload import parse_incident
from vigint_web.services.links.play_rules import looks_automated
from vigint_web.services.videos import filenames

Parse = Callable[[Any], object]
SETTINGS = IntakeSettings(ZoneInfo("Europe/Paris"))

SOF = b"\xff\xc0\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00"
SOS = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
_HEAD = b"\xff\xd8" + SOF


def chunk(name: bytes, content: bytes = b"") -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


_PNG = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0))
# The beginning of a picture, and a repeated continuation.
PICTURES = {
    "fill bytes in a scan": (_HEAD + SOS, b"\xff"),
    "fill bytes before a marker": (b"\xff\xd8", b"\xff"),
    "fill bytes and markers": (_HEAD, b"\xff\xff\xff\x01"),
    "restart markers": (_HEAD + SOS, b"\xff\xd0"),
    "restart markers without a scan": (b"\xff\xd8", b"\xff\xd3"),
    "stuffed zeros": (_HEAD + SOS, b"\xff\0"),
    "empty segments": (_HEAD, b"\xff\xfe\0\2"),
    "scans": (_HEAD, SOS + b"\1"),
    "starts": (b"\xff\xd8", b"\xff\xd8"),
    "chunks": (_PNG, chunk(b"tEXt")),
    "animation chunks": (_PNG, chunk(b"fcTL", b"\0" * 26) + chunk(b"fdAT", b"\0" * 4)),
    "data chunks": (_PNG, chunk(b"IDAT", b"x")),
    "noise": (b"", b"\x9c"),
    "starts of segments": (b"", b"\xff\xd8\xff\xe0"),
    "starts of png": (b"", b"\x89PNG\r\n\x1a\n"),
    "pictures that were cut off": (b"", _HEAD + SOS + b"\1"),
    "zeros before a marker": (b"\xff\xd8", b"\0"),
    "zeros between segments": (_HEAD, b"\0" * 64 + b"\xff\xfe\0\2"),
    "exif": (b"\xff\xd8", b"\xff\xe1\xff\xffExif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(65_517)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_frame_is_walked_in_linear_time(name: str) -> None:
    begins, goes_on = PICTURES[name]

    def made(length: int) -> bytes:
        return begins + goes_on * (length // len(goes_on))

    assert_linear(frames.inspect_frame, made, 10 * 2**20)


@given(
    st.lists(
        st.sampled_from([SOF, SOS, b"\xff", b"\0", b"\xd0", b"\xfe\0\2", b"\xd8", b"\xd9", b"x"])
    ),
    st.sampled_from([b"\xff\xd8", _HEAD, _HEAD + SOS]),
)
def test_a_mixture_of_segments_is_walked_in_linear_time(parts: list[bytes], begins: bytes) -> None:
    word = b"".join(parts) or b"\0"
    assert_linear(
        frames.inspect_frame, lambda length: begins + word * (length // len(word)), 200_000
    )


@pytest.mark.parametrize(("size", "why"), [(65_500, "too many"), (2**31 - 1, "too many")])
def test_a_picture_that_unpacks_to_gigabytes_is_refused_by_its_header(size: int, why: str) -> None:
    data = b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", size, size, 16, 6, 0, 0, 0)
    )
    data += chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND")
    with pytest.raises(frames.BrokenFrame, match=why):
        frames.inspect_frame(data)
    if size < 65_536:
        sof = b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", size, size) + b"\x01\x01\x11\x00"
        with pytest.raises(frames.BrokenFrame, match=why):
            frames.inspect_frame(b"\xff\xd8" + sof + SOS + b"\1\xff\xd9")


def test_the_end_of_a_picture_is_found_whatever_follows_it() -> None:
    jpeg = _HEAD + SOS + b"\1\2\xff\0\3" + b"\xff\xd9"
    png = _PNG + chunk(b"IDAT", b"x") + chunk(b"IEND")
    for picture in (jpeg, png):
        found = frames.find_picture(picture + b"anything\xff\xd9")
        assert found == frames.find_picture(picture)
        assert found.taken_from(picture + b"anything\xff\xd9") == picture


TEXTS: dict[str, Parse] = {
    "fold": fold,
    "sort_key": sort_key,
    "safe_filename": filenames.safe_filename,
    "some_lines": filenames.some_lines,
    "one_line of filenames": filenames.one_line,
    "one_line": one_line,
    "paragraphs": paragraphs,
    "redact": redact,
    "looks_automated": lambda text: looks_automated(text, None),
    "metadata of tus": tus.metadata,
    "checksum of tus": tus.checksum,
    "range": lambda text: _answered(range=text),
    "if-none-match": lambda text: _answered(if_none_match=text),
    "if-modified-since": lambda text: _answered(if_modified_since=text),
    "if-range": lambda text: _answered(range="bytes=0-1", if_range=text),
    "complaints": lambda text: complaints.failure(1, text),
    "samples": timeline.read_samples,
    "message": lambda text: parse_incident({"message": text}, SETTINGS),
    "facts": lambda text: parse_incident(
        {"message": "m", "incident_data": dict.fromkeys(_FACTS, text)}, SETTINGS
    ),
    "recipients": lambda text: parse_incident({"message": "m", "recipients": text}, SETTINGS),
    "recipients in a list": lambda text: parse_incident(
        {"message": "m", "recipients": [text]}, SETTINGS
    ),
}
_FACTS: tuple[str, ...] = (
    "incident_type", "risk_level", "confidence", "frame_count", "analysis", "site", "camera",
    "detected_at", "model", "model_version", "boxes",
)  # fmt: skip
# Texts that make some parsers backtrack.
WORDS = [
    "a", " ", "\n", "\r\n", "\t ", "0", "-", ".", "..", "/", "a/", "\\", "\u0300\u0316", "\u0f73",
    "é", "\u202e", "\ud800", '"', '"a', "<", "<a", "a@", "a@b,", ",", ";", "(", "((", "=?",
    "=?u?q?",
    "://", "://a:", "vgk_", "bearer ", "aaaaaaaaaaaaaaaaaaaaaaaa.", "token=", "bytes=0-1,", "W/",
    "1,", "%", "[", "{", "(a ", "a ", "T", "00:", "frame:1 pts_time:", "0x", " @ 0x", "\x00",
]  # fmt: skip


def _repeated(word: str, length: int) -> str:
    return word * (length // len(word))


def _answered(**asked: str) -> object:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return ranges.answer(ranges.Conditions(**asked), size=10, etag='"a"', modified=moment)


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_read_in_linear_time(app_context: Flask, name: str) -> None:
    for word in WORDS:
        assert_linear(TEXTS[name], partial(_repeated, word), 100_000)


@pytest.fixture
def app_context() -> Any:
    """Provide a context for translations, without a database."""
    from vigint_web.extensions import babel

    app = Flask("vigint_web")
    babel.init_app(app)
    with app.app_context():
        yield app


def _read_form(body: bytes) -> int:
    built = EnvironBuilder(
        method="POST",
        input_stream=io.BytesIO(body),
        content_length=len(body),
        content_type="multipart/form-data; boundary=b",
    )
    request = Request(built.get_environ())
    return sum(len(p.read(2**30)) if isinstance(p, FilePart) else 1 for p in read_parts(request))


_PART = b'--b\r\nContent-Disposition: form-data; name="frames"; filename="f"\r\n\r\n'
FORMS = {
    "no boundary": (b"", b"x"),
    "line ends": (b"", b"\r\n"),
    "dashes": (b"", b"-"),
    "almost boundaries": (_PART, b"\r\n--a"),
    "line ends in a file": (_PART, b"\r\n"),
    "carriage returns in a file": (_PART, b"\r"),
    "dashes in a file": (_PART, b"\r\n--"),
    "one header": (b"--b\r\n", b"a: b\r\n"),
    "a long header": (b"--b\r\nContent-Disposition: form-data; ", b"a=b; "),
    "continued names": (b"--b\r\nContent-Disposition: form-data; ", b"filename*0=a; "),
    "quotes": (b'--b\r\nContent-Disposition: form-data; name="', b'\\"'),
    "parts": (b"", _PART + b"x\r\n"),
    "fields": (b"", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_read_in_linear_time(app_context: Flask, name: str) -> None:
    begins, goes_on = FORMS[name]
    assert_linear(_read_form, lambda length: begins + goes_on * (length // len(goes_on)), 4 * 2**20)


@pytest.mark.parametrize("word", ["[", '{"a":', "1", '"\\u0300', "-", "1e", "[1,", '{"a":1,', "\\"])
def test_a_document_is_read_in_linear_time(word: str) -> None:
    assert_linear(
        lambda body: parse_incident(json.loads(body), SETTINGS),
        lambda length: word * (length // len(word)),
        2_000_000,
    )


@given(st.text(st.characters(codec="utf-8"), max_size=300), st.sampled_from(["NFC", "NFKD"]))
def test_ordinary_text_is_normalised_as_everywhere(text: str, form: Any) -> None:
    assert normalized(form, text) == unicodedata.normalize(form, text) or _most_marks(text) > 30


def _most_marks(text: str) -> int:
    most = run = 0
    for character in text:
        marks = unicodedata.combining(unicodedata.normalize("NFKD", character)[0])
        run = run + 1 if marks else 0
        most = max(most, run)
    return most


def test_a_mountain_of_marks_keeps_as_many_as_any_language_has() -> None:
    assert normalized("NFD", "a" + "\u0301" * 100) == "a" + "\u0301" * MOST_MARKS

"""Forms read as a stream: the same parts whatever the pieces they arrive in."""

import hashlib
import io
from pathlib import Path

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import MultipartDecoder

from vigint_web.errors import Malformed
from vigint_web.http.uploads import multipart
from vigint_web.http.uploads.multipart import Boundary, FilePart, read_parts, save

BOUNDARY = "bOuNdAry"
_AWKWARD = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"--", b"--bOuNdAry", b"\r\n--bOuNdAr", b"\r\n--bOuNdAryX", b"\x00"]
)
_CONTENT = st.lists(st.binary(max_size=40) | _AWKWARD, max_size=12).map(b"".join)


class _Pieces(io.BytesIO):
    """Provide a body in pieces of a few bytes, like a network."""

    def __init__(self, body: bytes, size: int) -> None:
        super().__init__(body)
        self._size = size

    def read(self, size: int | None = -1) -> bytes:
        """Return one piece."""
        return super().read(self._size)


def _request(body: bytes, size: int = 1 << 20) -> Request:
    return Request(
        {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": _Pieces(body, size),
            "wsgi.url_scheme": "http",
            "SERVER_NAME": "x",
            "SERVER_PORT": "80",
        }
    )


def _body(parts: list[tuple[str, str | None, bytes]]) -> bytes:
    body = b""
    for name, filename, content in parts:
        named = f'; filename="{filename}"' if filename is not None else ""
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}'.encode()
        body += b"\r\n\r\n" + content + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


@given(contents=st.lists(st.tuples(st.booleans(), _CONTENT), max_size=4), size=st.integers(1, 70))
def test_the_pieces_of_a_body_do_not_matter(contents: list[tuple[bool, bytes]], size: int) -> None:
    safe = [
        (is_file, data)
        for is_file, data in contents
        if f"\r\n--{BOUNDARY}".encode() not in b"\r\n" + data
        and f"\n--{BOUNDARY}".encode() not in b"\n" + data
        and f"\r--{BOUNDARY}".encode() not in b"\r" + data
    ]
    body = _body(
        [(f"p{n}", f"{n}.bin" if is_file else None, d) for n, (is_file, d) in enumerate(safe)]
    )
    if not safe:
        return
    found = []
    for part in read_parts(_request(body, size)):
        if isinstance(part, FilePart):
            found.append((True, part.read(10_000)))
        else:
            found.append((False, part.value.encode()))
    assert [is_file for is_file, _ in found] == [is_file for is_file, _ in safe]
    for (_, got), (is_file, given_data) in zip(found, safe, strict=True):
        expected = given_data if is_file else given_data.decode("utf-8", "replace").encode()
        assert got == expected


@given(cut=st.integers(0, 200), size=st.integers(1, 300))
def test_a_body_that_ends_early_is_refused_and_never_taken_for_whole(cut: int, size: int) -> None:
    body = _body([("a", None, b"text"), ("f", "f.bin", b"x" * 100)])
    cut = min(cut, len(body) - len("--\r\n") - 1)
    with pytest.raises(Malformed):
        list(read_parts(_request(body[:cut], size)))


def test_a_file_is_written_with_its_size_and_digest(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    [part] = _saved(data, tmp_path / "x", limit=len(data))
    assert part == (len(data), hashlib.sha256(data).hexdigest(), False)
    assert (tmp_path / "x").read_bytes() == data


def test_what_is_beyond_the_limit_is_read_and_dropped(tmp_path: Path) -> None:
    [part] = _saved(b"x" * 1001, tmp_path / "x", limit=1000)
    assert (part[0], part[2]) == (1001, True)
    assert (tmp_path / "x").stat().st_size == 0


def _saved(data: bytes, path: Path, limit: int) -> list[tuple[int, str, bool]]:
    found = []
    for part in read_parts(_request(_body([("f", "f", data)]))):
        assert isinstance(part, FilePart)
        saved = save(part, path, limit)
        found.append((saved.size, saved.sha256, saved.too_large))
    return found


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestEntityTooLarge):
        list(read_parts(_request(_body([("a", None, b"")] * 11)), most_parts=10))
    long_field = _body([("a", None, b"x" * (multipart._LONGEST_FIELD + 1))])
    with pytest.raises(RequestEntityTooLarge):
        list(read_parts(_request(long_field)))
    header = b"--bOuNdAry\r\nX: " + b"x" * 5_000_000
    with pytest.raises((Malformed, RequestEntityTooLarge)):
        list(read_parts(_request(header)))


@pytest.mark.parametrize("body", [b"", b"\r\n", b"nonsense", b"--other\r\n\r\n--other--"])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        list(read_parts(_request(body)))


_PIECES = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b"--", b"-", b"bound", b"ary", b"boundary", b" ", b"x"]
)


@given(st.lists(_PIECES, max_size=30).map(b"".join))
def test_the_end_of_a_part_is_found_where_the_parser_finds_it(data: bytes) -> None:
    pattern = MultipartDecoder(b"boundary").boundary_re
    expected, found = pattern.search(data), Boundary(pattern, b"boundary").search(data)
    assert (found and (found.span(), found.groups())) == (
        expected and (expected.span(), expected.groups())
    )

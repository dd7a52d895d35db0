"""Headers of tus: any value is parsed or refused with a sentence."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers

from vigint_web.errors import Malformed
from vigint_web.http.uploads import tus

KEYS = st.from_regex(r"[!-+\--~]{1,20}", fullmatch=True)


@given(st.dictionaries(KEYS, st.text(max_size=40), max_size=6))
def test_what_was_said_is_understood(metadata: dict[str, str]) -> None:
    header = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in metadata.items())
    assert tus.metadata(header) == metadata


def test_a_value_may_be_missing_and_pairs_may_have_room() -> None:
    assert tus.metadata("is_confidential, filename YQ==") == {
        "is_confidential": "",
        "filename": "a",
    }
    assert tus.metadata("") == tus.metadata(" ") == {}


@given(st.text(max_size=60) | st.from_regex(r"[a-z ,=]{0,40}"))
def test_no_metadata_is_an_accident(text: str) -> None:
    found: dict[str, str] = {}
    with suppress(Malformed):
        found = tus.metadata(text)
    assert all(key and " " not in key and "," not in key for key in found)


@given(st.text(max_size=60))
def test_no_checksum_is_an_accident(text: str) -> None:
    for header in (text, f"sha1 {text}", f"sha256{text}"):
        try:
            found = tus.checksum(header)
        except Malformed:
            continue
        assert found is not None
        assert len(found.digest) == tus.ALGORITHMS[found.algorithm]


@pytest.mark.parametrize("length", ["", "-1", "+1", "1.0", " 1", "0x1", "1e3", "9" * 17, "²", "१"])
def test_a_number_is_ascii_digits(length: str) -> None:
    with pytest.raises(Malformed):
        tus.number(Headers({"Upload-Length": length}), "Upload-Length")


@given(st.integers(0, 2**53))
def test_every_number_of_bytes_is_understood(size: int) -> None:
    assert tus.number(Headers({"Upload-Length": str(size)}), "Upload-Length") == size


def test_the_method_is_overridden_below_the_path_only() -> None:
    seen: list[str] = []

    def application(environ, _start):  # type: ignore[no-untyped-def]  # as WSGI has it
        seen.append(environ["REQUEST_METHOD"])
        return []

    wrapped = tus.MethodOverride(application, "/api/v1/uploads/")
    for path, method, wanted in (
        ("/api/v1/uploads/x", "POST", "PATCH"),
        ("/api/v1/uploads/x", "POST", "patch"),
        ("/api/v1/uploads/x", "GET", "DELETE"),
        ("/api/v1/uploads/x", "POST", "TRACE"),
        ("/login", "POST", "DELETE"),
    ):
        environ = {
            "PATH_INFO": path,
            "REQUEST_METHOD": method,
            "HTTP_X_HTTP_METHOD_OVERRIDE": wanted,
        }
        wrapped(environ, lambda *_: lambda _data: None)
    assert seen == ["PATCH", "PATCH", "GET", "POST", "POST"]

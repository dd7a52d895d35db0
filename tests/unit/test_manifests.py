"""Any documents of a backup: a manifest, or a sentence that names the part."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.services.operations.manifests import (
    HEAD,
    MANIFEST,
    SECRET_KEY,
    MalformedError,
    Manifest,
    NewerFormatError,
    is_file_name,
    read_manifest,
)

_HASH = "ab" * 32
_SECRET = b"a-secret-of-the-tests-long-enough\n"
_HEAD = {"format": 1, "created_at": "2026-09-25T14:30:00+00:00", "dialect": "sqlite",
         "revision": "0009"}  # fmt: skip
_MANIFEST: dict[str, Any] = {
    "files": {name: [7, _HASH] for name in (HEAD, SECRET_KEY, "database.sqlite3", "media/a/b.mp4")},
    "rows": {"videos": 1},
    "gone": ["a/c.mp4"],
}
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def read(head: object = _HEAD, manifest: object = _MANIFEST, secret: bytes = _SECRET) -> Manifest:
    return read_manifest(json.dumps(head).encode(), json.dumps(manifest).encode(), secret)


def test_what_vigint_writes_is_read() -> None:
    found = read()
    assert (found.dialect, found.revision, found.database) == ("sqlite", "0009", "database.sqlite3")
    assert list(found.media) == ["a/b.mp4"]
    assert found.secret_keys == ("a-secret-of-the-tests-long-enough",)


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=60))
def test_bytes_of_any_kind(head: bytes, manifest: bytes, secret: bytes) -> None:
    with pytest.raises((MalformedError, NewerFormatError)):
        read_manifest(head, manifest, secret)


@given(_ANY, st.sampled_from([*_HEAD, *_MANIFEST]), st.booleans())
def test_one_part_of_any_type(value: object, part: str, gone: bool) -> None:
    head = {name: entry for name, entry in _HEAD.items() if not (gone and name == part)}
    manifest = {name: entry for name, entry in _MANIFEST.items() if not (gone and name == part)}
    for document in (head, manifest):
        if part in document:
            document[part] = value
    try:
        found = read(head, manifest, b"x" * 40)
    except (MalformedError, NewerFormatError) as refused:
        message = str(refused)
    else:
        message = ""
        assert found.dialect in {"sqlite", "postgresql"}
        assert all(is_file_name(name) and stored.size >= 0 for name, stored in found.files.items())
        assert all(number >= 0 for number in found.rows.values())
    assert "\x1b" not in message, "a terminal is not written to"


@given(st.text(max_size=30), _ANY)
def test_a_file_of_any_name_and_entry(name: str, entry: object) -> None:
    manifest = {**_MANIFEST, "files": {**_MANIFEST["files"], name: entry}}
    try:
        found = read(manifest=manifest, secret=b"x" * 40)
    except MalformedError:
        return
    assert all(".." not in name.split("/") and not name.startswith("/") for name in found.files)


@pytest.mark.parametrize("data", [b"[" * 100_000, b"9" * 5000, b'{"files":' * 50_000, b"\xff", b""])
def test_json_that_costs_or_is_none(data: bytes) -> None:
    with pytest.raises(MalformedError, match=MANIFEST):
        read_manifest(json.dumps(_HEAD).encode(), data, _SECRET)


@pytest.mark.parametrize("secret", [b"", b" \n", b"short", b"\xff" * 40, b"\x00" * 40])
def test_a_secret_key_that_is_none(secret: bytes) -> None:
    with pytest.raises(MalformedError, match="its secret key"):
        read(secret=secret)


def test_a_later_format_is_said_to_be_one() -> None:
    with pytest.raises(NewerFormatError):
        read({**_HEAD, "format": 2})

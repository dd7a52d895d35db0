"""No key leaves the storage, with any content."""

import os
import string
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.storage import StorageError, check_key
from vigint_web.storage.base import check_name, is_key

_PLAIN = string.ascii_letters + string.digits + "._-"
_SEGMENTS = st.text(_PLAIN, min_size=1, max_size=20).filter(lambda text: text[0] not in ".-")
_KEYS = st.lists(_SEGMENTS, min_size=1, max_size=5).map("/".join)
# Changes that turn a valid key into one that leads elsewhere, or has several readings.
_ODD = [
    "../", "./", "/", "//", "\\", "\0", "\n", "\r", "\t", " ", "\x7f", "\x1b", "%", "?", "#",
    "*", ":", "~", "é", "e\u0301", "\u202e", "\u2024", "\u2215", "\uff0e\uff0e\uff0f",
    "\u200b", "\ufeff", "\ud800", "😀",
]  # fmt: skip


def _refused(text: str) -> bool:
    try:
        check_key(text)
    except StorageError:
        assert not is_key(text)
        return True
    assert is_key(text)
    return False


@given(key=_KEYS)
def test_plain_keys_are_taken_as_they_are(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize(
    "key",
    ["", ".", "..", "/", "/etc/passwd", "a/../b", "a/..", "../a", "a/./b", "./a", "a//b", "a/",
     ".hidden", "a/.hidden", ".incoming/x", "-rf", "C:/x", "a\n", "a" * 401],
)  # fmt: skip
def test_what_is_no_key(key: str) -> None:
    assert _refused(key)


@given(key=_KEYS, odd=st.sampled_from(_ODD), data=st.data())
def test_one_odd_character_is_enough(key: str, odd: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(key)))
    made = key[:place] + odd + key[place:]
    if not set(odd) <= set(_PLAIN + "/"):
        assert _refused(made)
    elif not _refused(made):
        assert _stays(made)


@given(text=st.text(max_size=60) | st.text("./\\\0 a", max_size=12))
def test_what_is_taken_stays_inside(text: str) -> None:
    if not _refused(text):
        assert _stays(text)


def _stays(key: str) -> bool:
    """Return whether a key identifies one place below the root, with one spelling."""
    path = PurePosixPath("/root", key)
    inside = os.path.normpath(path) == str(path) and str(path) == f"/root/{key}"
    return inside and key.isascii() and key.isprintable() and not key.startswith(("/", "."))


@given(name=st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=100))
def test_names_of_what_is_staged(name: str) -> None:
    assert check_name(name) == name
    for odd in (
        f"{name}/x",
        f"../{name}",
        f"{name}.",
        f"{name}\0",
        f"{name}\n",
        "",
        "é",
        name * 101,
    ):
        with pytest.raises(StorageError):
            check_name(odd)

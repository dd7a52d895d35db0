"""decode_base64: every usual spelling of the same bytes is decoded alike."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.services.incidents import base64_text
from vigint_web.services.incidents.base64_text import decode_base64

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "unpadded": lambda text: text.rstrip("="),
    "url-safe": lambda text: text.replace("+", "-").replace("/", "_"),
    "url-safe, unpadded": lambda text: text.replace("+", "-").replace("/", "_").rstrip("="),
    "in lines": lambda text: "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76)),
    "in lines with literal ends": lambda text: "\\n".join(
        text[at : at + 76] for at in range(0, len(text), 76)
    ),
    "with spaces around": lambda text: f"\n  {text} \t",
    "data address": lambda text: f"data:image/jpeg;base64,{text}",
    "data address in capitals": lambda text: f" DATA:IMAGE/JPEG;BASE64,{text}",
    "bytes of Python": lambda text: f"b'{text}'",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(data=st.binary(max_size=400))
def test_each_spelling_stands_for_the_same_bytes(spelling: str, data: bytes) -> None:
    written = SPELLINGS[spelling](base64.b64encode(data).decode())
    assert decode_base64(written) == data


@given(st.one_of(st.text(), st.none(), st.integers(), st.lists(st.text())))
def test_anything_else_is_no_bytes_and_no_error(value: object) -> None:
    assert isinstance(decode_base64(value), bytes)


@pytest.mark.parametrize("value", ["a", "é", "????", "b'", None, 3, "{}", "data:"])
def test_what_is_no_base64_is_empty(value: object) -> None:
    assert decode_base64(value) == b""


@given(st.text(alphabet="AQgw+/-_=\n 'b", max_size=12))
def test_the_usual_spelling_is_read_as_the_others_are(text: str) -> None:
    assert decode_base64(text) == base64_text._decode_unusual(text)

"""Headers that are not ASCII: words stay whole for every reader."""

import email
import re
from email import policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st

from vigint_client.mail_headers import WholeWords

_WORD = st.text(
    st.characters(categories=["L", "N", "P", "S"], exclude_characters="=?"), min_size=1, max_size=14
)
_TEXTS = st.lists(_WORD, min_size=1, max_size=25).map(" ".join)
_ENCODED = re.compile(rb"=\?utf-8\?q\?[^?\s]*\?=")


def _raw(name: str, value: str | Address) -> bytes:
    mail = EmailMessage(policy=WholeWords(linesep="\r\n"))
    mail[name] = value
    return bytes(mail).partition(b"\r\n\r\n")[0]


def _words_of(raw: bytes) -> list[str]:
    """Return the text of each encoded word of a header."""
    return [
        str(make_header(decode_header(found.group().decode()))) for found in _ENCODED.finditer(raw)
    ]


@given(_TEXTS)
def test_every_parser_reads_the_subject_that_was_written(text: str) -> None:
    raw = _raw("Subject", text) + b"\r\n\r\n"
    assert email.message_from_bytes(raw, policy=policy.default)["Subject"] == text
    older = email.message_from_bytes(raw)["Subject"]
    assert str(make_header(decode_header(older))) == text


@given(_TEXTS.filter(lambda text: not text.isascii()))
def test_no_encoded_word_ends_inside_a_word_or_is_too_long(text: str) -> None:
    raw = _raw("Subject", text)
    pieces = _words_of(raw)
    assert "".join(pieces) == text, "the encoded words, one behind the other, are the text"
    lengths = [3 * len(word.encode()) for word in text.split(" ")]
    if max(lengths) <= 54:
        # Short enough that each fits on a line: only a blank may be at an end.
        assert all(piece.endswith(" ") for piece in pieces[:-1]), pieces
    assert all(len(found.group()) <= 75 for found in _ENCODED.finditer(raw))
    assert all(len(line) <= 76 for line in raw.split(b"\r\n"))
    between = _ENCODED.sub(b"", raw)
    assert between == b"Subject: " + b"\r\n " * (len(pieces) - 1), "nothing stands beside them"


def test_a_subject_that_was_read_as_two_words() -> None:
    text = "claire.dupont-martin@securite.example.com partage une vidéo avec vous"
    raw = _raw("Subject", text)
    assert email.message_from_bytes(raw, policy=policy.default)["Subject"] == text


def test_ascii_stays_as_it_is() -> None:
    assert _raw("Subject", "A new password for Vigint") == b"Subject: A new password for Vigint"


@given(st.sampled_from(["From", "Reply-To"]), _TEXTS.filter(lambda text: not text.isascii()))
def test_the_name_before_an_address_is_one_encoded_word(header: str, name: str) -> None:
    value = Address(name, "vigint", "example.com")
    raw = _raw(header, value)
    assert raw.endswith(b"<vigint@example.com>")
    [word] = _words_of(raw)
    assert name.startswith(word.removesuffix("…")), "it is the name, or its beginning"
    assert word == name or len(word.encode()) * 3 > 40, "only what is long is cut"
    [found] = email.message_from_bytes(raw, policy=policy.default)[header].addresses
    assert (found.display_name, found.addr_spec) == (word, "vigint@example.com")

"""Unmasking a masked mail restores it, byte for byte."""

import re
from base64 import b64decode
from email import charset as charsets
from email.charset import Charset
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.services.notifications.token_masking import masked, placeholder, unmasked

ID = "<1.2@vigint.invalid>"
TOKEN = "ImE5ZmUwMGQ1.aR9mUg.c2lnbmF0dXJlLXRoYXQtaXMtbm9uZQ"
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x85\u2028\u2029"), max_size=300)
# Flask-Mail makes the whole process write UTF-8 as it is; without it email writes base64.
ENCODINGS = {"base64": charsets.BASE64, "8bit": None}


def _mail(text: str, html: str, encoding: str) -> bytes:
    utf8 = Charset("utf-8")
    # typeshed knows no None, with which the body is written as it is.
    utf8.body_encoding = ENCODINGS[encoding]  # type: ignore[assignment] # see above
    message = MIMEMultipart()
    parts = MIMEMultipart("alternative")
    for kind, written in (("plain", text), ("html", html)):
        parts.attach(MIMEText(written, kind, utf8))  # type: ignore[arg-type]  # typeshed's gap
    message.attach(parts)
    message["Subject"] = Header("🚨 Alerte", "utf-8").encode()
    message["Message-ID"] = ID
    message.policy = SMTP
    return message.as_bytes()


def _decoded(content: bytes) -> bytes:
    """Return a mail with everything that looks like base64 decoded, however it is wrapped."""
    blocks = re.findall(rb"(?:[A-Za-z0-9+/=]{20,}\r?\n)+", content)
    return content + b"".join(b64decode(block + b"==", validate=False) for block in blocks)


@given(WORDS, WORDS, WORDS, st.sampled_from(sorted(ENCODINGS)))
def test_the_mail_comes_back_exactly_and_the_token_is_nowhere(
    a: str, b: str, c: str, encoding: str
) -> None:
    html = f"{b}<a href='?token={TOKEN}'>{c}?token={TOKEN}</a>"
    sent = _mail(f"{a}?token={TOKEN}\n{b}", html, encoding)
    kept = masked(sent, ID, TOKEN)
    assert unmasked(kept, ID, TOKEN) == sent
    assert TOKEN.encode() not in _decoded(kept)
    assert placeholder(ID).encode() in _decoded(kept)


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_mail_without_a_token_stays_as_it_is(token: str | None, encoding: str) -> None:
    sent = _mail("no link hère", "<p>no link hère</p>", encoding)
    assert masked(sent, ID, token) == unmasked(sent, ID, token) == sent


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_equal_parts_are_both_masked(encoding: str) -> None:
    sent = _mail(f"{TOKEN}\n", f"{TOKEN}\n", encoding)
    assert TOKEN.encode() in _decoded(sent)
    kept = masked(sent, ID, TOKEN)
    assert TOKEN.encode() not in _decoded(kept)
    assert unmasked(kept, ID, TOKEN) == sent


def test_nobody_who_writes_into_a_mail_can_guess_the_placeholder() -> None:
    assert placeholder(ID) != placeholder("<2@vigint.invalid>")

"""Remove the token from a composed mail, and restore it, byte for byte. Pure."""

import hashlib
import re
from base64 import encodebytes
from collections.abc import Iterator, Mapping
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32


def masked(content: bytes, message_id: str, token: str | None) -> bytes:
    """Return a message of RFC 5322 with a placeholder for the token."""
    return content if token is None else _replaced(content, token, placeholder(message_id))


def unmasked(content: bytes, message_id: str, token: str | None) -> bytes:
    """Return a masked message as it was sent; unchanged if the token is not known."""
    return content if token is None else _replaced(content, placeholder(message_id), token)


def placeholder(message_id: str, number: int | None = None) -> str:
    """Return the placeholder for the token, which an author of mail content cannot predict.

    Args:
        number: of the link, where a mail has several.
    """
    word = f"token-withheld-{hashlib.sha256(message_id.encode()).hexdigest()[:16]}"
    return word if number is None else f"{word}-{number}."


def masked_all(content: bytes, message_id: str, tokens: Mapping[str, int]) -> bytes:
    """Return a message with a placeholder for each token, given the numbers of their links."""
    for token, number in tokens.items():
        content = _replaced(content, token, placeholder(message_id, number))
    return content


def unmasked_all(content: bytes, message_id: str, tokens: Mapping[str, int]) -> bytes:
    """Return a message as it was sent, if the tokens are known."""
    for token, number in tokens.items():
        content = _replaced(content, placeholder(message_id, number), token)
    return content


def numbers_in(content: bytes, message_id: str) -> set[int]:
    """Return the numbers of the links whose tokens a message contained."""
    word = re.compile(rf"{placeholder(message_id)}-(\d{{1,18}})\.".encode())
    plain = (_bytes(part.get_payload(decode=True)) for part in _texts(content))
    return {int(found) for text in plain for found in word.findall(text)}


def _replaced(content: bytes, old: str, new: str) -> bytes:
    """Replace a word in the text parts, decoded and encoded again; every other byte is
    unchanged.
    """
    for part in _texts(content):
        is_base64 = str(part.get("Content-Transfer-Encoding", "")).lower() == "base64"
        plain = _bytes(part.get_payload(decode=True))
        encoded = str(part.get_payload()).encode("ascii") if is_base64 else plain
        fresh = plain.replace(old.encode(), new.encode())
        if fresh != plain:
            written = _base64_like(fresh, encoded) if is_base64 else fresh
            content = content.replace(encoded, written, 1)
    return content


def _texts(content: bytes) -> Iterator[Message]:
    message = BytesParser(policy=compat32).parsebytes(content)
    return (part for part in message.walk() if part.get_content_maintype() == "text")


def _bytes(payload: object) -> bytes:
    return payload if isinstance(payload, bytes) else b""


def _base64_like(plain: bytes, sample: bytes) -> bytes:
    written = encodebytes(plain)
    return written.replace(b"\n", b"\r\n") if b"\r\n" in sample else written

"""Decode base64 in programs' spellings. Pure."""

import base64
import binascii
from typing import Any

_QUOTES = "'\""


def decode_base64(text: Any) -> bytes:
    r"""Return the bytes of a text; none if it is not base64.

    Either alphabet of RFC 4648, padded or not, with or without line breaks, with the prefix of a
    `data:` address (RFC 2397) or in Python's notation (``b'…'``); lines may be ended by a literal
    ``\n``.
    """
    if not isinstance(text, str):
        return b""
    try:
        # The usual spelling, of which a frame has a hundred thousand characters.
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return _decode_unusual(text)


def _decode_unusual(text: str) -> bytes:
    plain = text.strip()
    if plain[:5].lower() == "data:":
        plain = plain.partition(",")[2]
    elif plain[:1] == "b" and plain[1:2] in _QUOTES and plain[-1:] == plain[1:2]:
        plain = plain[2:-1]
    for ending in ("\\r", "\\n"):
        plain = plain.replace(ending, "")
    plain = "".join(plain.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""

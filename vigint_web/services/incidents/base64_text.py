"""Read base64 as programs write it. Pure."""

import base64
import binascii
from typing import Any

_QUOTES = "'\""


def decode_base64(text: Any) -> bytes:
    r"""Return the bytes that a text stands for; none where it is no base64.

    Either alphabet of RFC 4648, padded or not, in lines or in one, with the prefix of a `data:`
    address (RFC 2397) or as Python writes bytes (``b'…'``); lines may be ended by a literal ``\n``.
    """
    if not isinstance(text, str):
        return b""
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

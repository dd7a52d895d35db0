"""Generate the names of plays, each bound to one link and one visitor.

A page that plays a video has a name of its own, which its player sends with every range. Two short
codes (HMAC-SHA-256) follow the random part: one over the visitor's cookie, one over address and
program. A request with the cookie is checked by the first, so that a change of network ends no
play; one without it (programs, some browsers inside applications) by the second.
"""

import base64
import hmac
import re
from collections.abc import Sequence

from vigint_web.crypto.tokens import Purpose, code, digest, new_token
from vigint_web.services.core.actors import Visitor

# 9 random bytes and two codes of 12, in base64url without padding: a single spelling. Earlier names
# had 16 characters; an earlier process accepts this one as such a name.
_NAME = re.compile(r"v([A-Za-z0-9_-]{12})([A-Za-z0-9_-]{16})([A-Za-z0-9_-]{16})")
_EARLIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CODE_BYTES = 12
_MARK = re.compile(r"[A-Za-z0-9_-]{22}")


def new_mark() -> str:
    """Return the value of a visitor's cookie: 128 random bits."""
    return new_token(16)


def is_mark(text: str) -> bool:
    """Return whether a text is a valid value of a visitor's cookie."""
    return _MARK.fullmatch(text) is not None


def new_name(keys: Sequence[str], handle: str, visitor: Visitor) -> str:
    """Return a new name of a play: 45 characters of base64url.

    Args:
        keys: secrets of the installation, the newest first.
        handle: of the link.
        visitor: with the mark in the answer's cookie.
    """
    chance = new_token(9)
    return f"v{chance}{''.join(_codes(keys[0], handle, chance, visitor))}"


def is_bound(keys: Sequence[str], handle: str, visitor: Visitor, name: str) -> bool:
    """Return whether a name was generated here, for this link and this visitor."""
    found = _NAME.fullmatch(name)
    if found is None:
        return False
    chance, by_mark, by_address = found.groups()
    for key in keys:
        of_mark, of_address = _codes(key, handle, chance, visitor)
        expected, given = (of_address, by_address) if visitor.mark is None else (of_mark, by_mark)
        if hmac.compare_digest(expected, given):
            return True
    return False


def is_earlier(name: str) -> bool:
    """Return whether a text is a name from before names were bound."""
    return _EARLIER.fullmatch(name) is not None and _NAME.fullmatch(name) is None


def anonymous_name(visitor: Visitor) -> str:
    """Return the name of the play of a visitor without one."""
    if visitor.mark is not None:
        seen = f"mark\n{visitor.mark}"
    else:
        seen = f"{visitor.address}\n{visitor.user_agent}"
    return f"~{digest(seen)[:32]}"


def mark_digest(visitor: Visitor) -> str | None:
    """Return the stored digest of a visitor's cookie, if there is one."""
    if visitor.mark is None:
        return None
    return digest(f"visitor\n{visitor.mark}")[:32]


def _codes(key: str, handle: str, chance: str, visitor: Visitor) -> tuple[str, str]:
    where = f"{visitor.address}\n{visitor.user_agent}"
    return _code(key, handle, chance, "mark", visitor.mark or ""), _code(
        key, handle, chance, "address", where
    )


def _code(key: str, *texts: str) -> str:
    return _encoded(code(Purpose.PLAY, key, *texts)[:_CODE_BYTES])


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii")

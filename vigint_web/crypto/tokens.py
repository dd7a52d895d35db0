"""Mint, read and hash tokens: each for one purpose, by SHA-256, under the ring of signing keys.

A signed token proves that this installation minted it for that purpose; everything else (expiry,
revocation, limits) is decided by the row that it names. A random one is kept as its digest only.
Flask signs the cookie of a session, and Flask-WTF the token of a form, by themselves.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from itsdangerous import BadData, TimestampSigner, URLSafeSerializer, URLSafeTimedSerializer

_SHA256 = {"digest_method": hashlib.sha256}
_LONGEST = 200
# Verified tokens, in each process.
_MOST_REMEMBERED = 4096
# A token within other text: handle and signature in base64, with the time between them.
_SPELLED = r"[A-Za-z0-9_-]{46}\.[A-Za-z0-9_-]{4,11}\.[A-Za-z0-9_-]{43}"
_AMONG_OTHERS = re.compile(rf"(?<![A-Za-z0-9_-]){_SPELLED}(?![A-Za-z0-9_=-])")


class Purpose(StrEnum):
    """What a token is for, which is its salt: one of one purpose is none of another."""

    LINK = "vigint.link.v1"
    INVITATION = "vigint.invitation.v1"
    PASSWORD_RESET = "vigint.password-reset.v1"  # noqa: S105 - the name of a purpose, no secret
    DEVICE = "vigint.device.v1"
    OPENED_MAIL = "vigint.outbox.v1"
    PLAY = "vigint.view.v1"
    REACH = "vigint.reach.v1"


class BadToken(Exception):
    """Report a text that is not a token of this installation in its canonical spelling."""


@dataclass(frozen=True)
class Opened:
    """The content of a valid token: the link's handle, the second of its creation, and the signing
    key.
    """

    handle: str
    minted_at: datetime
    key_id: str


def extended_token(text: str) -> str | None:
    """Return the part of a longer text that looks like a token, or None.

    Programs that detect links include characters that follow an address: a full stop, a bracket, a
    quotation mark. The result is not verified.
    """
    found = _AMONG_OTHERS.search(text[: 2 * _LONGEST])
    return found[0] if found is not None and found[0] != text else None


class _DatedSigner(TimestampSigner):
    """Sign with a given second instead of the current time."""

    moment: int | None = None

    def get_timestamp(self) -> int:
        """Return the second of the link's creation."""
        return super().get_timestamp() if self.moment is None else self.moment


def new_handle() -> str:
    """Return 128 random bits as 32 hexadecimal digits."""
    return secrets.token_hex(16)


def new_token(octets: int = 32) -> str:
    """Return random bits in base64url, which need no signature: there is nothing to guess."""
    return secrets.token_urlsafe(octets)


def digest(text: str) -> str:
    """Return the SHA-256 by which a random token, or what must not be kept as such, is found."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def code(purpose: Purpose, key: str, *texts: str) -> bytes:
    """Return the HMAC-SHA-256 over texts for one purpose; none of them holds a NUL."""
    text = "\0".join((purpose, *texts)).encode("utf-8", "replace")
    return hmac.digest(key.encode(), text, "sha256")


def key_id(key: str) -> str:
    """Return the id of a signing key, which identifies the key and reveals nothing about it."""
    return hashlib.sha256(f"vigint.key-id\n{key}".encode()).hexdigest()[:12]


class Tokens:
    """Sign a handle for one purpose, without a time: its row has one."""

    def __init__(self, purpose: Purpose, *keys: str) -> None:
        """Take the keys, the newest first; the others only read what they signed before."""
        self._purpose, self._keys = purpose, keys

    def _serializer(self, *keys: str) -> URLSafeSerializer:
        # itsdangerous signs with the last key and reads with all of them.
        return URLSafeSerializer(keys[::-1], salt=self._purpose, signer_kwargs=_SHA256)

    def mint(self, named: object) -> str:
        """Return the token of a handle."""
        return _text(self._serializer(*self._keys).dumps(named))

    def read(self, token: str) -> Any:
        """Return what a token names, in the spelling of one of the keys; raises BadToken."""
        if not token.isascii() or len(token) > _LONGEST:
            raise BadToken
        try:
            named = self._serializer(*self._keys).loads(token)
        except BadData:
            raise BadToken from None
        spelled = (_text(self._serializer(key).dumps(named)) for key in self._keys)
        if not any(_are_equal(one, token) for one in spelled):
            raise BadToken
        return named


class DatedTokens:
    """Sign a handle for one purpose, with the current time."""

    def __init__(self, purpose: Purpose, *keys: str) -> None:
        """Take the keys, the newest first; the others only read what they signed before."""
        self._serializer = URLSafeTimedSerializer(keys[::-1], salt=purpose, signer_kwargs=_SHA256)

    def mint(self, named: object) -> str:
        """Return a token of a handle."""
        return _text(self._serializer.dumps(named))

    def read(self, token: str, seconds: int) -> Any:
        """Return what a token names that is not older than so many seconds; raises BadToken."""
        try:
            return self._serializer.loads(token, max_age=seconds)
        except (BadData, ValueError, TypeError):
            raise BadToken from None


class LinkTokens:
    """Turn handles into tokens and back, under a ring of signing keys.

    The time stamp in a token is the row's own `minted_at`, so that a link always has the same token
    and nothing secret has to be stored.
    """

    def __init__(self, *keys: str) -> None:
        """Take the keys, the newest first; the others only for links that they signed before."""
        self._keys = {key_id(key): key for key in keys}
        # What a token contains never changes, so that each range of a video need not verify anew.
        self.read = lru_cache(_MOST_REMEMBERED)(self._read)

    @property
    def newest(self) -> str:
        """Return the id of the key that signs new links."""
        return next(iter(self._keys))

    @property
    def key_ids(self) -> Sequence[str]:
        """Return the ids of all keys, the newest first."""
        return tuple(self._keys)

    def _serializer(self, key: str, moment: int | None = None) -> URLSafeTimedSerializer:
        class Signer(_DatedSigner):
            pass

        Signer.moment = moment
        return URLSafeTimedSerializer(
            key,
            salt=Purpose.LINK,
            signer=Signer,
            signer_kwargs=_SHA256,
        )

    def mint(self, handle: str, minted_at: datetime, signed_by: str | None = None) -> str:
        """Return the token of a handle created at that second.

        Args:
            signed_by: id of the key; if that key is no longer in the ring, the newest one signs,
            and the token is not accepted, because its link references another key.
        """
        key = self._keys.get(signed_by or "") or self._keys[self.newest]
        return _text(self._serializer(key, int(minted_at.timestamp())).dumps(handle))

    def _read(self, token: str) -> Opened:
        """Return the content of a token; what is none is not remembered.

        itsdangerous accepts several spellings of one token (bits beyond the last character,
        padding, the other alphabet), so a token is accepted only if it equals its re-serialization.

        Raises:
            BadToken: forged, damaged, or another spelling.
        """
        if not token.isascii() or len(token) > _LONGEST:
            raise BadToken
        for signed_by, key in self._keys.items():
            try:
                handle, moment = self._serializer(key).loads(token, return_timestamp=True)
            except (BadData, ValueError, OverflowError, OSError):
                continue
            if not isinstance(handle, str):
                raise BadToken
            minted_at = moment.astimezone(UTC)
            canonical = self.mint(handle, minted_at, signed_by)
            if not _are_equal(canonical, token):
                raise BadToken
            return Opened(handle=handle, minted_at=minted_at, key_id=signed_by)
        # Constant work: the time must not reveal whether a signature was valid.
        self.mint(new_handle(), datetime.now(UTC))
        raise BadToken


def _text(token: str | bytes) -> str:
    return token if isinstance(token, str) else token.decode("ascii")


def _are_equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())

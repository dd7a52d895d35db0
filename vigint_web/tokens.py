"""Mint and read the tokens of links: an itsdangerous timed serializer over a random handle.

A token proves that this installation minted it; everything else (expiry, revocation, limits) is
decided by the link's row. The time stamp in it is the row's own `minted_at`, so that a link always
has the same token and nothing secret has to be stored.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

_SALT = "vigint.link.v1"
_LONGEST = 200


class BadToken(Exception):
    """Say that a text is not a token of ours, in its one canonical spelling."""


@dataclass(frozen=True)
class Opened:
    """What a genuine token names: the link's handle and the second it was minted."""

    handle: str
    minted_at: datetime


class _DatedSigner(TimestampSigner):
    """Sign with a given second instead of the clock's."""

    moment: int | None = None

    def get_timestamp(self) -> int:
        """Return the second the link was minted."""
        return super().get_timestamp() if self.moment is None else self.moment


def new_handle() -> str:
    """Return 128 random bits as 32 hexadecimal digits."""
    return secrets.token_hex(16)


class LinkTokens:
    """Turn handles into tokens and back, under one secret and one salt."""

    def __init__(self, secret_key: str) -> None:
        self._secret_key = secret_key

    def _serializer(self, moment: int | None = None) -> URLSafeTimedSerializer:
        class Signer(_DatedSigner):
            pass

        Signer.moment = moment
        return URLSafeTimedSerializer(
            self._secret_key,
            salt=_SALT,
            signer=Signer,
            signer_kwargs={"digest_method": hashlib.sha256},
        )

    def mint(self, handle: str, minted_at: datetime) -> str:
        """Return the one token of a handle minted at that second."""
        token = self._serializer(int(minted_at.timestamp())).dumps(handle)
        return token if isinstance(token, str) else token.decode("ascii")

    def read(self, token: str) -> Opened:
        """Return what a token names.

        itsdangerous accepts several spellings of one token (bits beyond the last character,
        padding, the other alphabet), so a token counts only if it equals its re-serialization.

        Raises:
            BadToken: forged, damaged, or another spelling.
        """
        if not token.isascii() or len(token) > _LONGEST:
            raise BadToken
        try:
            handle, moment = self._serializer().loads(token, return_timestamp=True)
        except (BadData, ValueError, OverflowError, OSError):
            raise BadToken from None
        if not isinstance(handle, str):
            raise BadToken
        minted_at = moment.astimezone(UTC)
        if not hmac.compare_digest(self.mint(handle, minted_at).encode(), token.encode()):
            raise BadToken
        return Opened(handle=handle, minted_at=minted_at)

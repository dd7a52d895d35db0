"""Encrypt what the database must not tell by itself, under the installation's secret keys."""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class SealBroken(Exception):
    """Say that a text was sealed under a key that is not there any more, or changed since."""


class Seal:
    """Close and open texts for one purpose, under a ring of keys."""

    def __init__(self, purpose: str, *keys: str) -> None:
        """Take the keys, the newest first; the others only open what they closed before."""
        self._fernet = MultiFernet([Fernet(_derived(purpose, key)) for key in keys])

    def close(self, text: str) -> str:
        """Return a text encrypted and authenticated under the newest key."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def open(self, sealed: str) -> str:
        """Return what was sealed; raises SealBroken."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise SealBroken from None


def _derived(purpose: str, key: str) -> bytes:
    # RFC 5869: a key of its own for each purpose, from secrets of at least 128 bits.
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode())
    return urlsafe_b64encode(derived.derive(key.encode()))

"""Encrypt secrets before they are stored in the database, under the installation's secret keys."""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class SealBroken(Exception):
    """Report a text that was encrypted under a removed key, or modified since."""


class Seal:
    """Encrypt and decrypt texts for one purpose, under a ring of keys."""

    def __init__(self, purpose: str, *keys: str) -> None:
        """Take the keys, the newest first; the others are for decryption only."""
        self._fernet = MultiFernet([Fernet(_derived(purpose, key)) for key in keys])

    def close(self, text: str) -> str:
        """Return a text encrypted and authenticated under the newest key."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def open(self, sealed: str) -> str:
        """Return the decrypted text; raises SealBroken."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise SealBroken from None


def _derived(purpose: str, key: str) -> bytes:
    # RFC 5869: a separate key for each purpose, from secrets of at least 128 bits.
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode())
    return urlsafe_b64encode(derived.derive(key.encode()))

"""Judge passwords as NIST SP 800-63B-4 says, hash them, and check them."""

import secrets
import unicodedata
from collections.abc import Collection

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import gettext as _

# SP 800-63B-4, 3.1.1.2: 15 characters where a password alone opens. A second factor would allow 8,
# but it can be turned off, and the password stays.
SHORTEST = 15
LONGEST = 256
_WORTH_READING = 72
_SERVICE_WORDS = ("vigint", "alerte", "security", "securite")

_hasher = PasswordHasher()
# Verified when there is no account, so that the answer takes the same work.
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))


def generate_password() -> str:
    """Return a password of 120 random bits."""
    return secrets.token_urlsafe(15)


def hash_password(password: str) -> str:
    """Return what is kept of a password: its Argon2id hash, after NFKC."""
    return _hasher.hash(_normalised(password))


def mistakes_in(password: str, context: Collection[str] = ()) -> list[str]:
    """Return what is wrong with a password that somebody chose, in sentences; empty: nothing.

    Length and guessability only: no character is required, and none refused.

    Args:
        context: words that an attacker would try first, such as the person's address.
    """
    password = _normalised(password)
    if not SHORTEST <= len(password) <= LONGEST:
        return [
            _(
                "A password has %(least)d to %(most)d characters.",
                least=SHORTEST,
                most=LONGEST,
            )
        ]
    if _is_guessable(password, context):
        return [
            _(
                "This password is too easy to guess: it is common, repeats itself, or is made of"
                " your address. Choose several words that do not belong together."
            )
        ]
    return []


def verify(password_hash: str | None, password: str) -> bool:
    """Return whether a password is the one that was hashed; without a hash, after the same work."""
    given = _normalised(password)
    if _matches(password_hash or _NOBODY, given):
        return password_hash is not None
    # Hashed before passwords were normalised, perhaps.
    old_way = given != password and _matches(password_hash or _NOBODY, password)
    return old_way and password_hash is not None


def is_outdated(password_hash: str, password: str) -> bool:
    """Return whether a right password should be hashed anew: other parameters, other spelling."""
    if _hasher.check_needs_rehash(password_hash):
        return True
    given = _normalised(password)
    return given != password and not _matches(password_hash, given)


def _normalised(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def _is_guessable(password: str, context: Collection[str]) -> bool:
    from zxcvbn import zxcvbn  # its word lists take a while to load

    words = [*_SERVICE_WORDS, *(word for word in context if len(word) > 2)]
    judged = zxcvbn(password[:_WORTH_READING], user_inputs=words, max_length=_WORTH_READING)
    # The highest of its five grades: more than 10^10 guesses.
    return int(judged["score"]) < 4

"""Check passwords according to NIST SP 800-63B-4, hash them, and verify them."""

import base64
import secrets
import threading
import unicodedata
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from vigint_web.errors import Busy, Mistake, MistakeCode
from vigint_web.services.accounts.password_strength import is_guessable

# SP 800-63B-4, 3.1.1.2: 15 characters where a password alone gives access. A second factor would
# allow 8, but it can be turned off, and the password stays.
SHORTEST = 15
LONGEST = 256
_SERVICE_WORDS = ("vigint", "alerte", "security", "securite")

# Longer passwords were never hashed: NFKC can shorten a text, by less than this.
_LONGEST_GIVEN = 4 * LONGEST

_hasher = PasswordHasher()


def _of_no_password() -> str:
    """Return a hash that no password has, to be verified when there is no account.

    The answer then takes the same work. Hashing something instead would delay every start.
    """

    def random(count: int) -> str:
        return base64.b64encode(secrets.token_bytes(count)).decode().rstrip("=")

    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    salt, digest = random(_hasher.salt_len), random(_hasher.hash_len)
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


_NO_PASSWORD = _of_no_password()
# Each hash takes 64 MiB for about 50 ms: as many as there are threads would take all memory. Beyond
# a number of waiting requests others are refused at once, so that waiting occupies few threads.
_HASHES_AT_ONCE = 4
_MOST_WAITING = 16
_WAIT_SECONDS = 5.0
_places = threading.BoundedSemaphore(_HASHES_AT_ONCE)
_queue = threading.BoundedSemaphore(_HASHES_AT_ONCE + _MOST_WAITING)


def generate_password() -> str:
    """Return a password of 120 random bits."""
    return secrets.token_urlsafe(15)


def hash_password(password: str) -> str:
    """Return the stored form of a password: its Argon2id hash, after NFKC.

    Raises:
        Busy: too many passwords are being hashed.
    """
    with _place():
        return _hasher.hash(_normalised(password))


def mistakes_in(password: str, context: Collection[str] = ()) -> list[Mistake]:
    """Return the errors of a chosen password; empty: none.

    Length and guessability only: no character is required, and none refused.

    Args:
        context: words that an attacker would try first, such as the person's address.
    """
    password = _normalised(password) if len(password) <= _LONGEST_GIVEN else ""
    if not SHORTEST <= len(password) <= LONGEST:
        facts = {"least": SHORTEST, "most": LONGEST}
        return [Mistake(MistakeCode.PASSWORD_LENGTH, "password", facts)]
    words = [*_SERVICE_WORDS, *(word for word in context if len(word) > 2)]
    if is_guessable(password, words):
        return [Mistake(MistakeCode.PASSWORD_GUESSABLE, "password")]
    return []


def verify(password_hash: str | None, password: str) -> bool:
    """Return whether a password matches the hash; without a hash, after the same work.

    Raises:
        Busy: too many passwords are being hashed.
    """
    password = password[:_LONGEST_GIVEN]
    given = _normalised(password)
    if _matches(password_hash or _NO_PASSWORD, given):
        return password_hash is not None
    # Perhaps hashed before passwords were normalized.
    old_way = given != password and _matches(password_hash or _NO_PASSWORD, password)
    return old_way and password_hash is not None


def is_outdated(password_hash: str, password: str) -> bool:
    """Return whether a correct password should be hashed again: other parameters, other
    spelling.
    """
    if _hasher.check_needs_rehash(password_hash):
        return True
    given = _normalised(password)
    return given != password and not _matches(password_hash, given)


def _normalised(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


@contextmanager
def _place() -> Iterator[None]:
    """Hold one of the places for hashing; raise Busy if none becomes free soon."""
    if not _queue.acquire(blocking=False):
        raise Busy
    try:
        if not _places.acquire(timeout=_WAIT_SECONDS):
            raise Busy
        try:
            yield
        finally:
            _places.release()
    finally:
        _queue.release()


def _matches(password_hash: str, password: str) -> bool:
    try:
        with _place():
            return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False

"""Second factors: time-based codes (RFC 6238), and recovery codes for a lost phone."""

import hmac
import logging
import secrets
from dataclasses import dataclass

import pyotp
from sqlalchemy import delete, func, or_, select, update

from vigint_web.clock import utcnow
from vigint_web.crypto.encryption import Seal, SealBroken
from vigint_web.errors import (
    Conflict,
    Invalid,
    Mistake,
    MistakeCode,
    NoSecondFactor,
    UnknownUser,
)
from vigint_web.extensions import db
from vigint_web.models import RecoveryCode, User
from vigint_web.services.accounts import passwords, sessions
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import change, transaction

log = logging.getLogger(__name__)

TOTP = "totp"
RECOVERY_CODE = "recovery_code"
CODES = 10

# The tolerated difference of several machines' clocks.
_MOST_SKEWED_STEPS = 2
_STEP_SECONDS = 30
# Crockford's alphabet, without similar characters.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})
_CODE_LENGTH, _PREFIX_LENGTH = 16, 4


@dataclass(frozen=True)
class Setup:
    """The data for an authenticator application."""

    secret: str
    uri: str


def is_required(user: User) -> bool:
    """Return whether this user's role requires a second factor."""
    return str(user.role) in config().require_two_factor


def begin_setup(actor: Actor, user_id: int) -> None:
    """Generate the secret for an authenticator application; it is active once confirmed.

    Raises:
        Conflict: there is a second factor already.
    """
    with transaction() as session:
        user = session.get_one(User, user_id, with_for_update=True)
        if user.has_second_factor:
            raise Conflict
        user.totp_secret = _seal().close(pyotp.random_base32())
        trail.record(actor, "two_factor:begun", f"user:{user_id}")


def pending_setup(user: User) -> Setup | None:
    """Return the data of an unfinished setup; None: it has not begun."""
    if user.totp_secret is None or user.has_second_factor:
        return None
    try:
        secret = _seal().open(user.totp_secret)
    except SealBroken:
        return None
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name="Vigint")
    return Setup(secret, uri)


def confirm_setup(actor: Actor, user_id: int, code: str, *, keep: int = 0) -> list[str]:
    """Turn the second factor on; every other session ends. Return the recovery codes, once.

    Args:
        code: of the authenticator application, as proof that it has the secret.
        keep: the session that is kept.

    Raises:
        Conflict: nothing is being set up.
        Invalid: the code is wrong.
    """
    codes = _new_codes()
    with transaction() as session:
        user = session.get_one(User, user_id, with_for_update=True)
        setup = pending_setup(user)
        if setup is None:
            raise Conflict
        step = _step_of(setup.secret, code)
        if step is None:
            raise Invalid([Mistake(MistakeCode.WRONG_CODE, "code")])
        user.totp_confirmed_at, user.totp_last_step = utcnow(), step
        _replace_codes(user_id, codes)
        sessions.end_sessions(actor, user_id, keep=keep)
        if keep:
            sessions.add_factor(keep, TOTP)
        trail.record(actor, "two_factor:enabled", f"user:{user_id}")
    return list(codes)


def accept_code(user_id: int, code: str) -> str | None:
    """Return which factor a code proves, and invalidate it; None: it proves nothing.

    A code of the application is valid in its own 30 seconds and in the intervals before and after,
    and never twice (RFC 6238, 5.2); a recovery code is valid once.
    """
    user = db.session.get(User, user_id)
    if user is None or not user.has_second_factor:
        return None
    return _accept_totp(user, code) or _accept_recovery_code(user, code)


def disable(actor: Actor, user_id: int, *, keep: int = 0) -> None:
    """Turn the user's second factor off; every other session ends.

    Raises:
        Conflict: there is none, or the user's role requires one.
    """
    with transaction() as session:
        user = session.get_one(User, user_id)
        if not user.has_second_factor or is_required(user):
            raise Conflict
        _remove(user)
        sessions.end_sessions(actor, user_id, keep=keep)
        trail.record(actor, "two_factor:disabled", f"user:{user_id}")


def remove(actor: Actor, email: str) -> None:
    """Remove a user's lost second factor; their sessions end.

    Raises:
        UnknownUser: there is no such user.
        NoSecondFactor: there is none to remove.
    """
    with transaction() as session:
        user = session.scalar(select(User).where(User.email == email))
        if user is None:
            raise UnknownUser(email)
        if user.totp_secret is None:
            raise NoSecondFactor(email)
        _remove(user)
        sessions.end_sessions(actor, user.id)
        trail.record(actor, "two_factor:reset", f"user:{user.id}")


def renew_recovery_codes(actor: Actor, user_id: int) -> list[str]:
    """Replace the recovery codes; return the new ones, once.

    Raises:
        Conflict: there is no second factor.
    """
    codes = _new_codes()
    with transaction() as session:
        if not session.get_one(User, user_id).has_second_factor:
            raise Conflict
        _replace_codes(user_id, codes)
        trail.record(actor, "recovery_codes:renewed", f"user:{user_id}")
    return list(codes)


def count_recovery_codes(user_id: int) -> int:
    """Return the number of unused recovery codes."""
    unused = RecoveryCode.used_at.is_(None)
    query = select(func.count(RecoveryCode.id)).where(RecoveryCode.user_id == user_id, unused)
    return db.session.scalar(query) or 0


def reseal_secrets() -> int:
    """Re-encrypt every secret under the newest key, before older ones are removed; return their
    number.
    """
    seal, done = _seal(), 0
    with transaction() as session:
        for user in session.scalars(select(User).where(User.totp_secret.is_not(None))):
            try:
                user.totp_secret = seal.close(seal.open(user.totp_secret or ""))
            except SealBroken:
                log.warning("the second factor of user %s cannot be decrypted any more", user.id)
                continue
            done += 1
    return done


def _remove(user: User) -> None:
    user.totp_secret = user.totp_confirmed_at = user.totp_last_step = None
    with transaction() as session:
        session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))


def _seal() -> Seal:
    return Seal("vigint.totp.v1", *config().key_ring)


def _step_of(secret: str, code: str) -> int | None:
    """Return the time step of a code, of the current one and its neighbours."""
    digits = "".join(code.split())
    if len(digits) != 6 or not (digits.isascii() and digits.isdecimal()):
        return None
    now = int(utcnow().timestamp()) // _STEP_SECONDS
    totp, found = pyotp.TOTP(secret), None
    for step in (now - 1, now, now + 1):
        if hmac.compare_digest(totp.generate_otp(step), digits):
            found = step
    return found


def _accept_totp(user: User, code: str) -> str | None:
    try:
        step = _step_of(_seal().open(user.totp_secret or ""), code)
    except SealBroken:
        log.error("the second factor of user %s is encrypted under an unknown key", user.id)
        return None
    if step is None:
        return None
    with transaction() as session:
        # A step further in the future than any accepted one was written before the clock was set
        # back.
        latest = int(utcnow().timestamp()) // _STEP_SECONDS + 1
        fresh = or_(
            User.totp_last_step.is_(None),
            User.totp_last_step < step,
            User.totp_last_step > latest + _MOST_SKEWED_STEPS,
        )
        taken = change(
            session,
            update(User)
            .where(User.id == user.id, User.totp_confirmed_at.is_not(None), fresh)
            .values(totp_last_step=step),
        )
    return TOTP if taken else None


def _accept_recovery_code(user: User, code: str) -> str | None:
    given = _plain(code)
    if len(given) != _CODE_LENGTH:
        return None
    row = db.session.scalar(
        select(RecoveryCode).where(
            RecoveryCode.user_id == user.id,
            RecoveryCode.prefix == given[:_PREFIX_LENGTH],
            RecoveryCode.used_at.is_(None),
        )
    )
    right = passwords.verify(row.code_hash if row is not None else None, given)
    if row is None or not right:
        return None
    with transaction() as session:
        taken = change(
            session,
            update(RecoveryCode)
            .where(RecoveryCode.id == row.id, RecoveryCode.used_at.is_(None))
            .values(used_at=utcnow()),
        )
        if taken:
            left = count_recovery_codes(user.id)
            owner = Actor(label=user.email, user_id=user.id)
            trail.record(owner, "recovery_code:used", f"user:{user.id}", left=left)
    return RECOVERY_CODE if taken else None


def _new_codes() -> dict[str, str]:
    """Return new recovery codes, as displayed, and the hash of each.

    80 random bits are too few for a plain hash (SP 800-63B-4, 3.1.2.2), so they are hashed like
    passwords. That takes long, so it is done before the transaction.
    """
    codes = dict[str, str]()
    while len(codes) < CODES:
        code = _random(_CODE_LENGTH)
        if all(other[:_PREFIX_LENGTH] != code[:_PREFIX_LENGTH] for other in codes):
            codes[code] = passwords.hash_password(code)
    return {
        "-".join(code[at : at + 4] for at in range(0, _CODE_LENGTH, 4)): hashed
        for code, hashed in codes.items()
    }


def _replace_codes(user_id: int, codes: dict[str, str]) -> None:
    with transaction() as session:
        session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
        session.add_all(
            RecoveryCode(user_id=user_id, prefix=code[:_PREFIX_LENGTH], code_hash=hashed)
            for code, hashed in codes.items()
        )


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _plain(code: str) -> str:
    return "".join(code.upper().split()).translate(_MISREAD)

"""Log users in: password, then code; delay guessing; audit success and failure."""

from sqlalchemy import select

from vigint_web.errors import Busy
from vigint_web.extensions import db
from vigint_web.models import User
from vigint_web.services.accounts import two_factor, users
from vigint_web.services.accounts.login_throttling import Attempt, take_attempt
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor, Visitor
from vigint_web.services.core.transactions import transaction

ANONYMOUS = Actor(label="visitor")


def check_password(email: str, password: str, visitor: Visitor, device: str | None) -> User | None:
    """Return the user if the password is theirs; the same work whether or not the account exists.

    Args:
        device: the identity of a browser that has logged in to this account before.

    Raises:
        TooSoon: after earlier failures; the password was not checked.
    """
    email = users.normalise_email(email)
    attempt = take_attempt("password", email, visitor.address, device)
    user = _authenticated(attempt, email, password)
    if user is None:
        _record_failure(
            "login:failed", db.session.scalar(select(User.id).where(User.email == email))
        )
        return None
    attempt.succeeded()
    return user


def check_code(user: User, code: str, visitor: Visitor, device: str | None) -> str | None:
    """Return which factor a code proves, if any, and invalidate the code.

    Raises:
        TooSoon: after earlier failures; the code was not checked.
    """
    attempt = take_attempt("code", user.email, visitor.address, device)
    try:
        factor = two_factor.accept_code(user.id, code)
    except Busy:
        attempt.withdrawn()
        raise
    if factor is None:
        _record_failure("two_factor:failed", user.id)
        return None
    attempt.succeeded()
    return factor


def confirm_password(user: User, password: str, visitor: Visitor) -> bool:
    """Return whether a logged-in user knows the password too; counted by session.

    Raises:
        TooSoon: after earlier failures; the password was not checked.
    """
    attempt = take_attempt("proof", user.email, visitor.address, f"session:{user.session_id}")
    if _authenticated(attempt, user.email, password) is None:
        _record_failure("login:failed", user.id)
        return False
    attempt.succeeded()
    return True


def _authenticated(attempt: Attempt, email: str, password: str) -> User | None:
    try:
        return users.authenticate(email, password)
    except Busy:  # nothing was compared
        attempt.withdrawn()
        raise


def _record_failure(action: str, user_id: int | None) -> None:
    with transaction():
        # The typed address is not logged: people type passwords into that field.
        trail.record(ANONYMOUS, action, f"user:{user_id if user_id is not None else 'unknown'}")

"""Create people and check who they are."""

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import func, select

from vigint_web.clock import utcnow
from vigint_web.config import is_mailbox
from vigint_web.errors import Conflict, Invalid, NotFound
from vigint_web.extensions import db
from vigint_web.models import Role, Site, User
from vigint_web.services import audit
from vigint_web.services.actors import Actor
from vigint_web.services.sites import default_site
from vigint_web.services.transactions import transaction

FIRST_ADMIN = "admin@vigint.local"
SHORTEST_PASSWORD = 12

_hasher = PasswordHasher()
# Verified when the account is unknown, so that the answer takes the same work.
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))


def generate_password() -> str:
    """Return a password of 120 random bits."""
    return secrets.token_urlsafe(15)


def normalise_email(email: str) -> str:
    """Return the address as it is stored and compared."""
    return email.strip().lower()


def create_user(
    actor: Actor, email: str, password: str, role: Role, site: Site | None = None
) -> User:
    """Add a person; without a site, in the default one.

    Raises:
        Conflict: the address is taken.
        Invalid: the password is too short or the address is none.
    """
    email = normalise_email(email)
    _check(email, password)
    site = site or default_site()
    with transaction() as session:
        if session.scalar(select(User.id).where(User.email == email)) is not None:
            raise Conflict(f"{email} exists already.")
        user = User(
            email=email,
            password_hash=_hasher.hash(password),
            role=role,
            session_nonce=secrets.token_hex(8),
            sites=[site],
        )
        session.add(user)
        session.flush()
        audit.record(actor, "user:created", f"user:{user.id}", email=email, role=role.value)
    return user


def set_password(actor: Actor, email: str, password: str) -> User:
    """Replace a password and end every session of that person; raises NotFound, Invalid."""
    email = normalise_email(email)
    _check(email, password)
    with transaction() as session:
        user = session.scalar(select(User).where(User.email == email))
        if user is None:
            raise NotFound(f"There is no user {email}.")
        user.password_hash = _hasher.hash(password)
        user.session_nonce = secrets.token_hex(8)
        audit.record(actor, "user:password_set", f"user:{user.id}", email=email)
    return user


def authenticate(email: str, password: str) -> User | None:
    """Return the person if the password is theirs and they may log in."""
    user: User | None = db.session.scalar(select(User).where(User.email == normalise_email(email)))
    try:
        _hasher.verify(user.password_hash if user else _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return None
    return user if user is not None and user.active else None


def record_login(actor: Actor, user_id: int) -> None:
    """Remember when somebody logged in."""
    with transaction() as session:
        user = session.get_one(User, user_id)
        user.last_login_at = utcnow()
        audit.record(actor, "user:logged_in", f"user:{user_id}")


def find_by_session(identity: str) -> User | None:
    """Return the person of a session cookie, unless that session was ended."""
    number, _, nonce = identity.partition(":")
    if not number.isdecimal() or len(number) > 18:
        return None
    user = db.session.get(User, int(number))
    if user is None or not user.active or not secrets.compare_digest(user.session_nonce, nonce):
        return None
    return user


def ensure_first_admin(actor: Actor) -> str | None:
    """Create the first administrator if there is nobody; return the password, once."""
    with transaction() as session:
        if session.scalar(select(func.count(User.id))):
            return None
        password = generate_password()
        create_user(actor, FIRST_ADMIN, password, Role.ADMIN)
    return password


def admin_addresses() -> list[str]:
    """Return where administrators can be written to."""
    found = db.session.scalars(
        select(User.email).where(User.role == Role.ADMIN, User.active).order_by(User.id)
    )
    return list(found)


def _check(email: str, password: str) -> None:
    mistakes = []
    if not is_mailbox(email):
        mistakes.append("This is not a mail address.")
    if not SHORTEST_PASSWORD <= len(password) <= 256:
        mistakes.append(f"A password has {SHORTEST_PASSWORD} to 256 characters.")
    if mistakes:
        raise Invalid(mistakes)

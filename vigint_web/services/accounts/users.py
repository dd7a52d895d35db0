"""Create users and authenticate them."""

from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Select, func, or_, select

from vigint_web.clock import utcnow
from vigint_web.config.email import EmailConfig
from vigint_web.config.values import LOCALES, is_mailbox
from vigint_web.errors import EmailTaken, Invalid, Mistake, MistakeCode, NotFound, UnknownUser
from vigint_web.extensions import db
from vigint_web.i18n.timezones import is_zone
from vigint_web.models import Role, Site, User
from vigint_web.net.mail_reach import reachable
from vigint_web.services.accounts import passwords, sessions
from vigint_web.services.accounts.sites import default_site
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import transaction

FIRST_ADMIN = "admin@vigint.local"
SHORTEST_PASSWORD = passwords.SHORTEST
generate_password = passwords.generate_password


@dataclass(frozen=True)
class Preferences:
    """A user's preferences.

    Without a locale the browser decides, without a zone the installation.
    """

    locale: str | None
    timezone: str | None
    shortcuts: bool
    autoplay: bool = True
    alert_sound: bool = False


def normalise_email(email: str) -> str:
    """Return the stored and compared form of an address."""
    return email.strip().lower()


def create_user(
    actor: Actor, email: str, password: str, role: Role, site: Site | None = None
) -> User:
    """Add a user; without a site, in the default one.

    Raises:
        EmailTaken: another user has the address.
        Invalid: the password is too short or the address is none.
    """
    email = normalise_email(email)
    _check(email, password)
    site = site or default_site()
    with transaction() as session:
        if session.scalar(select(User.id).where(User.email == email)) is not None:
            raise EmailTaken(email)
        user = User(
            email=email,
            password_hash=passwords.hash_password(password),
            password_set_at=utcnow(),
            role=role,
            sites=[site],
        )
        session.add(user)
        session.flush()
        trail.record(actor, "user:created", f"user:{user.id}", email=email, role=role.value)
    return user


def set_password(actor: Actor, email: str, password: str, *, keep: int = 0) -> User:
    """Replace a password and end every session of that user; raises UnknownUser, Invalid.

    Args:
        keep: the one session that goes on.
    """
    email = normalise_email(email)
    _check(email, password)
    with transaction() as session:
        user = session.scalar(select(User).where(User.email == email))
        if user is None:
            raise UnknownUser(email)
        user.password_hash = passwords.hash_password(password)
        user.password_set_at = utcnow()
        sessions.end_sessions(actor, user.id, keep=keep)
        trail.record(actor, "user:password_set", f"user:{user.id}", email=email)
    return user


def authenticate(email: str, password: str) -> User | None:
    """Return the user if the password is theirs and they may log in."""
    user: User | None = db.session.scalar(select(User).where(User.email == normalise_email(email)))
    right = passwords.verify(user.password_hash if user is not None else None, password)
    if user is None or user.password_hash is None or not right or not user.active:
        return None
    if passwords.is_outdated(user.password_hash, password):
        with transaction() as session:
            row = session.get_one(User, user.id)
            row.password_hash = passwords.hash_password(password)
    return user


def find_user(user_id: int) -> User | None:
    """Return a user by their number."""
    return db.session.get(User, user_id)


def find_user_id(email: str) -> int | None:
    """Return the number of the user with an address."""
    return db.session.scalar(select(User.id).where(User.email == normalise_email(email)))


def preferences_of(user: User) -> Preferences:
    """Return a user's preferences."""
    return Preferences(user.locale, user.timezone, user.shortcuts, user.autoplay, user.alert_sound)


def set_preferences(actor: Actor, wanted: Preferences) -> None:
    """Store the actor's preferences.

    Raises:
        Invalid: the locale or the zone is unknown.
        NotFound: the actor is not a user.
    """
    mistakes = []
    if wanted.locale is not None and wanted.locale not in LOCALES:
        known = {"names": ", ".join(LOCALES)}
        mistakes.append(Mistake(MistakeCode.UNKNOWN_LOCALE, "locale", known))
    if wanted.timezone is not None and not is_zone(wanted.timezone):
        mistakes.append(Mistake(MistakeCode.UNKNOWN_TIMEZONE, "timezone"))
    if mistakes:
        raise Invalid(mistakes)
    with transaction() as session:
        user = session.get(User, actor.user_id) if actor.user_id is not None else None
        if user is None:
            raise NotFound
        before = asdict(preferences_of(user))
        changed = {name: value for name, value in asdict(wanted).items() if value != before[name]}
        if not changed:
            return
        for name, value in changed.items():
            setattr(user, name, value)
        trail.record(actor, "user:preferences_set", f"user:{user.id}", **changed)


def ensure_first_admin(actor: Actor) -> str | None:
    """Create the first administrator if there is no user; return the password, once."""
    with transaction() as session:
        if session.scalar(select(func.count(User.id))):
            return None
        password = generate_password()
        create_user(actor, FIRST_ADMIN, password, Role.ADMIN)
    return password


def address_words(email: str) -> tuple[str, ...]:
    """Return the words of an address, which would make a weak password for its owner."""
    local, _, domain = email.partition("@")
    return (email, local, *domain.split("."))


def admin_addresses() -> list[str]:
    """Return the administrators' mail addresses."""
    found = db.session.scalars(
        select(User.email).where(User.role == Role.ADMIN, User.active).order_by(User.id)
    )
    return list(found)


def alerted_by_default(settings: EmailConfig) -> list[str]:
    """Return the default recipients, so that an alert always has one.

    With an SMTP server, administrators without a mailbox are left out if others have one.
    """
    if settings.recipients:
        return list(dict.fromkeys(settings.recipients))
    found = admin_addresses()
    if settings.server is None:
        return found
    return reachable(found, settings.sender) or found


def alerted_nowhere(settings: EmailConfig) -> list[str]:
    """Return the default recipients, if mails are sent by SMTP and can reach none of them."""
    alerted = alerted_by_default(settings)
    if settings.server is None or reachable(alerted, settings.sender):
        return []
    return alerted


def _check(email: str, password: str) -> None:
    mistakes = []
    if not is_mailbox(email):
        mistakes.append(Mistake(MistakeCode.EMAIL_MALFORMED, "email"))
    mistakes += passwords.mistakes_in(password, address_words(email))
    if mistakes:
        raise Invalid(mistakes)


def select_users_of(sites: ColumnElement[bool]) -> Select[User]:
    """Return the query of the active users who may see some sites, by address.

    Args:
        sites: a condition about `Site`.
    """
    may_see = or_(User.role == Role.ADMIN, User.sites.any(sites))
    return select(User).where(User.active, may_see).order_by(User.email)

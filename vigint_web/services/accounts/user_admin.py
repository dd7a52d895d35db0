"""Manage users: invite them, set their access, deactivate and reactivate them."""

from collections.abc import Collection

from sqlalchemy import func, or_, select

from vigint_web.clock import utcnow
from vigint_web.config.values import is_mailbox
from vigint_web.errors import Conflict, EmailTaken, Invalid, Mistake, MistakeCode, NotFound
from vigint_web.extensions import db
from vigint_web.mail.messages import OUTBOX
from vigint_web.models import AccountMail, AccountMailPurpose, Role, Site, User, UserSession
from vigint_web.services.accounts import account_mails, passwords, sessions, two_factor
from vigint_web.services.accounts.password_links import address_of, open_token
from vigint_web.services.accounts.users import address_words, normalise_email
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import read_again, transaction


class LastAdmin(Conflict):
    """No administrator of this installation would be left."""

    code = "last_admin"


class OwnRole(Conflict):
    """Users cannot change their own role."""

    code = "own_role"


class WithoutSites(Conflict):
    """A user would have no site left."""

    code = "without_sites"

    def __init__(self, email: str) -> None:
        super().__init__(email)
        self.facts = {"email": email}


def list_people() -> list[User]:
    """Return all users, administrators first."""
    order = {Role.ADMIN: 0, Role.OPERATOR: 1, Role.VIEWER: 2}
    found = db.session.scalars(select(User).order_by(User.email))
    return sorted(found, key=lambda user: (not user.active, order[Role(user.role)]))


def count_sessions() -> dict[int, int]:
    """Return each user's number of sessions."""
    rows = db.session.execute(
        select(UserSession.user_id, func.count().label("live"))
        .where(sessions.is_live())
        .group_by(UserSession.user_id)
    )
    return {row.user_id: row.live for row in rows}


def find_person(user_id: int) -> User:
    """Return a user; raises NotFound."""
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound
    return user


def invite(actor: Actor, email: str, role: Role, site_ids: Collection[int], locale: str) -> User:
    """Add a user without a password, and enqueue a mail with a link that sets one.

    Raises:
        EmailTaken: another user has the address.
        Invalid: the address is none, or there is a site that does not exist.
    """
    email = normalise_email(email)
    if not is_mailbox(email):
        raise Invalid([Mistake(MistakeCode.EMAIL_MALFORMED, "email")])
    with transaction() as session:
        if session.scalar(select(User.id).where(User.email == email)) is not None:
            raise EmailTaken(email)
        user = User(
            email=email,
            role=role,
            locale=locale,
            invited_at=utcnow(),
            sites=_sites(site_ids),
        )
        session.add(user)
        session.flush()
        account_mails.queue_mail(email, AccountMailPurpose.INVITATION, locale, user.id)
        trail.record(
            actor,
            "user:invited",
            f"user:{user.id}",
            email=email,
            role=role.value,
            sites=sorted(site_ids),
        )
    return user


def resend_invitation(actor: Actor, user_id: int) -> User:
    """Send another invitation; the previous link becomes invalid.

    Raises:
        Conflict: this user has a password, or may not log in.
    """
    with transaction() as session:
        user = _person(user_id)
        if user.password_hash is not None or not user.active:
            raise Conflict
        account_mails.close_links(user_id)
        user.invited_at = utcnow()
        session.flush()
        account_mails.queue_mail(
            user.email,
            AccountMailPurpose.INVITATION,
            user.locale or config().default_locale,
            user_id,
        )
        trail.record(actor, "user:invitation_resent", f"user:{user_id}")
    return user


def send_password_reset(actor: Actor, user_id: int) -> User:
    """Send a user a link for a new password.

    Raises:
        Conflict: this user was only invited, or may not log in.
    """
    with transaction():
        user = _person(user_id)
        if user.password_hash is None or not user.active:
            raise Conflict
        account_mails.notify(user, AccountMailPurpose.PASSWORD_RESET)
        trail.record(actor, "user:password_reset_sent", f"user:{user_id}")
    return user


def set_password_by_link(token: str, password: str) -> User:
    """Set the password for the holder of a mailed link; the user's sessions and links end.

    Raises:
        NotFound, LinkRefused: the link is invalid, or no longer valid.
        Invalid: the password is too weak.
    """
    mail = open_token(token)
    if mail.user is None:
        raise NotFound
    mistakes = passwords.mistakes_in(password, address_words(mail.user.email))
    if mistakes:
        raise Invalid(mistakes)
    hashed = passwords.hash_password(password)
    with transaction() as session:
        user = session.get_one(User, mail.user_id, with_for_update=True)
        read_again(session, mail)
        if mail.closed_at is not None:
            open_token(token)
        first = user.password_hash is None
        user.password_hash, user.password_set_at = hashed, utcnow()
        account_mails.close_links(user.id)
        owner = Actor(label=user.email, user_id=user.id)
        sessions.end_sessions(owner, user.id)
        trail.record(owner, "user:joined" if first else "user:password_reset", f"user:{user.id}")
        if not first:
            account_mails.notify(user, AccountMailPurpose.PASSWORD_CHANGED)
    return user


def set_access(actor: Actor, user_id: int, role: Role, site_ids: Collection[int]) -> User:
    """Set a user's role and sites; a new role ends their sessions.

    Raises:
        OwnRole: it is the actor's own role.
        LastAdmin: no administrator of this installation would be left.
    """
    with transaction():
        user = _person_and_admins(user_id)
        before = (str(user.role), sorted(site.id for site in user.sites))
        if before == (role.value, sorted(site_ids)):
            return user
        if role != user.role:
            if user_id == actor.user_id:
                raise OwnRole
            _keep_one_admin(user)
            user.role = role
            sessions.end_sessions(actor, user_id)
        user.sites = _sites(site_ids)
        trail.record(
            actor,
            "user:access_set",
            f"user:{user_id}",
            role=role.value,
            sites=sorted(site_ids),
            role_before=before[0],
            sites_before=before[1],
        )
    return user


def list_grantable() -> list[User]:
    """Return the users whose sites matter, by address: administrators see every site."""
    query = select(User).where(User.role != Role.ADMIN).order_by(User.email)
    return list(db.session.scalars(query))


def change_people_of_site(
    actor: Actor, site_id: int, *, granted: Collection[int], withdrawn: Collection[int]
) -> None:
    """Grant a site to users, and withdraw it from others.

    Raises:
        WithoutSites: an active user would have no site left.
    """
    with transaction() as session:
        site = session.get(Site, site_id)
        if site is None:
            raise NotFound
        for user_id in sorted({*granted, *withdrawn}):
            user = _person(user_id)
            sites = {one.id for one in user.sites}
            wanted = sites | {site_id} if user_id in granted else sites - {site_id}
            if wanted == sites:
                continue
            if not wanted and user.active and user.role != Role.ADMIN:
                raise WithoutSites(user.email)
            set_access(actor, user_id, Role(user.role), wanted)


def deactivate(actor: Actor, user_id: int) -> User:
    """Deactivate a user: no login, no session, no mailed link.

    Raises:
        OwnRole: it is the actor.
        LastAdmin: no administrator of this installation would be left.
        Conflict: they are deactivated already.
    """
    with transaction():
        user = _person_and_admins(user_id)
        if not user.active:
            raise Conflict
        if user_id == actor.user_id:
            raise OwnRole
        _keep_one_admin(user)
        user.active = False
        account_mails.close_links(user_id)
        sessions.end_sessions(actor, user_id)
        trail.record(actor, "user:deactivated", f"user:{user_id}")
    return user


def reactivate(actor: Actor, user_id: int) -> User:
    """Let a user log in again, with the same role; raises Conflict if they may already."""
    with transaction():
        user = _person(user_id)
        if user.active:
            raise Conflict
        user.active = True
        trail.record(actor, "user:reactivated", f"user:{user_id}")
    return user


def reset_two_factor(actor: Actor, user_id: int) -> User:
    """Remove a user's lost second factor, and notify them by mail.

    Raises:
        Conflict: they have none.
    """
    user = find_person(user_id)
    with transaction():
        two_factor.remove(actor, user.email)
        account_mails.notify(user, AccountMailPurpose.TWO_FACTOR_RESET)
    return user


def handed_over_link(actor: Actor, user_id: int, *, at_once: bool = False) -> AccountMail | None:
    """Return the mail whose link an administrator may pass on, because there is no mail server.

    Args:
        at_once: also of a mail that is not yet written to the outbox; it was just stored.
    """
    mail = account_mails.newest_mail(user_id)
    usable = (
        mail is not None
        and (mail.channel == OUTBOX or (at_once and config().email.server is None))
        and mail.closed_at is None
        and mail.expires_at > utcnow()
    )
    return mail if usable and user_id != actor.user_id else None


def show_link(actor: Actor, user_id: int, *, at_once: bool = False) -> str:
    """Return the address of such a link; audited.

    Raises:
        NotFound: there is none.
    """
    mail = handed_over_link(actor, user_id, at_once=at_once)
    if mail is None:
        raise NotFound
    with transaction():
        trail.record(actor, "account_link:shown", f"user:{user_id}", purpose=mail.purpose)
    return address_of(mail)


def _person(user_id: int) -> User:
    """Return a user, locked until the end of the caller's transaction."""
    with transaction() as session:
        user = session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise NotFound
    return user


def _sites(site_ids: Collection[int]) -> list[Site]:
    found = list(db.session.scalars(select(Site).where(Site.id.in_(site_ids)).order_by(Site.id)))
    if len(found) != len(set(site_ids)):
        raise Invalid([Mistake(MistakeCode.UNKNOWN_SITE, "sites")])
    return found


def _person_and_admins(user_id: int) -> User:
    """Return a user, locked with every administrator: one of them must remain.

    In a fixed order: of two who remove each other concurrently, one waits and is refused.
    """
    with transaction() as session:
        session.execute(
            select(User.id)
            .where(or_(User.id == user_id, User.role == Role.ADMIN))
            .order_by(User.id)
            .with_for_update()
        )
    return _person(user_id)


def _keep_one_admin(user: User) -> None:
    """Raise LastAdmin if this user is the last administrator who can log in."""
    if user.role != Role.ADMIN or not user.active or user.password_hash is None:
        return
    able = db.session.scalars(
        select(User.id).where(User.role == Role.ADMIN, User.active, User.password_hash.is_not(None))
    ).all()
    if set(able) <= {user.id}:
        raise LastAdmin

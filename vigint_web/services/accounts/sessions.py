"""Begin, find and end sessions: the row decides, the cookie only identifies it."""

import logging
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.exc import OperationalError

from vigint_web.clock import utcnow
from vigint_web.crypto.tokens import digest, new_token
from vigint_web.errors import NotFound, StorageFull
from vigint_web.extensions import db
from vigint_web.models import User, UserSession
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor, Visitor, as_user
from vigint_web.services.core.transactions import change, transaction

log = logging.getLogger(__name__)

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=30)
# The last activity is shown to people: a write per request would be too expensive.
_SEEN_PRECISION = timedelta(minutes=1)


def begin_session(user: User, visitor: Visitor, factors: Collection[str]) -> str:
    """Log a user in; return the token for their cookie: 256 random bits, stored as a hash only.

    Args:
        factors: the proofs: password, totp, recovery_code, mailed_link.
    """
    token = new_token()
    now = utcnow()
    with transaction() as session:
        row = UserSession(
            user_id=user.id,
            token_hash=digest(token),
            factors=" ".join(factors),
            address=visitor.address[:64],
            user_agent=visitor.user_agent[:300],
            created_at=now,
            last_seen_at=now,
        )
        session.add(row)
        session.flush()
        session.get_one(User, user.id).last_login_at = now
        trail.record(
            as_user(user),
            "user:logged_in",
            f"user:{user.id}",
            session=row.id,
            factors=row.factors,
        )
    user.session_id, user.session_token = row.id, token
    return token


def find_user(token: str) -> User | None:
    """Return the user of a session cookie, unless the session is over or they may not log in."""
    row = db.session.scalar(
        select(UserSession).where(UserSession.token_hash == digest(token), is_live())
    )
    if row is None or not row.user.active:
        return None
    user = row.user
    user.session_id, user.session_token = row.id, token
    return user


def touch(session_id: int) -> None:
    """Record that a session is in use; a database that cannot be written is ignored."""
    now = utcnow()
    row = db.session.get(UserSession, session_id)
    if row is None or now - row.last_seen_at < _SEEN_PRECISION:
        return
    try:
        with transaction() as session:
            change(
                session,
                update(UserSession)
                .where(UserSession.id == session_id, UserSession.ended_at.is_(None))
                .values(last_seen_at=now),
            )
    except (OperationalError, StorageFull):
        log.warning("a session's last use could not be recorded")


def sessions_of(user_id: int) -> list[UserSession]:
    """Return the valid sessions of a user, the last one used first."""
    return list(
        db.session.scalars(
            select(UserSession)
            .where(UserSession.user_id == user_id, is_live())
            .order_by(UserSession.last_seen_at.desc(), UserSession.id.desc())
        )
    )


def end_session(actor: Actor, user_id: int, session_id: int) -> None:
    """End one session of a user.

    Raises:
        NotFound: this user has no such valid session.
    """
    with transaction() as session:
        ended = change(
            session,
            update(UserSession)
            .where(
                UserSession.id == session_id,
                UserSession.user_id == user_id,
                UserSession.ended_at.is_(None),
            )
            .values(ended_at=utcnow()),
        )
        if not ended:
            raise NotFound
        trail.record(actor, "session:ended", f"session:{session_id}", user=user_id)


def end_sessions(actor: Actor, user_id: int, *, keep: int = 0) -> int:
    """End every session of a user, except for one to keep; return their number."""
    with transaction() as session:
        ended = change(
            session,
            update(UserSession)
            .where(
                UserSession.user_id == user_id,
                UserSession.id != keep,
                UserSession.ended_at.is_(None),
            )
            .values(ended_at=utcnow()),
        )
        if ended:
            trail.record(actor, "session:ended", f"user:{user_id}", sessions=ended)
    return ended


def current_of(actor: Actor, user_id: int) -> int:
    """Return the actor's own session, if the user is the actor; else 0."""
    return actor.session_id if actor.user_id == user_id else 0


def add_factor(session_id: int, factor: str) -> None:
    """Add a proof to a session, in the caller's transaction."""
    with transaction() as session:
        row = session.get_one(UserSession, session_id)
        if factor not in row.factors.split():
            row.factors = f"{row.factors} {factor}"


def forget_sessions(days: int) -> int:
    """Delete sessions that ended that many days ago, including addresses; return their number."""
    limit = utcnow() - timedelta(days=days)
    with transaction() as session:
        found = session.scalars(
            delete(UserSession)
            .where(or_(UserSession.ended_at < limit, UserSession.last_seen_at < limit - IDLE))
            .returning(UserSession.id)
            .execution_options(synchronize_session=False)
        ).all()
    return len(found)


def is_live() -> ColumnElement[bool]:
    """Return the condition of a valid session."""
    now = utcnow()
    return (
        UserSession.ended_at.is_(None)
        & (UserSession.last_seen_at > now - IDLE)
        & (UserSession.created_at > now - LONGEST)
    )

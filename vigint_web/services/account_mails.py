"""Owe mails to whoever has an account, and send them from a job, never in the request."""

import logging
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from vigint_web.account_letters import AccountLetter, compose_account_mail
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.mail import MailRefused, MailUndelivered, send
from vigint_web.models import AccountMail, AccountMailPurpose, AccountMailState, User
from vigint_web.services import audit, queueing
from vigint_web.services.account_tokens import address_of, carries_link
from vigint_web.services.actors import SYSTEM
from vigint_web.services.alerts import pause_before
from vigint_web.services.claims import Lease, claim, find_due, let_go
from vigint_web.services.runtime import config
from vigint_web.services.transactions import after_commit, change, release_connection, transaction

log = logging.getLogger(__name__)

LIFETIMES = {
    AccountMailPurpose.INVITATION: timedelta(days=7),
    AccountMailPurpose.PASSWORD_RESET: timedelta(hours=1),
    AccountMailPurpose.PASSWORD_CHANGED: timedelta(days=1),
    AccountMailPurpose.TWO_FACTOR_RESET: timedelta(days=1),
}
# Whoever asks in somebody's name fills their mailbox with no more than this.
_RESETS_PER_HOUR = 3
_KEPT = timedelta(days=30)


def owe_mail(
    recipient: str, purpose: AccountMailPurpose, locale: str, user_id: int | None = None
) -> AccountMail:
    """Write down that a mail is owed, and enqueue it after the commit.

    Args:
        user_id: whose account it is about; None: the job finds out, and forgets it if nobody's.
    """
    now = utcnow()
    with transaction() as session:
        row = AccountMail(
            user_id=user_id,
            recipient=recipient,
            purpose=purpose,
            locale=locale,
            handle=secrets.token_hex(16),
            created_at=now,
            expires_at=now + LIFETIMES[purpose],
        )
        session.add(row)
        session.flush()
        mail_id = row.id
        after_commit(lambda: queueing.enqueue_account_mail(mail_id, 0))
    return row


def tell(user: User, purpose: AccountMailPurpose) -> None:
    """Owe a person a notice about their account, inside the caller's transaction."""
    owe_mail(user.email, purpose, user.locale or config().default_locale, user.id)


def ask_for_reset(email: str, locale: str) -> None:
    """Owe whoever has this address a link that sets a password.

    Nothing here depends on whether there is such an account: neither the answer nor its time.
    """
    with transaction():
        owe_mail(email[:254], AccountMailPurpose.PASSWORD_RESET, locale)


def close_links(user_id: int) -> None:
    """Let no mailed link of a person open anything any more, inside the caller's transaction."""
    with transaction() as session:
        change(
            session,
            update(AccountMail)
            .where(AccountMail.user_id == user_id, AccountMail.closed_at.is_(None))
            .values(closed_at=utcnow()),
        )


def deliver(mail_id: int) -> None:
    """Send one mail that is due; do nothing if somebody else does already."""
    lease = claim(AccountMail, mail_id, AccountMail.state == AccountMailState.PENDING)
    if lease is None:
        log.info("account mail %s is settled or in other hands", mail_id)
        return
    row = db.session.get_one(AccountMail, mail_id, populate_existing=True)
    with lease.kept():
        try:
            user = _owner(row)
            if user is None:
                _forget(row)
                return
            letter = _letter(row)
            release_connection()
            channel = send(compose_account_mail(letter, config()), config())
        except MailRefused as error:
            _settle(lease, row, state=AccountMailState.FAILED, error=str(error))
        except Exception as error:
            if not isinstance(error, MailUndelivered):
                log.exception("account mail %s could not be sent", mail_id)
            db.session.rollback()
            _postpone(lease, row, str(error) if isinstance(error, MailUndelivered) else "")
        else:
            _settle(
                lease,
                row,
                state=AccountMailState.SENT,
                sent_at=utcnow(),
                channel=channel,
                user_id=user.id,
                error=None,
            )


def due_account_mails() -> list[tuple[int, int]]:
    """Return id and attempt of the mails that should be under way and are in nobody's hands."""
    return find_due(AccountMail, AccountMail.state == AccountMailState.PENDING)


def newest_mail(user_id: int) -> AccountMail | None:
    """Return the last mail with a link that a person was sent."""
    return db.session.scalar(
        select(AccountMail)
        .where(AccountMail.user_id == user_id, carries_link())
        .order_by(AccountMail.id.desc())
        .limit(1)
    )


def forget_old_mails() -> None:
    """Delete what was owed and settled long ago."""
    with transaction() as session:
        session.execute(
            delete(AccountMail)
            .where(AccountMail.created_at < utcnow() - _KEPT)
            .execution_options(synchronize_session=False)
        )


def _owner(row: AccountMail) -> User | None:
    """Return the person a mail may be sent to; None: nobody, or too many mails already."""
    user = row.user or db.session.scalar(select(User).where(User.email == row.recipient))
    if user is None or not user.active or row.closed_at is not None:
        return None
    if row.user is not None or row.purpose != AccountMailPurpose.PASSWORD_RESET:
        return user
    recent = db.session.scalar(
        select(func.count(AccountMail.id)).where(
            AccountMail.user_id == user.id,
            AccountMail.purpose == AccountMailPurpose.PASSWORD_RESET,
            AccountMail.created_at > utcnow() - timedelta(hours=1),
        )
    )
    return user if (recent or 0) < _RESETS_PER_HOUR else None


def _forget(row: AccountMail) -> None:
    with transaction() as session:
        session.delete(row)
    log.info("account mail %s is owed to nobody", row.id)


def _letter(row: AccountMail) -> AccountLetter:
    linked = row.purpose in {AccountMailPurpose.INVITATION, AccountMailPurpose.PASSWORD_RESET}
    return AccountLetter(
        recipient=row.recipient,
        purpose=row.purpose,
        locale=row.locale,
        message_id=f"<account-{row.handle[:20]}@{urlsplit(config().base_url).hostname}>",
        url=address_of(row) if linked else None,
        expires_at=row.expires_at,
        base_url=config().base_url,
    )


def _postpone(lease: Lease, row: AccountMail, sentence: str) -> None:
    if utcnow() > row.expires_at:
        _settle(lease, row, state=AccountMailState.FAILED, error=sentence)
        return
    next_attempt_at = utcnow() + pause_before(lease.attempt)
    with transaction() as session:
        _let_go(session, lease, error=sentence, next_attempt_at=next_attempt_at)
    log.warning("account mail %s not delivered yet", row.id)


def _settle(lease: Lease, row: AccountMail, **values: Any) -> None:
    with transaction() as session:
        done = _let_go(session, lease, next_attempt_at=None, **values)
        if done:
            sent = values["state"] == AccountMailState.SENT
            audit.record(
                SYSTEM,
                "account_mail:sent" if sent else "account_mail:failed",
                f"user:{values.get('user_id', row.user_id)}",
                purpose=row.purpose,
            )
    log.info("account mail %s is %s", row.id, values["state"])


def _let_go(session: Session, lease: Lease, **values: Any) -> int:
    return let_go(session, lease, AccountMail.state == AccountMailState.PENDING, **values)
